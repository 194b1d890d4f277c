"""k-contraction as 1-contraction of the k-th additive compound in a full metric Q on k-volumes (theory 2, row 6).

``Q J^[k] + (J^[k])^T Q <= -2 eta Q`` at every corner of the slope box; J^[k] is linear in J, so the corners decide. Q
is sought by smooth optimisation from ``Q = (T^T T)^(k)``, the metric that T induces on k-volumes, on the corners that
are nearly worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations
from math import comb, factorial

import numpy as np

from neurolurie.certificates import metrics
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import Finding

LARGEST = 70
MOST_FREE = 10


def applies(box: SlopeBox, k: int) -> str | None:
    if not 2 <= k < box.n:
        return "compounds matter for 1 < k < n"
    if comb(box.n, k) > LARGEST or box.n**k > 20000:
        return f"the compound has {comb(box.n, k)} dimensions (at most {LARGEST})"
    free = int((box.high > box.low).sum())
    return None if free <= MOST_FREE else f"{free} free slopes have too many corners (at most {MOST_FREE})"


def search(box: SlopeBox, k: int) -> Iterator[Finding]:
    J = box.jacobian(box.vertices())
    compounds = additive(J, k)
    T, _ = metrics.optimise(J, np.eye(box.n), k)
    start = induced(T, k)
    enough = -1e-4 * np.abs(np.linalg.eigvals(box.centre)).max()
    T, value = metrics.optimise(compounds, start / np.abs(start).max(), 1, until=enough)
    P = T.T @ T
    yield Finding("compound LMI", -value, {"kind": "compound", "P": 0.5 * (P + P.T) / np.abs(P).max()})


def check(box: SlopeBox, k: int, witness) -> float:
    """``-max_D`` of the log-norm of J^[k] in the metric Q (1/s)."""
    T = metrics.root(witness["P"])
    return -np.inf if T is None else float(-metrics.worst(additive(box.jacobian(box.vertices()), k), T, 1).max())


def antisymmetric_basis(n: int, k: int) -> np.ndarray:
    """Orthonormal basis ``e_i1 ^ ... ^ e_ik`` of the antisymmetric tensors: shape (n, n^(k-1), C(n, k))."""
    basis = np.zeros((n,) * k + (comb(n, k),))
    for place, subset in enumerate(combinations(range(n), k)):
        for order in permutations(range(k)):
            sign = np.linalg.det(np.eye(k)[list(order)])
            basis[tuple(subset[i] for i in order) + (place,)] = sign / np.sqrt(factorial(k))
    return basis.reshape(n, n ** (k - 1), -1)


def additive(J: np.ndarray, k: int) -> np.ndarray:
    """The k-th additive compound of (..., n, n): ``J (x) I (x) .. + I (x) J (x) .. + ..`` on antisymmetric tensors.

    >>> additive(np.diag([1.0, 2.0, 4.0]), 2).diagonal().round(12)
    array([3., 5., 6.])
    """
    n = J.shape[-1]
    V = antisymmetric_basis(n, k)
    kernel = k * np.einsum("iap,jaq->ijpq", V, V)  # by symmetry every factor contributes alike
    size = V.shape[-1]
    return (J.reshape(-1, n * n) @ kernel.reshape(n * n, -1)).reshape(*J.shape[:-2], size, size)


def induced(T: np.ndarray, k: int) -> np.ndarray:
    """The k-th multiplicative compound: all k x k minors of T."""
    subsets = [list(subset) for subset in combinations(range(len(T)), k)]
    return np.array([[np.linalg.det(T[np.ix_(rows, columns)]) for columns in subsets] for rows in subsets])
