"""The paper's Theorem 1 and its two sharper relatives at the same cost, for every k at once (theory 1.1, 1.2).

``s_k(M)`` is the sum of the k largest eigenvalues of sym M, sigma_i the singular values in descending order; slopes lie
in [low, high]; ``A0 = A + B diag(low) C``, ``g = high - low``, ``A_c = A + B diag((low + high)/2) C``.

    Theorem 1:  k alpha_k + sqrt(k z_k) < 0,   k alpha_k = s_k(A0),  z_k = sum_{i<=k} sigma_i(B g^1/2)^2 sigma_i(g^1/2
    C)^2 K1:         s_k(A0)  +     sum_{i<=k} sigma_i(B g^1/2) sigma_i(g^1/2 C) < 0
    K2:         s_k(A_c) + 1/2 sum_{i<=k} sigma_i(B g^1/2) sigma_i(g^1/2 C) < 0

Each bounds ``sup_D s_k(J(D))`` from above; K2 is never weaker than K1, and K1 never weaker than Theorem 1.
"""

from __future__ import annotations

import numpy as np

from neurolurie.certificates.box import SlopeBox, top_sums


def theorem_1(box: SlopeBox) -> np.ndarray:
    """``k alpha_k + sqrt(k z_k)`` for k = 1..n; negative proves k-contraction.

    >>> from neurolurie.network.lurie import LurieNetwork
    >>> hopfield = SlopeBox.of(LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3)))
    >>> theorem_1(hopfield).round(6)
    array([ 0.5       , -0.757359..., -2.303848...])
    """
    k = np.arange(1, box.n + 1)
    return top_sums(box.jacobian(box.low)) + np.sqrt(k * np.cumsum(_products(box) ** 2))


def k1(box: SlopeBox) -> np.ndarray:
    """Ky Fan's bound for k = 1..n."""
    return top_sums(box.jacobian(box.low)) + np.cumsum(_products(box))


def k2(box: SlopeBox) -> np.ndarray:
    """The centred bound for k = 1..n."""
    return top_sums(box.centre) + 0.5 * np.cumsum(_products(box))


FORMS = {"theorem-1": theorem_1, "k1": k1, "k2": k2}


def search(box: SlopeBox) -> dict[str, np.ndarray]:
    """Every closed form's margin for k = 1..n; no witness is needed beyond the form's name."""
    return {name: -form(box) for name, form in FORMS.items()}


def check(box: SlopeBox, k: int, form: str) -> float:
    """The margin of one form for one k (1/s); positive proves k-contraction in P = I."""
    return float(-FORMS[form](box)[k - 1])


def _products(box: SlopeBox) -> np.ndarray:
    """``sigma_i(B g^1/2) sigma_i(g^1/2 C)`` for i = 1..n, zero beyond min(n, m)."""
    root = np.sqrt(box.high - box.low)
    products = np.zeros(box.n)
    if box.m:
        left = np.linalg.svd(box.B * root, compute_uv=False)
        right = np.linalg.svd(root[:, None] * box.C, compute_uv=False)
        count = min(box.n, box.m)
        products[:count] = left[:count] * right[:count]
    return products
