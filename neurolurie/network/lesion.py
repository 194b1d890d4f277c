"""Lesions: a circuit that is still there but sends nothing and receives nothing."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from neurolurie.network.lurie import LurieNetwork, Matrix, Part


def lesioned(network: LurieNetwork, part: Part) -> LurieNetwork:
    """The network with one circuit silenced: its states only leak (``dx_i/dt = A_ii x_i``), and reach nobody.

    Everything that enters its rates or its preactivations is cut, and everything that leaves its states or outputs.

    >>> net = LurieNetwork(A=[[-1.0, 0.5], [0.5, -1.0]], B=np.eye(2), C=np.eye(2))
    >>> lesioned(net, Part(slice(0, 1), slice(0, 1))).field(np.array([1.0, 0.0]))
    array([-1.,  0.])
    """
    inside_x, inside_y = np.zeros(network.n), np.zeros(network.m)
    inside_x[part.states], inside_y[part.preactivations] = 1.0, 1.0
    x, y = 1.0 - inside_x, 1.0 - inside_y
    leak = sparse.diags_array(inside_x * network.A.diagonal())
    return network.replace(
        A=_cut(network.A, x, x) + (leak if sparse.issparse(network.A) else leak.toarray()),
        B=_cut(network.B, x, y), C=_cut(network.C, y, x), E=_cut(network.E, x, np.ones(network.E.shape[1])),
        bx=network.bx * x, by=network.by * y,
    )  # fmt: skip


def _cut(matrix: Matrix, rows: np.ndarray, columns: np.ndarray) -> Matrix:
    """The matrix with the rows and columns marked by 0 set to zero."""
    if sparse.issparse(matrix):
        return sparse.diags_array(rows) @ matrix @ sparse.diags_array(columns)
    return rows[:, None] * matrix * columns
