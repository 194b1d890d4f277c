"""Coupling rules whose weights are drawn: `sparse-random` and `low-rank`."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError, lookup
from neurolurie.network.families.checks import count, number


def sparse_random(
    rows: int, columns: int, rng: np.random.Generator, probability: float | None = None, in_degree: int | None = None,
    scale: float = 1.0, distribution: str = "normal",
) -> sparse.csr_array:  # fmt: skip
    """Few independent weights; the matrix is sparse.

    Every weight exists with ``probability`` (Erdos & Renyi 1959), or every target unit gets exactly ``in_degree``
    different sources. With K expected sources for a target unit, weights are ``normal`` with variance ``scale^2 / K``,
    ``uniform`` in [-scale, scale], or ``constant``, all equal to scale.

    >>> W = sparse_random(1000, 1000, np.random.default_rng(0), in_degree=3, distribution="constant")
    >>> W.nnz, float(W.sum(axis=1).max())
    (3000, 3.0)
    """
    if (probability is None) == (in_degree is None):
        raise SpecError("sparse-random needs either 'probability' or 'in_degree'.")
    if number("scale", scale) < 0 and distribution != "constant":
        raise SpecError(f"scale must not be negative, got {scale}.")
    if probability is not None:
        if not 0 <= number("probability", probability) <= 1:
            raise SpecError(f"probability must lie between 0 and 1, got {probability}.")
        degrees, expected = rng.binomial(columns, probability, rows), probability * columns
    else:
        if count("in_degree", in_degree, least=0) > columns:
            raise SpecError(f"in_degree is {in_degree}, the source has {columns} units.")
        degrees, expected = np.full(rows, in_degree), float(in_degree)
    keys = _different(degrees, columns, rng)
    draw = {
        "normal": lambda: rng.normal(0.0, scale / np.sqrt(max(expected, 1e-300)), len(keys)),
        "uniform": lambda: rng.uniform(-scale, scale, len(keys)),
        "constant": lambda: np.full(len(keys), float(scale)),
    }
    values = lookup("distribution", distribution, draw)()
    return sparse.csr_array((values, np.divmod(keys, columns)), shape=(rows, columns))


def low_rank(
    rows: int, columns: int, rng: np.random.Generator, left=None, right=None, rank: int | None = None,
    scale: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """``W = scale M N^T / columns`` of rank r (Mastrogiuseppe & Ostojic 2018): it reads N^T x and writes along M.

    ``left`` is M (rows x r) and ``right`` is N (columns x r), a list of numbers being one column; or ``rank`` is r, and
    M and N are drawn from the standard normal.

    >>> low_rank(2, 2, None, left=[1.0, 2.0], right=[1.0, -1.0])
    array([[ 0.5, -0.5],
           [ 1. , -1. ]])
    """
    if (rank is None) == (left is None) or (left is None) != (right is None):
        raise SpecError("low-rank needs either 'rank' or both 'left' and 'right'.")
    if rank is not None:
        size = count("rank", rank)
        if size > min(rows, columns):
            raise SpecError(f"rank is {rank}, a {rows} x {columns} matrix has at most {min(rows, columns)}.")
        M, N = rng.standard_normal((rows, size)), rng.standard_normal((columns, size))
    else:
        M, N = _factor("left", left, rows), _factor("right", right, columns)
        if M.shape[1] != N.shape[1]:
            raise SpecError(f"left has {M.shape[1]} columns, right has {N.shape[1]}: one rank is needed.")
    return number("scale", scale) * (M @ N.T) / columns


def _factor(name: str, value, size: int) -> np.ndarray:
    try:
        factor = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise SpecError(f"{name} must be numbers, got {value!r}.") from None
    factor = factor[:, None] if factor.ndim == 1 else factor
    if factor.ndim != 2 or len(factor) != size:
        raise SpecError(f"{name} has shape {factor.shape}, expected ({size}, rank).")
    return factor


def _different(degrees: np.ndarray, columns: int, rng: np.random.Generator) -> np.ndarray:
    """``row * columns + column`` of ``degrees[row]`` different columns for each row, sorted; all choices alike."""
    half = np.minimum(degrees, columns - degrees)  # of a full row it is quicker to draw the columns left out
    keys = np.empty(0, np.int64)
    missing = half
    while missing.any():
        rows = np.repeat(np.arange(len(degrees)), missing)
        keys = np.unique(np.concatenate([keys, rows * columns + rng.integers(columns, size=len(rows))]))
        missing = half - np.bincount(keys // columns, minlength=len(degrees))
    full = np.flatnonzero(half < degrees)
    if not len(full):
        return keys
    everything = (full[:, None] * columns + np.arange(columns)).ravel()
    of_full = np.isin(keys // columns, full)
    return np.sort(np.concatenate([keys[~of_full], np.setdiff1d(everything, keys[of_full])]))
