"""Rules that make the matrix of a projection from one circuit to another.

A rule is a function ``rule(rows, columns, rng, **parameters) -> Coupling``: rows is the size of what it reaches in the
target, columns the size of what it starts from in the source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError, did_you_mean, lookup
from neurolurie.network.lurie import Matrix, load_array
from neurolurie.network.storage import hetero_associative


@dataclass(frozen=True, eq=False)
class Coupling:
    """The matrix of a projection (rows: target, columns: source), and for rules that couple both ways the one back."""

    matrix: Matrix
    back: Matrix | None = None


def given(rows: int, columns: int, rng: np.random.Generator, matrix) -> Coupling:
    """The matrix itself: numbers, or the path of an ``.npy``, ``.npz`` or ``.csv`` file."""
    return Coupling(_shaped(matrix, rows, columns))


def one_to_one(rows: int, columns: int, rng: np.random.Generator, weight: float = 1.0) -> Coupling:
    """``weight`` times the identity: unit i to unit i."""
    if rows != columns:
        raise SpecError(f"one-to-one needs equal sizes, the source has {columns} and the target {rows}.")
    return Coupling(weight * np.eye(rows))


def dense_random(
    rows: int, columns: int, rng: np.random.Generator, scale: float = 1.0, distribution: str = "normal"
) -> Coupling:
    """Independent weights: ``normal`` with variance ``scale^2 / columns``, or ``uniform`` in [-scale, scale]."""
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
    return Coupling(_shaped(gain * hetero_associative(source, target, storage), rows, columns))


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
    G = one_to_one(rows, columns, rng, strength).matrix if matrix is None else _shaped(matrix, rows, columns)
    back = -G.T @ _metric("target_metric", target_metric, rows)
    return Coupling(G, np.linalg.solve(_metric("source_metric", source_metric, columns), back))


RULES: dict[str, Callable[..., Coupling]] = {
    "matrix": given, "one-to-one": one_to_one, "dense-random": dense_random,
    "hetero-associative": patterns_to_patterns, "skew": skew,
}  # fmt: skip


def make_coupling(rule: str, rows: int, columns: int, rng: np.random.Generator, parameters: dict) -> Coupling:
    """A rule by name; a SpecError for unknown rules and parameters."""
    return call_with(lookup("coupling rule", rule, RULES), parameters, f"rule '{rule}'", rows, columns, rng)


def call_with(function: Callable, parameters: dict, what: str, *positional):
    """``function(*positional, **parameters)``; wrong or missing parameters are told in the user's words."""
    known = dict(list(inspect.signature(function).parameters.items())[len(positional) :])
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise SpecError(did_you_mean(f"parameter of {what}", unknown[0], known))
    missing = [name for name, p in known.items() if p.default is p.empty and name not in parameters]
    if missing:
        raise SpecError(f"{what} needs the parameter '{missing[0]}'.")
    return function(*positional, **parameters)


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
    return matrix


def _metric(name: str, value, size: int) -> np.ndarray:
    if value is None:
        return np.eye(size)
    P = np.asarray(value, float)
    P = np.diag(P) if P.ndim == 1 else P
    if P.shape != (size, size) or not np.allclose(P, P.T) or np.linalg.eigvalsh(P).min() <= 0:
        raise SpecError(f"{name} must be a positive definite matrix of size {size}.")
    return P
