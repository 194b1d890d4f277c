"""k = n: the divergence bound, exact over the slope box and the same in every metric (theory 1.2, K3).

``s_n(J(D)) = tr A + sum_j d_j (CB)_jj`` is linear in the slopes, so its maximum is ``tr A + sum_j max(low_j (CB)_jj,
high_j (CB)_jj)``. A slope without bound does no harm where ``(CB)_jj`` is zero or has the helpful sign.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from neurolurie.network.lurie import LurieNetwork


def search(network: LurieNetwork) -> float:
    """``-max_D tr J(D)`` (1/s); positive proves n-contraction.

    >>> search(LurieNetwork(A=[[0, 1], [-1, -0.3]], B=[[0], [0.1]], C=[[0, 1]])).__round__(12)
    0.2
    """
    low, high = network.phi.slope_range()
    loop = diagonal_of_product(network.C, network.B)
    with np.errstate(invalid="ignore"):
        worst = np.where(loop > 0, high * loop, np.where(loop < 0, low * loop, 0.0))
    return float(-(network.A.diagonal().sum() + worst.sum()))


check = search


def diagonal_of_product(C, B) -> np.ndarray:
    """``diag(C B)`` without the product."""
    if sparse.issparse(C) or sparse.issparse(B):
        return np.asarray(sparse.csr_array(C).multiply(sparse.csr_array(B).T).sum(axis=1)).ravel()
    return np.einsum("jn,nj->j", C, B)
