"""The energy of circuits with symmetric coupling: it never rises, so bounded runs settle, whatever k is (theory 6).

If ``C A = -diag(a) C`` (A diagonal and C diagonal, or A = -a I and any C) then ``y = C x + by`` moves on its own,

    dy/dt = -a y + W phi(y) + b,     W = C B,     b = C bx + a by.

If moreover ``W = diag(s) M`` with M symmetric, s > 0, and phi does not decrease, then with ``v = phi(y)``

    E = sum_i a_i/s_i (y_i v_i - int_0^{y_i} phi_i) - v^T M v / 2 - (b/s)^T v,
    dE/dt = - sum_i phi_i'(y_i) (dy_i/dt)^2 / s_i <= 0                                        (Hopfield 1984;
    Cohen-Grossberg 1983)

since ``dE/dv_i = (a_i y_i - b_i)/s_i - (M v)_i = -(dy_i/dt)/s_i``. On the limit set of a bounded run E is constant, so
v is constant there, so y obeys a linear equation with constant input on a bounded full orbit: it rests. Hence bounded
runs approach the set of equilibria (LaSalle). If every phi is analytic with positive slope, ``dy/dt`` is a gradient
of an analytic function in a metric bounded on bounded sets, and the run converges to one equilibrium (Lojasiewicz).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from neurolurie.network.lurie import LurieNetwork, Matrix
from neurolurie.network.phi import Phi

ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Energy:
    """``E(x)`` of a circuit with symmetric coupling (dimension 1/s), non-increasing along its unforced trajectories.

    >>> net = LurieNetwork(A=-np.eye(2), B=[[0.0, 2.0], [2.0, 0.0]], C=np.eye(2))
    >>> energy = energy_of(net)
    >>> energy.value(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, -1.0]])).round(3)
    array([ 0.   , -0.504,  1.816])
    """

    network: LurieNetwork
    decay: np.ndarray
    scale: np.ndarray
    drive: np.ndarray
    M: Matrix

    def value(self, x: np.ndarray) -> np.ndarray:
        """E for x of shape (..., n): shape (...)."""
        y = self.network.preactivation(np.asarray(x, float))
        phi = self.network.phi
        v = phi(y)
        flat = v.reshape(-1, v.shape[-1])
        coupled = (self.M @ flat.T).T.reshape(v.shape)
        store = (self.decay / self.scale) * (y * v - phi.integral(y))
        return np.sum(store - 0.5 * v * coupled - (self.drive / self.scale) * v, axis=-1)

    def rate(self, x: np.ndarray) -> np.ndarray:
        """dE/dt along the unforced flow, never positive; shape (...)."""
        x = np.asarray(x, float)
        y = self.network.preactivation(x)
        v = self.network.phi(y)
        flat = v.reshape(-1, v.shape[-1])
        speed = -self.decay * y + self.scale * (self.M @ flat.T).T.reshape(v.shape) + self.drive
        return -np.sum(self.network.phi.derivative(y) * speed**2 / self.scale, axis=-1)


def energy_of(network: LurieNetwork) -> Energy | None:
    """The energy of a network, or None if it has none of this form (see `why_no_energy`)."""
    found = _structure(network)
    return None if isinstance(found, str) else found


def why_no_energy(network: LurieNetwork) -> str | None:
    """The reason in words, or None if there is an energy."""
    found = _structure(network)
    return found if isinstance(found, str) else None


def settles_at_one_point(phi: Phi) -> bool:
    """Every map is analytic with positive slope everywhere: Lojasiewicz then gives a single limit."""
    return all(
        kind.analytic and kind.slope[0] >= 0 and all(min(slopes) > 0 for _, slopes in kind.turns) for kind in phi.kinds
    )


def _structure(network: LurieNetwork) -> Energy | str:
    if any(kind.slope[0] < 0 for kind in network.phi.kinds):
        return "the slope of phi turns negative, so the energy could rise"
    decay = _decay(network.A, network.C)
    if isinstance(decay, str):
        return decay
    W = network.C @ network.B
    scale = _symmetriser(W)
    if isinstance(scale, str):
        return scale
    M = sparse.diags_array(1 / scale) @ W if sparse.issparse(W) else W / scale[:, None]
    M = 0.5 * (M + M.T)
    drive = network.C @ network.bx + decay * network.by
    return Energy(network, decay, scale, drive, M)


def _decay(A: Matrix, C: Matrix) -> np.ndarray | str:
    """``a`` with ``C A = -diag(a) C``, or why there is none."""
    C = sparse.csr_array(C)
    product, diagonal = sparse.csr_array(C @ A), A.diagonal()
    decay = np.zeros(C.shape[0])
    size = max(abs(C).max(), 1e-300) * max(abs(diagonal).max(initial=0.0), abs(A).max(), 1e-300) if C.nnz else 1.0
    largest = abs(C).argmax(axis=1) if C.nnz else np.zeros(C.shape[0], int)
    largest = np.asarray(largest).ravel()
    rows = np.arange(C.shape[0])
    pivot = np.asarray(C[rows, largest]).ravel() if C.nnz else np.zeros(C.shape[0])
    reach = np.asarray(product[rows, largest]).ravel() if C.nnz else np.zeros(C.shape[0])
    used = pivot != 0
    is_diagonal = abs(A - sparse.diags_array(diagonal)).max() == 0 if A.size else True
    decay[used] = -(diagonal[largest[used]] if is_diagonal else reach[used] / pivot[used])
    left = product + sparse.diags_array(decay) @ C
    if left.nnz and abs(left).max() > ROUNDING * size:
        return "C A is not diag(.) C: the preactivations do not decay each on its own"
    return decay


def _symmetriser(W: Matrix) -> np.ndarray | str:
    """``s > 0`` with ``diag(1/s) W`` symmetric (all ones if W itself is), or why there is none."""
    W = sparse.csr_array(W)
    size = abs(W).max() if W.nnz else 0.0
    gap = abs(W - W.T)
    if not gap.nnz or gap.max() <= ROUNDING * size:
        return np.ones(W.shape[0])
    links = sparse.csr_array(abs(W) > 1e-14 * size)
    if (links != links.T).nnz:
        return "the coupling C B is one-way between some preactivations, so it is not symmetric in any scaling"
    scale = np.ones(W.shape[0])
    seen = np.zeros(W.shape[0], bool)
    for root in range(W.shape[0]):
        if seen[root]:
            continue
        order, parents = sparse.csgraph.breadth_first_order(links, root, directed=False)
        seen[order] = True
        for child in order[1:]:
            parent = parents[child]
            scale[child] = scale[parent] * W[child, parent] / W[parent, child]
    if (scale <= 0).any() or not np.isfinite(scale).all():
        return "the coupling C B has opposite signs in the two directions of some pair"
    scaled = sparse.diags_array(1 / scale) @ W
    if abs(scaled - scaled.T).max() > 1e3 * ROUNDING * abs(scaled).max():
        return "the coupling C B is not symmetric in any scaling"
    return scale
