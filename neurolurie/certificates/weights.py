"""k-contraction in a weighted l1 or linf norm: a sparse test for very large networks (theory 1.2, K4).

``M = diag(A_c) + offdiag |A_c| + |B| R |C|`` dominates every Jacobian of the box. For weights w > 0 the sum of the k
largest row sums of ``W^-1 M W`` (linf) or column sums of ``W M W^-1`` (l1) bounds the log-norm of the k-th compound.
For k = 1 the best weights are the Perron vectors of M.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from neurolurie.certificates.rung import Finding
from neurolurie.network.lurie import LurieNetwork


def applies(network: LurieNetwork, k: int) -> str | None:
    low, high = network.phi.slope_range()
    return None if np.isfinite(low).all() and np.isfinite(high).all() else "a slope has no bound"


def search(network: LurieNetwork, k: int) -> Iterator[Finding]:
    """Equal weights, then Perron weights, in both norms."""
    M = majorant(network)
    for norm, matrix in (("linf", M), ("l1", sparse.csr_array(M.T))):
        ones = np.ones(network.n)
        for weights in (ones, perron(matrix)):
            yield Finding(
                f"weighted {norm}" if weights is not ones else norm, _margin(matrix, weights, k),
                {"kind": "weights", "norm": norm, "weights": weights},
            )  # fmt: skip


def check(network: LurieNetwork, k: int, witness) -> float:
    """The margin that these weights prove (1/s)."""
    M = majorant(network)
    return _margin(M if witness["norm"] == "linf" else sparse.csr_array(M.T), witness["weights"], k)


def majorant(network: LurieNetwork) -> sparse.csr_array:
    """M, sparse: entries as large as any Jacobian's, diagonal as large."""
    low, high = network.phi.slope_range()
    A, B, C = (sparse.csr_array(part) for part in (network.A, network.B, network.C))
    used = (abs(B).sum(axis=0) > 0) & (abs(C).sum(axis=1) > 0)
    low, high = np.where(used, low, 0.0), np.where(used, high, 0.0)
    centre = sparse.csr_array(A + B @ (sparse.diags_array(0.5 * (low + high)) @ C))
    diagonal = centre.diagonal()
    spread = abs(B) @ (sparse.diags_array(0.5 * (high - low)) @ abs(C))
    return sparse.csr_array(abs(centre) + spread + sparse.diags_array(diagonal - np.abs(diagonal)))


def perron(M: sparse.csr_array, rounds: int = 300) -> np.ndarray:
    """Positive w with ``M w`` about ``s w``, s the spectral abscissa of the Metzler matrix M (shifted power iteration).

    A little of every weight is mixed in, so that w stays positive where M splits into one-way coupled parts.
    """
    shift = float(np.abs(M.diagonal()).max(initial=0.0))
    w = np.ones(M.shape[0])
    for turn in range(rounds):
        step = M @ w + shift * w
        step = step / max(step.max(), 1e-300) + 1e-4
        step /= step.max()
        if turn % 10 == 9 and np.abs(step - w).max() < 1e-10:
            return step
        w = step
    return w


def _margin(M: sparse.csr_array, w: np.ndarray, k: int) -> float:
    sums = (M @ w) / w
    return float(-np.sort(sums)[::-1][:k].sum())
