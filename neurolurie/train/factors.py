"""Building blocks of parametrisations: rotations, positive numbers, singular value forms, the projection on a bound."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from neurolurie.train.model import Counted, vector, zeros

EPS = 1e-4  # 1/s: how far inside its bound every member stays at least (theory T2a: a bound met with equality is none)


class Orthogonal(Counted):
    """``count`` matrices (rows, columns) with orthonormal columns, by the Cayley map around a base.

    (Half the time of the matrix exponential at n = 3; it leaves out turns by exactly half a circle from the base.)

    A square one moves within the component (determinant +1 or -1) of the base it was last set to.
    """

    def __init__(self, count: int, rows: int, columns: int):
        super().__init__()
        self.size = count * (rows * columns - columns * (columns + 1) // 2)
        self.weight = nn.Parameter(torch.eye(rows, columns).repeat(count, 1, 1))
        with torch.random.fork_rng(devices=[]):  # torch completes a tall base with random columns
            torch.manual_seed(0)
            orthogonal(self, "weight", "cayley")

    def forward(self) -> Tensor:
        return self.weight

    def set(self, value) -> None:
        """Make this the base. Rows and columns must be orthonormal."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.weight = torch.as_tensor(np.array(value), dtype=self.parametrizations.weight.original.dtype)

    def sample(self, rng: np.random.Generator) -> None:
        """Haar-distributed."""
        shape = self.parametrizations.weight.original.shape
        Q, R = np.linalg.qr(rng.normal(size=shape))
        self.set(Q * np.sign(np.diagonal(R, axis1=-2, axis2=-1))[..., None, :])


class Turns(nn.Module):
    """Named `Orthogonal` matrices, those of one shape in one tensor: small ones cost by the call, not by the number.

    ``shapes`` : name -> (count, rows, columns).
    """

    def __init__(self, shapes: dict[str, tuple[int, int, int]]):
        super().__init__()
        self.places: dict[str, tuple[str, slice]] = {}
        counts: dict[str, tuple[int, int, int]] = {}
        for name, (count, rows, columns) in shapes.items():
            group = f"{rows}x{columns}"
            before = counts.get(group, (0, 0, 0))[0]
            self.places[name] = (group, slice(before, before + count))
            counts[group] = (before + count, rows, columns)
        self.groups = nn.ModuleDict({group: Orthogonal(*shape) for group, shape in counts.items()})

    def forward(self) -> dict[str, Tensor]:
        groups = {name: group() for name, group in self.groups.items()}
        return {name: groups[group][place] for name, (group, place) in self.places.items()}

    def set(self, **values) -> None:
        """New bases for the names given; the others become their own bases."""
        for group, module in self.groups.items():
            whole = module().detach().double().numpy().copy()
            for name, value in values.items():
                if self.places[name][0] == group:
                    whole[self.places[name][1]] = value
            module.set(whole)

    def sample(self, rng: np.random.Generator) -> None:
        for module in self.groups.values():
            module.sample(rng)


def product(left: Tensor, values: Tensor, right: Tensor) -> Tensor:
    """``U diag(s) V^T``. s has any sign, so that determinants of both signs are reached (theory T2b)."""
    return (left * values[:, None, :]) @ right.mT


def singular(values: Tensor) -> Tensor:
    """Singular values of `product`, largest first (T2c: each matrix by itself)."""
    return values.abs().sort(dim=-1, descending=True).values


class Triangular(Counted):
    """``count`` matrices ``T = diag(e^d) N``, N upper triangular with ones on its diagonal; ``P = T^T T`` is any P > 0.

    With ``scalar`` T is ``e^d I``.
    """

    def __init__(self, count: int, n: int, scalar: bool):
        super().__init__()
        self.n, self.scalar = n, scalar
        self.logarithm = zeros(count, 1 if scalar else n)
        if not scalar:
            self.upper = zeros(count, n, n)
        self.size = count if scalar else count * n * (n + 1) // 2

    def forward(self) -> Tensor:
        scale = self.logarithm.exp().expand(-1, self.n)
        if self.scalar:
            return torch.diag_embed(scale)
        return scale[..., None] * (torch.eye(self.n).to(scale) + self.upper.triu(1))

    def set(self, metric: np.ndarray) -> None:
        """From P > 0, (count, n, n); with ``scalar`` from its mean eigenvalue."""
        if self.scalar:
            vector(self.logarithm, 0.5 * np.log(np.trace(metric, axis1=-2, axis2=-1) / self.n)[:, None])
            return
        T = np.swapaxes(np.linalg.cholesky(metric), -1, -2)
        scale = np.diagonal(T, axis1=-2, axis2=-1)
        vector(self.logarithm, np.log(scale))
        vector(self.upper, T / scale[..., None])


def positive(raw: Tensor) -> Tensor:
    """Any number to one above `EPS` (softplus)."""
    return nn.functional.softplus(raw) + EPS


def raw_of(value: np.ndarray) -> np.ndarray:
    """The number that `positive` turns into ``value``; values at or below `EPS` become its near neighbour."""
    excess = np.maximum(np.asarray(value, float) - EPS, 1e-9)
    return excess + np.log(-np.expm1(-excess))


def top(values: Tensor, k: int) -> Tensor:
    """Sum of the k largest entries along the last axis."""
    return values.topk(k, dim=-1).values.sum(dim=-1)


def lowered(values: np.ndarray, k: int, bound: float) -> np.ndarray:
    """The vector nearest to ``values`` whose k largest entries sum to at most ``bound``; the order is kept.

    >>> lowered(np.array([3.0, 1.0, -5.0]), 2, 0.0)
    array([ 1., -1., -5.])
    """
    values = np.asarray(values, float)

    def moved(step: float) -> np.ndarray:
        """``values - step w``: w in [0, 1] with sum k is nearest to values / step (Moreau's decomposition)."""
        low, high = values.min() - step, values.max()
        for _ in range(60):
            threshold = 0.5 * (low + high)
            if np.clip((values - threshold) / step, 0.0, 1.0).sum() > k:
                low = threshold
            else:
                high = threshold
        return values - step * np.clip((values - threshold) / step, 0.0, 1.0)

    excess = lambda candidate: np.sort(candidate)[::-1][:k].sum() - bound  # noqa: E731
    if excess(values) <= 0:
        return values
    low, high = 0.0, 2.0 * (np.abs(values).sum() + abs(bound)) + 1.0
    for _ in range(60):
        step = 0.5 * (low + high)
        low, high = (step, high) if excess(moved(step)) > 0 else (low, step)
    return moved(high)
