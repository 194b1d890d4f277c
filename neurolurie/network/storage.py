"""Rules that store patterns in symmetric weights: Hebbian, Storkey, pseudo-inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurolurie.errors import SpecError, lookup


def hebbian(patterns: np.ndarray) -> np.ndarray:
    """``W = (1/N) sum_p xi_p xi_p^T``, patterns (count, N). Hebb 1949; Hopfield 1982: capacity 0.138 N if unrelated."""
    return patterns.T @ patterns / patterns.shape[1]


def storkey(patterns: np.ndarray) -> np.ndarray:
    """Storkey's incremental rule (1997): local, with a larger capacity than Hebb's for correlated patterns.

    ``W += (xi xi^T - xi h^T - h xi^T) / N`` for one pattern after the other, where ``h_ij`` is the local field
    ``sum_{k != i,j} W_ik xi_k``.
    """
    size = patterns.shape[1]
    W = np.zeros((size, size))
    for pattern in patterns:
        field = W @ pattern
        h = field[:, None] - np.diag(W)[:, None] * pattern[:, None] - W * pattern[None, :]
        np.fill_diagonal(h, field - np.diag(W) * pattern)
        W = W + (np.outer(pattern, pattern) - pattern[:, None] * h.T - h * pattern[None, :]) / size
    return W


def pseudo_inverse(patterns: np.ndarray) -> np.ndarray:
    """The projection ``W = X^+ X`` on the span of the patterns, the rows of X (Personnaz et al. 1985): every pattern is
    kept exactly, however much the patterns overlap."""
    return np.linalg.pinv(patterns) @ patterns


STORAGE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "hebbian": hebbian, "storkey": storkey, "pseudo-inverse": pseudo_inverse,
}  # fmt: skip


def store(patterns: np.ndarray, rule: str, self_coupling: float | None = None) -> np.ndarray:
    """Weights (N, N) by a rule's name; ``self_coupling`` replaces the diagonal (None keeps the rule's own).

    >>> W = store(np.array([[1.0, -1.0, 1.0, 1.0]]), "pseudo-inverse", self_coupling=0.0)
    >>> float(W[0, 1]), float(W[0, 0])
    (-0.25, 0.0)
    """
    patterns = require_patterns(patterns)
    W = lookup("storage rule", rule, STORAGE)(patterns)
    W = 0.5 * (W + W.T)  # symmetric to the last bit, as the rules are in exact arithmetic: the energy can be proved
    if self_coupling is not None:
        np.fill_diagonal(W, self_coupling)
    return W


def hetero_associative(source: np.ndarray, target: np.ndarray, rule: str = "pseudo-inverse") -> np.ndarray:
    """Weights (N_target, N_source) that turn the p-th source pattern into the p-th target pattern.

    ``pseudo-inverse``: ``(X^+ Y)^T``, exact if the source patterns are independent; ``hebbian``:
    ``Y^T X / N_source`` (Kosko 1988).
    """
    source, target = require_patterns(source), require_patterns(target)
    if len(source) != len(target):
        raise SpecError(f"{len(source)} source patterns and {len(target)} target patterns: pairs are needed.")
    rules = {
        "pseudo-inverse": lambda: (np.linalg.pinv(source) @ target).T,
        "hebbian": lambda: target.T @ source / source.shape[1],
    }
    return lookup("storage rule", rule, rules)()


def require_patterns(patterns) -> np.ndarray:
    """An array (count, N) of finite numbers, or a SpecError."""
    try:
        array = np.array(patterns, dtype=float)
    except (TypeError, ValueError):
        raise SpecError(f"patterns must be an array (count, units) of numbers, got {patterns!r}.") from None
    if array.ndim != 2 or 0 in array.shape or not np.isfinite(array).all():
        raise SpecError(f"patterns must be an array (count, units) of finite numbers, got shape {array.shape}.")
    return array
