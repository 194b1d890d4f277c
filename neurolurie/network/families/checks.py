"""Parameters of builders: each check returns the value as numpy wants it, or says what was found and expected."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from neurolurie.errors import SpecError


def positive(name: str, value: Any) -> float:
    """A number above 0."""
    if number(name, value, "a positive number") <= 0:
        raise SpecError(f"{name} must be a positive number, got {value!r}.")
    return float(value)


def number(name: str, value: Any, expected: str = "a number") -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(value):
        raise SpecError(f"{name} must be {expected}, got {value!r}.")
    return float(value)


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number from ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise SpecError(f"{name} must be a whole number from {least}, got {value!r}.")
    return int(value)


def vector(name: str, value: Any, size: int) -> np.ndarray:
    """``size`` finite numbers; one number stands for all of them."""
    array = _finite(name, value, f"a number or a list of {size} numbers")
    if array.ndim == 0:
        return np.full(size, float(array))
    if array.shape != (size,):
        raise SpecError(f"{name} must be a number or a list of {size} numbers, got an array of shape {array.shape}.")
    return array


def square(name: str, value: Any) -> np.ndarray:
    """A square matrix of finite numbers; one number is a matrix of one entry."""
    array = _finite(name, value, "a number or a square matrix")
    array = array.reshape(1, 1) if array.ndim == 0 else array
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise SpecError(f"{name} must be a number or a square matrix, got an array of shape {array.shape}.")
    return array


def _finite(name: str, value: Any, expected: str) -> np.ndarray:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise SpecError(f"{name} must be {expected}, got {value!r}.") from None
    if not np.isfinite(array).all():
        raise SpecError(f"{name} must be finite numbers, got {value!r}.")
    return array
