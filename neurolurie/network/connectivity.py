"""Rules that make the matrix of a projection from one circuit to another.

A rule is a function ``rule(rows, columns, rng, **parameters)`` that returns a matrix or a Coupling: rows is the size of
what it reaches in the target, columns the size of what it starts from in the source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Real

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError, did_you_mean, lookup
from neurolurie.network.distance import distance
from neurolurie.network.lurie import Matrix, load_array
from neurolurie.network.random_weights import low_rank, sparse_random
from neurolurie.network.storage import hetero_associative


@dataclass(frozen=True, eq=False)
class Coupling:
    """The matrix of a projection (rows: target, columns: source), and for rules that couple both ways the one back."""

    matrix: Matrix
    back: Matrix | None = None

    def shaped(self, rows: int, columns: int) -> Coupling:
        """The same as arrays of floats; a SpecError for what is no (rows, columns) matrix of finite numbers."""
        back = None if self.back is None else _shaped(self.back, columns, rows)
        return Coupling(_shaped(self.matrix, rows, columns), back)


def given(rows: int, columns: int, rng: np.random.Generator, matrix) -> Coupling:
    """The matrix itself: numbers, or the path of an ``.npy``, ``.npz`` or ``.csv`` file."""
    return Coupling(matrix)


def one_to_one(rows: int, columns: int, rng: np.random.Generator, weight: float = 1.0) -> Coupling:
    """``weight`` times the identity: unit i to unit i."""
    if rows != columns:
        raise SpecError(f"one-to-one needs equal sizes, the source has {columns} and the target {rows}.")
    return Coupling(_number("weight", weight) * np.eye(rows))


def dense_random(
    rows: int, columns: int, rng: np.random.Generator, scale: float = 1.0, distribution: str = "normal"
) -> Coupling:
    """Independent weights: ``normal`` with variance ``scale^2 / columns``, or ``uniform`` in [-scale, scale]."""
    if _number("scale", scale) < 0:
        raise SpecError(f"scale must not be negative, got {scale}.")
    draw = {
        "normal": lambda: rng.normal(0.0, scale / np.sqrt(columns), (rows, columns)),
        "uniform": lambda: rng.uniform(-scale, scale, (rows, columns)),
    }
    return Coupling(lookup("distribution", distribution, draw)())


def patterns_to_patterns(
    rows: int, columns: int, rng: np.random.Generator, source, target, gain: float = 1.0,
    storage: str = "pseudo-inverse",
) -> Coupling:  # fmt: skip
    """Hetero-association: ``gain`` times weights that turn the p-th source pattern into the p-th target pattern."""
    return Coupling(_number("gain", gain) * hetero_associative(source, target, storage))


def skew(
    rows: int, columns: int, rng: np.random.Generator, strength: float | None = None, matrix=None,
    source_metric=None, target_metric=None,
) -> Coupling:  # fmt: skip
    """``L = G - P^-1 G^T P``: the projection there is G, the one back ``-P_source^-1 G^T P_target``.

    Then ``P L + L^T P = 0``: measured in P = blkdiag(P_source, P_target) the coupling adds nothing to any margin
    (Richardson et al. 2025, Theorem 4; P must be the metric in which the circuits are certified).
    G is ``strength`` times the identity, or ``matrix``; the metrics are the identity unless given.
    """
    if (strength is None) == (matrix is None):
        raise SpecError("skew needs either 'strength' or 'matrix'.")
    if matrix is None:
        G = one_to_one(rows, columns, rng, _number("strength", strength)).matrix
    else:
        G = _shaped(matrix, rows, columns)
    back = -G.T @ _metric("target_metric", target_metric, rows)
    return Coupling(G, np.linalg.solve(_metric("source_metric", source_metric, columns), back))


RULES: dict[str, Callable[..., Coupling | Matrix]] = {
    "matrix": given, "one-to-one": one_to_one, "dense-random": dense_random, "sparse-random": sparse_random,
    "low-rank": low_rank, "distance": distance, "hetero-associative": patterns_to_patterns, "skew": skew,
}  # fmt: skip
RANDOM_RULES = ("dense-random", "sparse-random", "low-rank")  # they draw from rng
ROWWISE_RULES = ("dense-random", "sparse-random")  # and every row on its own


def make_coupling(rule: str, rows: int, columns: int, rng: np.random.Generator, parameters: dict) -> Coupling:
    """A rule by name; a SpecError for unknown rules and parameters."""
    made = call_with(lookup("coupling rule", rule, RULES), parameters, f"rule '{rule}'", rows, columns, rng)
    return made if isinstance(made, Coupling) else Coupling(made)


def call_with(function: Callable, parameters: dict, what: str, *positional):
    """``function(*positional, **parameters)``; wrong or missing parameters are told in the user's words."""
    known = _parameters(function, len(positional))
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise SpecError(did_you_mean(f"parameter of {what}", unknown[0], known))
    missing = [name for name, p in known.items() if p.default is p.empty and name not in parameters]
    if missing:
        raise SpecError(f"{what} needs the parameter '{missing[0]}'.")
    return function(*positional, **parameters)


@cache
def _parameters(function: Callable, skipped: int) -> dict[str, inspect.Parameter]:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [(name, p) for name, p in inspect.signature(function).parameters.items() if p.kind not in several]
    return dict(named[skipped:])


def _shaped(matrix, rows: int, columns: int) -> Matrix:
    if isinstance(matrix, str):
        matrix = load_array(matrix)
    if not sparse.issparse(matrix):
        try:
            matrix = np.array(matrix, dtype=float, ndmin=2)
        except (TypeError, ValueError):
            raise SpecError(f"the matrix of a coupling must be numbers, got {matrix!r}.") from None
    if matrix.shape != (rows, columns):
        raise SpecError(
            f"the matrix of the coupling has shape {matrix.shape}, expected ({rows}, {columns}): target x source."
        )
    entries = matrix.data if sparse.issparse(matrix) else matrix
    if not np.isfinite(entries).all():
        count = np.count_nonzero(~np.isfinite(entries))
        raise SpecError(f"the matrix of the coupling has {count} entries that are not finite numbers.")
    return matrix


def _number(name: str, value) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(value):
        raise SpecError(f"{name} must be a number, got {value!r}.")
    return float(value)


def _metric(name: str, value, size: int) -> np.ndarray:
    if value is None:
        return np.eye(size)
    try:
        P = np.asarray(value, float)
    except (TypeError, ValueError):
        P = np.empty(0)
    P = np.diag(P) if P.ndim == 1 else P
    positive = P.shape == (size, size) and np.isfinite(P).all() and np.allclose(P, P.T)
    if not positive or np.linalg.eigvalsh(P).min() <= 0:
        raise SpecError(f"{name} must be a positive definite matrix of size {size}.")
    return P
