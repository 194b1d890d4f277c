"""The same time loop out of torch operations: what the kernels are held to, and what runs where they cannot."""

from __future__ import annotations

import torch

from neurolurie.kernels.description import Tableau
from neurolurie.network.phi import Phi


def plain_rollout(A, B, C, bx, by, x0, size, *, phi: Phi, tableau: Tableau, steps: int, every: int | None):
    """The recorded states (trials, rows, n); differentiable to any order and in any mode. ``size`` (n,) is the step."""
    apply = elementwise(phi, x0.device)
    At, Bt, Ct = A.T, B.T, C.T
    x, rows = x0, [x0] if every is not None else []
    for step in range(1, steps + 1):
        rates = []
        for row in tableau.stages:
            stage = x
            for a, k in zip(row, rates, strict=True):
                if a:
                    stage = stage + (a * size) * k
            rates.append(stage @ At + apply(stage @ Ct + by) @ Bt + bx)
        for b, k in zip(tableau.weights, rates, strict=True):
            x = x + (b * size) * k
        if step == steps or (every is not None and step % every == 0):
            rows.append(x)
    return torch.stack(rows, dim=1)


def elementwise(phi: Phi, device: torch.device):
    """phi as a function of a tensor (trials, m)."""
    if len(phi.kinds) == 1:
        function = phi.kinds[0].torch
        return lambda y: function(torch, y)
    order = [torch.as_tensor((phi.index == place).nonzero()[0], device=device) for place in range(len(phi.kinds))]
    back = torch.argsort(torch.cat(order))
    return lambda y: torch.cat(
        [kind.torch(torch, y[:, places]) for kind, places in zip(phi.kinds, order, strict=True)], dim=1
    )[:, back]
