"""SlopeBox: the matrices of a network with the range of every slope, which is all that most tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork


@dataclass(frozen=True, eq=False)
class SlopeBox:
    """All Jacobians ``J(D) = A + B D C`` with ``D = diag(d)``, ``low <= d <= high`` (dense matrices, 1/s).

    >>> box = SlopeBox.of(LurieNetwork(A=-np.eye(2), B=np.eye(2), C=np.eye(2), phi="logistic"))
    >>> box.centre
    array([[-0.875,  0.   ],
           [ 0.   , -0.875]])
    """

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, network: LurieNetwork) -> SlopeBox:
        """The box of a network, without the preactivations that reach no state or read none."""
        dense = network.dense()
        low, high = network.phi.slope_range()
        used = dense.B.any(axis=0) & dense.C.any(axis=1)
        return cls(dense.A, dense.B[:, used], dense.C[used], low[used], high[used])

    @property
    def n(self) -> int:
        return self.A.shape[0]

    @property
    def m(self) -> int:
        return self.B.shape[1]

    @property
    def finite(self) -> bool:
        """Every slope is bounded (only the trace test can do without)."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @cached_property
    def middle(self) -> np.ndarray:
        return 0.5 * (self.low + self.high)

    @cached_property
    def radius(self) -> np.ndarray:
        return 0.5 * (self.high - self.low)

    @cached_property
    def centre(self) -> np.ndarray:
        """``A + B diag(middle) C``."""
        return self.jacobian(self.middle)

    def jacobian(self, slopes: np.ndarray) -> np.ndarray:
        """``A + B diag(slopes) C`` for slopes of shape (..., m): shape (..., n, n)."""
        return self.A + (self.B * np.asarray(slopes)[..., None, :]) @ self.C

    def turned(self, T: np.ndarray) -> SlopeBox:
        """The same box in the coordinates ``z = T x``: ``T A T^-1, T B, C T^-1``."""
        inverse = np.linalg.inv(T)
        return SlopeBox(T @ self.A @ inverse, T @ self.B, self.C @ inverse, self.low, self.high)

    def scaled(self, gain: float) -> SlopeBox:
        """The box whose slopes are multiplied by ``gain`` (for critical-slope studies)."""
        return SlopeBox(self.A, self.B, self.C, gain * self.low, gain * self.high)

    def vertices(self) -> np.ndarray:
        """All corners of the box that differ, shape (2^free, m); raises SpecError beyond 20 free slopes."""
        free = np.flatnonzero(self.high > self.low)
        if len(free) > 20:
            raise SpecError(f"{len(free)} free slopes have too many corners to list; at most 20.")
        corners = np.tile(self.low, (2 ** len(free), 1))
        bits = (np.arange(2 ** len(free))[:, None] >> np.arange(len(free))) & 1
        corners[:, free] = np.where(bits, self.high[free], self.low[free])
        return corners


def top_sums(matrix: np.ndarray) -> np.ndarray:
    """``s_k(M)`` for every k: sums of the k largest eigenvalues of ``(M + M^T)/2``; shape (..., n).

    >>> top_sums(np.diag([1.0, -3.0, -1.0]))
    array([ 1.,  0., -3.])
    """
    values = np.linalg.eigvalsh(0.5 * (matrix + np.swapaxes(matrix, -1, -2)))
    return np.cumsum(values[..., ::-1], axis=-1)
