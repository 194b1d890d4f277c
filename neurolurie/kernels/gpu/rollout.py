"""What the operators of `neurolurie.kernels.operator` do on the Triton kernels: tensors in, tensors out, no numpy."""

from __future__ import annotations

import torch

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu import run_adjoint


def states(
    description: Description, A, B, C, bx, by, x0, size, steps: int, every: int, spacing: int
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The recorded states (trials, rows, n), and those saved for the gradient: none where the first serve."""
    weights = _weights(A, B, C, bx, by, size)
    kept, last = run_adjoint.forward(description, weights, x0.detach(), steps, every or spacing)
    return (kept, x0.new_empty((0,))) if every else (last[:, None].contiguous(), kept)


def gradients(
    description: Description, A, B, C, bx, by, size, g, saved, steps: int, every: int, spacing: int
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Gradients of A, B, C, bx, by, x0, size, given the gradient ``g`` of the recorded states."""
    weights = _weights(A, B, C, bx, by, size)
    found = run_adjoint.adjoint(
        description, weights, saved.detach(), every or spacing, g.detach(), steps, every
    )  # fmt: skip
    return tuple(found[name] for name in ("A", "B", "C", "bx", "by", "x0", "size"))


def _weights(A, B, C, bx, by, size) -> dict[str, torch.Tensor]:
    named = {"A": A, "B": B, "C": C, "drive": bx, "by": by, "size": size}
    return {name: tensor.detach().contiguous() for name, tensor in named.items()}
