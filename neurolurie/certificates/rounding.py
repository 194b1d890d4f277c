"""Matrices with proved rounding bounds: every Ball encloses the exact value whatever the order of the sums (Rump 1999,
2006).

A Ball is ``|X - mid| <= rad`` entrywise. Products use ``|fl(a.b) - a.b| <= gamma_n |a|.|b|``, true for any order of
summation and with fused multiply-add; radii are rounded up by inflating them. Batches (..., rows, columns) work
throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNIT = 2.0**-53
TINY = 1e-290  # covers underflow


def gamma(n: int) -> float:
    """``n u / (1 - n u)``, rounded up."""
    return n * UNIT / (1 - n * UNIT) * (1 + 8 * UNIT)


def upwards(value: np.ndarray, terms: int = 1) -> np.ndarray:
    """An upper bound of a non-negative quantity that was computed with about ``terms`` roundings."""
    return value * (1 + gamma(terms + 8)) + TINY


@dataclass(frozen=True, eq=False)
class Ball:
    """All matrices X with ``|X - mid| <= rad``."""

    mid: np.ndarray
    rad: np.ndarray

    @classmethod
    def of(cls, value) -> Ball:
        """A matrix of doubles, taken exactly."""
        value = np.asarray(value, float)
        return cls(value, np.zeros_like(value))

    @property
    def T(self) -> Ball:
        return Ball(np.swapaxes(self.mid, -1, -2), np.swapaxes(self.rad, -1, -2))

    def __add__(self, other: Ball) -> Ball:
        mid = self.mid + other.mid
        return Ball(mid, upwards(self.rad + other.rad + UNIT * np.abs(mid), 3))

    def __neg__(self) -> Ball:
        return Ball(-self.mid, self.rad)

    def __sub__(self, other: Ball) -> Ball:
        return self + (-other)

    def __mul__(self, other: Ball) -> Ball:
        """Entrywise, with broadcasting."""
        mid = self.mid * other.mid
        rad = np.abs(self.mid) * other.rad + self.rad * (np.abs(other.mid) + other.rad) + UNIT * np.abs(mid)
        return Ball(mid, upwards(rad, 6))

    def __matmul__(self, other: Ball) -> Ball:
        inner = self.mid.shape[-1]
        size, other_size = np.abs(self.mid), np.abs(other.mid)
        rad = gamma(inner + 2) * (size @ other_size)
        if other.rad.any():
            rad = rad + size @ other.rad
        if self.rad.any():
            rad = rad + self.rad @ (other_size + other.rad)
        return Ball(self.mid @ other.mid, upwards(rad, 2 * inner + 6))

    def symmetric_part(self) -> Ball:
        return Ball.of(0.5) * (self + self.T)

    def norm(self) -> np.ndarray:
        """An upper bound of the Frobenius norm, shape (...)."""
        size = np.abs(self.mid) + self.rad
        return upwards(np.sqrt(upwards(np.sum(size * size, axis=(-1, -2)), size.shape[-1] * size.shape[-2])), 4)


def identity(n: int) -> Ball:
    return Ball.of(np.eye(n))


def inverse(T: np.ndarray) -> Ball | None:
    """An enclosure of ``T^-1``, or None if T is too close to singular."""
    try:
        R = np.linalg.inv(T)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(R).all():
        return None
    left = Ball.of(T) @ Ball.of(R) - identity(len(T))
    row = upwards((np.abs(left.mid) + left.rad).sum(axis=1), len(T)).max()
    if not row < 0.5:
        return None
    # T^-1 = R (I + F)^-1 and each entry of (I + F)^-1 - I is at most |F|/(1 - |F|)
    spread = upwards(np.abs(R).sum(axis=1, keepdims=True) * (row / (1 - row)), len(T) + 4)
    return Ball(R, np.broadcast_to(spread, R.shape))


def top_sums(X: Ball) -> np.ndarray:
    """Upper bounds of the sums of the k largest eigenvalues, k = 1..n, of every symmetric matrix in X; shape (..., n).

    With computed ``X = V L V^T + E`` and ``|V^T V - I| <= d < 1``: the eigenvalues of ``V L V^T`` are ``theta_i l_i``
    with theta_i in [1 - d, 1 + d] (Ostrowski), and those of E add at most ``sqrt(k) |E|_F``.
    """
    n = X.mid.shape[-1]
    middle = 0.5 * (X.mid + np.swapaxes(X.mid, -1, -2))
    values, V = np.linalg.eigh(middle)
    basis, scaled = Ball.of(V), V * values[..., None, :]
    rest = (X - Ball(scaled, upwards(UNIT * np.abs(scaled))) @ basis.T).norm()[..., None]
    skew = (basis.T @ basis - identity(n)).norm()[..., None]
    largest = values[..., ::-1]
    total, size = np.cumsum(largest, axis=-1), upwards(np.cumsum(np.abs(largest), axis=-1), n)
    total = total + upwards(skew * size, 4) + upwards(np.sqrt(np.arange(1, n + 1)) * rest, 4)
    return np.where(skew < 0.5, total + gamma(4 * n + 8) * (size + np.abs(total)), np.inf)


def top_sum(X: Ball, k: int) -> np.ndarray:
    """The k-th of `top_sums`; shape (...)."""
    return top_sums(X)[..., k - 1]


def singular_values(X: Ball) -> np.ndarray:
    """Upper bounds of the singular values of every matrix in X, largest first; shape (..., min(rows, columns))."""
    U, values, Vt = np.linalg.svd(X.mid, full_matrices=False)
    left, right = Ball.of(U), Ball.of(Vt)
    product = U * values[..., None, :]
    rest = (X - Ball(product, upwards(UNIT * np.abs(product))) @ right).norm()
    unit = identity(values.shape[-1])
    stretch = (1 + (left.T @ left - unit).norm()) * (1 + (right @ right.T - unit).norm())
    return upwards(values * stretch[..., None] + rest[..., None], 8)


def is_positive_definite(X: Ball) -> np.ndarray:
    """Whether every symmetric matrix in X is proved positive definite; shape (...).

    Floating-point Cholesky of ``mid - c I`` runs to its end only if ``mid > (c - gamma_(n+2) tr) I`` (Rump 2006), and
    the radii add at most their largest row sum.
    """
    n = X.mid.shape[-1]
    mid = 0.5 * (X.mid + np.swapaxes(X.mid, -1, -2))
    rad = np.maximum(X.rad, np.swapaxes(X.rad, -1, -2)) + UNIT * np.abs(mid)
    trace = np.abs(np.diagonal(mid, axis1=-2, axis2=-1)).sum(axis=-1)
    c = upwards(gamma(n + 3) * upwards(trace, n) * 2 + upwards(rad.sum(axis=-1).max(axis=-1), n), 8)
    shifted = mid - (c * (1 + 8 * UNIT))[..., None, None] * np.eye(n)
    # subtracting c rounds each diagonal entry once more
    shifted = shifted - 4 * UNIT * np.abs(mid).max(axis=(-1, -2))[..., None, None] * np.eye(n)
    flat = shifted.reshape(-1, n, n)
    good = np.zeros(len(flat), bool)
    for place, matrix in enumerate(flat):
        if np.isfinite(matrix).all():
            try:
                np.linalg.cholesky(matrix)
                good[place] = True
            except np.linalg.LinAlgError:
                pass
    return good.reshape(shifted.shape[:-2])
