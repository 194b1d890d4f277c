"""Running a rollout and its reverse sweep on tensors, by the Triton kernels: memory is bounded by a window of steps."""

from __future__ import annotations

import torch

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu import adjoint_source, forward_source
from neurolurie.kernels.gpu.run_forward import launch
from neurolurie.kernels.gpu.text import BLOCK

RECORDS = 256 << 20  # bytes of records that are summed at once
STRETCH = 256 << 20  # bytes of states that are run again at once


def forward(
    description: Description, weights: dict[str, torch.Tensor], x0: torch.Tensor, steps: int, every: int
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The states (trials, rows, n), time outermost in memory, and the last (trials, n).

    weights : A, B, C, by, size, and drive (that is bx), contiguous, of the description's dtype, on the device of x0.
    x0 : (trials, n), in any layout. every : keep every ``every``-th step and the last, after x0; 0 keeps no states.
    """
    trials, n = x0.shape
    out = x0.new_empty((1 - (-steps // every) if every else 0, n, trials))
    last = x0.new_empty((n, trials))
    scratch = x0.new_empty(forward_source.scratch_size(description, trials))
    launch(
        forward_source.kernel(description), trials, x0,
        *(weights[name] for name in ("A", "B", "C", "by", "size", "size", "drive")), x0.T.contiguous(), out, last,
        scratch, 0, 0, trials, trials, steps, every, 0, 0, 0, 0,
    )  # fmt: skip
    return out.permute(2, 0, 1), last.T


def adjoint(
    description: Description,
    weights: dict[str, torch.Tensor],
    saved: torch.Tensor,
    spacing: int,
    g: torch.Tensor,
    steps: int,
    every: int,
) -> dict[str, torch.Tensor]:
    """Gradients of A, B, C, bx, by, size and x0 (trials, n), of the description's dtype.

    weights : as for `forward`. saved : (trials, rows, n), the states at steps 0, spacing, 2 spacing, ...
    g : (trials, rows, n), the gradient of the recorded states, in any layout. every : as for `forward`.

    Products of records are summed over the 128 trials of a program in the description's dtype (torch's setting for
    TF32 applies), and everything beyond that in float64.
    """
    d, n, m = description, description.n, description.m
    trials = len(g)
    rows = saved.permute(1, 2, 0).contiguous()
    programs, stages, item = forward_source.programs(trials), len(d.tableau.weights), g.element_size()
    tile = 2 * (n + m) * BLOCK
    z = g[:, -1].T.clone(memory_format=torch.contiguous_format)
    window = max(1, RECORDS // (stages * programs * tile * item))
    products, sums = g.new_zeros((n + m, n + m), dtype=torch.float64), g.new_zeros(n + m, dtype=torch.float64)
    for origin, end, states, pitches in _stretches(d, weights, rows, spacing, steps):
        for first in reversed(range(origin, end, window)):
            count = min(window, end - first)
            records = g.new_empty((count * stages * programs, 2 * (n + m), BLOCK))
            launch(
                adjoint_source.kernel(d), trials, g,
                *(weights[name] for name in ("A", "B", "C", "by", "size", "drive")), states, g, z, records, trials,
                *pitches, spacing, origin, first, count, *(g.stride(k) for k in range(3)), every, programs * tile,
            )  # fmt: skip
            right, left = records[:, : n + m], records[:, n + m :]
            products += torch.bmm(left, right.mT).sum(0, dtype=torch.float64)
            sums += left.sum(2).sum(0, dtype=torch.float64)
    found = {"A": products[:n, :n], "B": products[:n, n:], "C": products[n:, :n], "bx": sums[:n], "by": sums[n:]}
    # A step size multiplies whatever reaches its rate, so its gradient is the sum of e k / size; k = A x + B p + bx.
    rates = sum((weights[name] * found[name]).sum(1) for name in "AB") + weights["drive"] * found["bx"]
    found["size"] = rates / weights["size"]
    # copies: what an operator returns may not share memory, and these are pieces of one sum
    found = {name: value.to(g.dtype).clone(memory_format=torch.contiguous_format) for name, value in found.items()}
    return found | {"x0": z.T.contiguous()}


def _stretches(d: Description, weights: dict[str, torch.Tensor], rows: torch.Tensor, spacing: int, steps: int):
    """All steps in stretches, the last first: where each begins and ends, its states and their pitches.

    The state s steps after saved state ``piece`` of a stretch begins at ``piece * pitches[0] + s * pitches[1]``, its
    numbers being ``pitches[2]`` apart. Where steps were not saved, many pieces are run again side by side, as if each
    were a set of trials of its own.
    """
    n, trials = rows.shape[1:]
    if spacing == 1:
        yield 0, steps, rows, (n * trials, n * trials, trials)
        return
    pieces = -(-steps // spacing)
    block = max(1, STRETCH // (spacing * n * trials * rows.element_size()))
    for begin in reversed(range(0, pieces, block)):
        count = min(block, pieces - begin)
        origin, end = begin * spacing, min((begin + count) * spacing, steps)
        length = min(spacing, end - origin)
        if length == 1:
            yield origin, end, rows[begin:], (n * trials, n * trials, trials)
            continue
        start = rows[begin : begin + count].permute(0, 2, 1).reshape(count * trials, n)
        states = forward(d, weights, start, length - 1, 1)[0]
        yield origin, end, states.permute(1, 2, 0), (trials, n * count * trials, count * trials)
