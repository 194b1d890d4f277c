"""Single networks that are k-contracting for every value of their parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from neurolurie.network.lurie import LurieNetwork
from neurolurie.train.contracting import Circuits
from neurolurie.train.factors import Triangular
from neurolurie.train.model import Model, require_slopes, vector


class Spectral(Model):
    """One circuit of `contracting.Circuits` in coordinates ``z = T x`` (T = I unless the class learns it).

    The members are ``(T^-1 A T, T^-1 B, C T)``; they contract in ``P = T^T T``, because s_k does not see T.
    """

    guarantee = "k-contracting"
    bound: ClassVar[str]
    spectrum: ClassVar[str]
    drift: ClassVar[str] = "full"
    learns_metric: ClassVar[bool] = False

    def __init__(
        self, n: int, k: int, g: float = 1.0, m: int | None = None, phi: str | None = None, biases: bool = True,
        seed: int = 0,
    ):  # fmt: skip
        super().__init__(n, k, g, m, phi)
        require_slopes(self)
        self.core = Circuits(
            1, self.n, self.m, self.k, self.g, bound=self.bound, spectrum=self.spectrum, drift=self.drift
        )
        self._add_offsets(biases)
        self.T = Triangular(1, self.n, scalar=False) if self.learns_metric else None
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        A, B, C = (part[0] for part in self.core())
        if self.T is not None:
            T = self.T()[0]
            A, B, C = solve(T, A @ T), solve(T, B), C @ T
        return A, B, C, self.bx, self.by

    def _draw(self, rng: np.random.Generator) -> None:
        self.core.sample(rng)
        self._draw_offsets(rng)
        if self.T is not None:
            vector(self.T.logarithm, rng.normal(0.0, 0.2, (1, self.n)))
            vector(self.T.upper, rng.normal(0.0, 0.2, (1, self.n, self.n)))

    @property
    def metric(self) -> np.ndarray | None:
        if self.T is None:
            return None
        T = self.T()[0].detach().double().numpy()
        return T.T @ T

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        A, B, C = network.A, network.B, network.C
        if self.T is not None:
            self.T.set((np.eye(self.n) if metric is None else np.asarray(metric))[None])
            T = self.T()[0].double().numpy()
            inverse = np.linalg.inv(T)
            A, B, C = T @ A @ inverse, T @ B, C @ inverse
        self.core.take(A[None], B[None], C[None])
        self._take_offsets(network)


class Hurwitz(Spectral):
    """The paper's Hurwitz form: ``A = 1/2 U S U^T + 1/2 Y``, ``S = -sqrt(4 z_k / k) I - G``, G > 0 (Theorem 2).

    >>> model = Hurwitz(n=3, k=2)
    >>> A = model.freeze().A
    >>> bool(np.linalg.eigvalsh(A + A.T).max() < 0)
    True
    """

    bound, spectrum = "theorem-1", "each"


class HurwitzScalar(Spectral):
    """The Hurwitz form with ``A = -a I``."""

    bound, spectrum, drift = "theorem-1", "each", "scalar"


class HurwitzDiagonal(Spectral):
    """The Hurwitz form with a diagonal A."""

    bound, spectrum, drift = "theorem-1", "each", "diagonal"


class HurwitzSymmetric(Spectral):
    """The Hurwitz form with a symmetric A."""

    bound, spectrum, drift = "theorem-1", "each", "symmetric"


class NonHurwitz(Spectral):
    """Every network that satisfies Theorem 1 for k: only the k largest eigenvalues of sym(A) have to sum below it.

    A need not be Hurwitz: for k >= 2 trajectories need not stay bounded.
    """

    bound, spectrum = "theorem-1", "sum"


class KyFan(Spectral):
    """Every network with ``s_k(A) + g sum_{i<=k} sigma_i(B) sigma_i(C) < 0`` (K1); contains `NonHurwitz`."""

    bound, spectrum = "k1", "sum"


class KyFanHurwitz(Spectral):
    """K1 with every eigenvalue of sym(A) below ``-(g/k) sum_{i<=k} sigma_i(B) sigma_i(C)``; contains `Hurwitz`."""

    bound, spectrum = "k1", "each"


class Centred(Spectral):
    """Every network with ``s_k(A + (g/2) B C) + (g/2) sum_{i<=k} sigma_i(B) sigma_i(C) < 0`` (K2); contains `KyFan`."""

    bound, spectrum = "k2", "sum"


class CentredHurwitz(Spectral):
    """K2 with every eigenvalue of sym(A + (g/2) B C) below ``-(g/2k) sum_{i<=k} sigma_i(B) sigma_i(C)``."""

    bound, spectrum = "k2", "each"


class LearntMetric(Spectral):
    """`Centred` in a metric ``P = T^T T`` learnt with the rest: every network that K2 certifies in some metric."""

    bound, spectrum, learns_metric = "k2", "sum", True


def solve(T: Tensor, right: Tensor) -> Tensor:
    """``T^-1 right`` for upper triangular T."""
    return torch.linalg.solve_triangular(T, right, upper=True)
