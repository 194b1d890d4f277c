"""Proof that a state refutes k-contraction: a lower bound of the k largest real parts of its Jacobian's eigenvalues.

With any approximate eigenvectors V and ``W`` near ``V^-1``, the eigenvalues of J are those of ``(I + F)^-1 (W J V)``,
``F = W V - I``, hence lie in discs of radius r around its diagonal (Gershgorin), a union of overlapping discs holding
as many eigenvalues as discs. Projected on the real axis, overlapping intervals are merged; every eigenvalue of a
cluster lies right of its left end. Defective Jacobians give large r and no proof, never a false one.
"""

from __future__ import annotations

import numpy as np

from neurolurie.certificates.proofs import require, slopes_between
from neurolurie.certificates.rounding import UNIT, Ball, gamma, upwards


def prove_refuted(network, k, witness) -> str:
    """The sum of the k largest real parts of J at the stored state is positive; the state lies in the domain."""
    require(isinstance(k, int | np.integer) and 1 <= k <= network.n, "k is not an order of this network")
    network = network.dense()
    x = np.asarray(witness["state"], float)
    require(x.shape == (network.n,) and bool(np.isfinite(x).all()), "the state is not a state of this network")
    y = Ball.of(network.C) @ Ball.of(x[:, None]) + Ball.of(network.by[:, None])
    slack = upwards(y.rad + 4 * UNIT * np.abs(y.mid))
    low, high = (y.mid - slack)[:, 0], (y.mid + slack)[:, 0]
    require(bool((np.maximum(-low, high) <= network.phi.domain).all()), "the state is outside the domain of phi")
    least, most = slopes_between(network, low, high)
    middle = 0.5 * least + 0.5 * most
    radius = upwards(np.maximum(most - middle, middle - least), 2)
    J = Ball.of(network.A) + (Ball.of(network.B) * Ball(middle, radius)) @ Ball.of(network.C)
    require(lower_sum(J, k) > 0, "the k largest real parts are not proved to sum above zero")
    return "Gershgorin discs with proved rounding bounds"


def lower_sum(J: Ball, k: int) -> float:
    """A lower bound of the sum of the k largest real parts of the eigenvalues, for every matrix in the ball."""
    top = np.sort(floors(J))[::-1][:k]
    return float(top.sum() - gamma(2 * k + 4) * np.abs(top).sum())


def floors(J: Ball) -> np.ndarray:
    """Lower bounds of the real parts of the eigenvalues, as a multiset, for every matrix in the ball."""
    values, V = np.linalg.eig(J.mid)
    n = len(values)
    nothing = np.full(n, -np.inf)
    try:
        W = np.linalg.inv(V)
    except np.linalg.LinAlgError:
        return nothing
    size_W, size_V = np.abs(W), np.abs(V)
    # complex products: four real ones and two sums each
    product = W @ (J.mid @ V)
    error = gamma(6 * n + 20) * (size_W @ np.abs(J.mid) @ size_V) + size_W @ J.rad @ size_V
    unit = W @ V
    F = np.abs(unit - np.eye(n)) + gamma(6 * n + 20) * (size_W @ size_V)
    f = float(upwards(F.sum(axis=1), n).max())
    if not f < 0.5 or not np.isfinite(product).all():
        return nothing
    entries = upwards(np.abs(product) + error, 4 * n + 20)
    # (I + F)^-1 G = G + H, |H| <= f/(1 - f) max row sum of |G| in the row-sum norm
    extra = f / (1 - f) * float(upwards(entries.sum(axis=1), n).max())
    off = entries.sum(axis=1) - np.abs(product.diagonal()) - error.diagonal()
    radius = upwards(off + 2 * error.diagonal() + extra + 16 * UNIT * entries.sum(axis=1), 2 * n)
    if not np.isfinite(radius).all():
        return nothing
    centres = product.diagonal().real
    left, right = centres - radius, centres + radius
    order = np.argsort(left)
    floor = np.empty(n)
    start, end = None, -np.inf
    for i in order:
        if left[i] > end:
            start = left[i]
        end = max(end, right[i])
        floor[i] = start
    return floor
