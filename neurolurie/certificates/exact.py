"""Exact arithmetic on matrices of doubles: every double is an integer times a power of two, so nothing is ever rounded.

A matrix is a pair (object array of Python integers, exponent): value = integer * 2^exponent.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, eq=False)
class Dyadic:
    """An exact matrix ``integers * 2**exponent``.

    >>> a = Dyadic.of(np.array([[0.1, 1.0], [1.0, 3.0]]))
    >>> bool((a @ a - a @ a).integers.any())
    False
    """

    integers: np.ndarray
    exponent: int

    @classmethod
    def of(cls, values) -> Dyadic:
        """The exact value of an array of finite doubles; OverflowError if one is not finite."""
        values = np.asarray(values, float)
        if not np.isfinite(values).all():
            raise OverflowError("a number is not finite, so it has no exact value")
        mantissa, power = np.frexp(values)
        power = np.where(values == 0, 0, power - 53)
        lowest = int(power[values != 0].min()) if np.any(values != 0) else 0
        whole = (mantissa * 2.0**53).astype(np.int64).astype(object)
        shift = (power - lowest).astype(object)
        shifted = [int(w) << int(s) if w else 0 for w, s in zip(whole.ravel(), shift.ravel(), strict=True)]
        return cls(np.array(shifted, dtype=object).reshape(values.shape), lowest)

    @property
    def T(self) -> Dyadic:
        return Dyadic(self.integers.T, self.exponent)

    def __matmul__(self, other: Dyadic) -> Dyadic:
        return Dyadic(self.integers @ other.integers, self.exponent + other.exponent)

    def __mul__(self, other: Dyadic) -> Dyadic:
        """Entrywise, with broadcasting."""
        return Dyadic(self.integers * other.integers, self.exponent + other.exponent)

    def __add__(self, other: Dyadic) -> Dyadic:
        low = min(self.exponent, other.exponent)
        return Dyadic(
            self.integers * (1 << (self.exponent - low)) + other.integers * (1 << (other.exponent - low)), low
        )

    def __neg__(self) -> Dyadic:
        return Dyadic(-self.integers, self.exponent)

    def __sub__(self, other: Dyadic) -> Dyadic:
        return self + (-other)

    def halved(self) -> Dyadic:
        return Dyadic(self.integers, self.exponent - 1)

    def doubled(self) -> Dyadic:
        return Dyadic(self.integers, self.exponent + 1)

    def total(self) -> Fraction:
        """The sum of all entries."""
        return Fraction(int(self.integers.sum()) if self.integers.size else 0) * Fraction(2) ** self.exponent


def is_positive_definite(matrix: Dyadic) -> bool:
    """Whether a symmetric matrix is positive definite: every pivot of its exact LDL^T is positive.

    The elimination is free of fractions (Bareiss): the pivots that appear are the leading principal minors, whose
    signs are those of the pivots of LDL^T one by one.

    >>> is_positive_definite(Dyadic.of(np.array([[1.0, 1.0], [1.0, 1.0]])))
    False
    >>> is_positive_definite(Dyadic.of(np.array([[1.0, 1.0], [1.0, 1.0 + 2**-52]])))
    True
    """
    return inertia(matrix) == (matrix.integers.shape[0], 0, 0)


def inertia(matrix: Dyadic) -> tuple[int, int, int] | None:
    """Numbers of positive, negative and zero eigenvalues of a symmetric matrix, exactly.

    None if a leading principal minor vanishes while others remain (the elimination takes no row exchanges).
    """
    work = matrix.integers.copy()
    if (work != work.T).any():
        return None
    n = len(work)
    previous, positive, negative = 1, 0, 0
    for i in range(n):
        pivot = work[i, i]
        if pivot == 0:
            return (positive, negative, n - i) if not work[i:, i:].any() else None
        if (pivot > 0) == (previous > 0):
            positive += 1
        else:
            negative += 1
        if i + 1 < n:
            rest = work[i + 1 :, i + 1 :] * pivot - np.multiply.outer(work[i + 1 :, i], work[i, i + 1 :])
            work[i + 1 :, i + 1 :] = rest // previous
        previous = pivot
    return positive, negative, 0
