"""Proof that a composed network is K-contracting from its circuits' own bounds (theory 1.5 R1-R3;
docs/certificates.md).

    J(D) = blockdiag J_q(D_q) + coupling(D),    sym(coupling inside a component) <= blockdiag(rho_q I),
    s_K <= max { sum_q f_q(j_q) + j_q rho_q : sum_q j_q = K }

Couplings between strongly connected components do not count: scaling the components geometrically along their order
makes them as small as one likes, so the strict inequality survives any gain. Written apart from the search it checks.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from neurolurie.certificates.rounding import UNIT, Ball, gamma, singular_values, top_sums, upwards

DYNAMIC_ORDERS = 64
UNDERFLOW = 1e-140  # more than all that can be lost to it in a product; its square is still a double
DYNAMIC_WORK = 4_000_000


def bound(network, low, high, k: int, weights: np.ndarray) -> float:
    """An upper bound of F(k); raises ValueError if the circuits do not own every state and preactivation once."""
    rows, reads = _membership(network)
    count = len(network.parts)
    middle = 0.5 * low + 0.5 * high
    radius = upwards(np.maximum(high - middle, middle - low), 2)
    f = _alone(network, rows, reads, low, high)
    rho = _coupling(network, rows, reads, middle, radius, weights, count)
    f = f + rho[:, None] * np.arange(f.shape[1])
    real = np.arange(f.shape[1]) <= np.bincount(rows, minlength=count)[:, None]
    if not np.isfinite(f[:, 1:][real[:, 1:]]).all():  # a number too large for doubles is no bound
        return np.inf
    f = f + 64 * UNIT * np.where(np.isfinite(f), np.abs(f), 0.0).max(initial=0.0)
    f[:, 0] = 0.0
    steps = _steps(f)
    top = np.sort(steps)[::-1][:k]
    total = float(top.sum() + gamma(2 * k + 16) * np.abs(top).sum())
    if k <= DYNAMIC_ORDERS and k * np.isfinite(f).sum() <= DYNAMIC_WORK:
        largest = np.abs(f[np.isfinite(f)]).max(initial=0.0)
        total = min(total, _exactly(f, k) + gamma(k + 4) * k * largest)
    return total


def _membership(network) -> tuple[np.ndarray, np.ndarray]:
    rows, reads = np.full(network.n, -1), np.full(network.m, -1)
    seen = 0
    for q, part in enumerate(network.parts.values()):
        rows[part.states], reads[part.preactivations] = q, q
        seen += len(range(*part.states.indices(network.n))) + len(range(*part.preactivations.indices(network.m)))
    if (rows < 0).any() or (reads < 0).any() or seen != network.n + network.m:
        raise ValueError("the circuits do not own every state and preactivation exactly once")
    return rows, reads


def _entries(matrix):
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    keep = coo.data != 0
    return coo.coords[0][keep], coo.coords[1][keep], coo.data[keep]


def _alone(network, rows, reads, low, high) -> np.ndarray:
    """Upper bounds of ``sup s_j`` for every circuit alone: K2 with proved rounding, the trace for all of its states."""
    members, kin = _group(rows, len(network.parts)), _group(reads, len(network.parts))
    sizes = np.array([len(one) for one in members])
    f = np.full((len(members), sizes.max() + 1), -np.inf)
    f[:, 0] = 0.0
    A, B, C = (sparse.csr_array(part) for part in (network.A, network.B, network.C))
    shapes: dict[tuple[int, int], list[int]] = {}
    for q, (mine, preactivations) in enumerate(zip(members, kin, strict=True)):
        shapes.setdefault((len(mine), len(preactivations)), []).append(q)
    for (n, m), circuits in shapes.items():
        states = np.array([members[q] for q in circuits])
        inputs = np.array([kin[q] for q in circuits], dtype=int).reshape(len(circuits), m)
        a, b, c = _dense(A, states, states), _dense(B, states, inputs), _dense(C, inputs, states)
        f[circuits, 1 : n + 1] = _circuit(a, b, c, low[inputs], high[inputs])
    return f


def _group(owner: np.ndarray, count: int) -> list[np.ndarray]:
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, count)))


def _dense(matrix, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The blocks ``matrix[rows_q][:, columns_q]``, shape (circuits, rows, columns)."""
    count, height = rows.shape
    width = columns.shape[1]
    out = np.zeros((count, height, width))
    if not height or not width:
        return out
    place = np.full(matrix.shape[1], -1)
    circuit = np.full(matrix.shape[1], -1)
    place[columns.ravel()] = np.tile(np.arange(width), count)
    circuit[columns.ravel()] = np.repeat(np.arange(count), width)
    picked = sparse.coo_array(matrix[rows.ravel()])
    r, c = picked.coords
    own = circuit[c] == r // height
    np.add.at(out, (r[own] // height, r[own] % height, place[c[own]]), picked.data[own])
    return out


def _circuit(a, b, c, low, high) -> np.ndarray:
    """Bounds for j = 1..n of circuits of one shape, (circuits, n)."""
    n, m = a.shape[1], b.shape[2]
    middle = 0.5 * low + 0.5 * high
    radius = upwards(np.maximum(high - middle, middle - low), 2)
    B, C = Ball.of(b), Ball.of(c)
    centre = Ball.of(a)
    gains = np.zeros((len(a), n))
    if m:
        centre = centre + (B * Ball.of(middle[:, None, :])) @ C
        root = np.sqrt(radius)
        slack = upwards(2 * UNIT * root)
        left = singular_values(B * Ball(root[:, None, :], slack[:, None, :]))
        right = singular_values(C * Ball(root[:, :, None], slack[:, :, None]))
        gains[:, : left.shape[1]] = upwards(left * right, 2)
    out = top_sums(centre.symmetric_part())
    out = out + upwards(np.cumsum(gains, axis=1), n + 4)
    out = out + 4 * UNIT * np.abs(out)
    loops = (C @ B) if m else None
    trace = Ball.of(np.einsum("qii->qi", a)[:, :, None])
    terms = trace.mid[:, :, 0]
    if m:
        loop_mid = np.einsum("qii->qi", loops.mid)
        loop_rad = np.einsum("qii->qi", loops.rad)
        corners = np.stack([s * (loop_mid + t * loop_rad) for s in (low, high) for t in (-1, 1)])
        terms = np.concatenate([terms, corners.max(axis=0)], axis=1)
    size = np.abs(terms).sum(axis=1)
    divergence = terms.sum(axis=1) + gamma(terms.shape[1] + 16) * size * 2
    out[:, n - 1] = np.minimum(out[:, n - 1], divergence)
    return out


def _coupling(network, rows, reads, middle, radius, weights, count) -> np.ndarray:
    """``rho_q`` rounded up: the coupling inside strongly connected components, as a multiple of the identity on
    circuit q."""
    parts = {}
    for name, (left, right) in {"A": (rows, rows), "B": (rows, reads), "C": (reads, rows)}.items():
        r, c, data = _entries(getattr(network, name))
        own = left[r] == right[c]
        shape = getattr(network, name).shape
        for key, pick in (("own", own), ("off", ~own)):
            parts[name, key] = sparse.csr_array(sparse.coo_array((data[pick], (r[pick], c[pick])), shape=shape))
    C = sparse.csr_array(parts["C", "own"] + parts["C", "off"])
    scale, spread = sparse.diags_array(middle), sparse.diags_array(radius)
    size = sparse.diags_array(upwards(np.abs(middle) + radius, 2))
    B_own, B_off, C_off = parts["B", "own"], parts["B", "off"], parts["C", "off"]
    centre = sparse.csr_array(parts["A", "off"] + B_off @ scale @ C + B_own @ scale @ C_off)
    wide = abs(B_off) @ spread @ abs(C) + abs(B_own) @ spread @ abs(C_off)
    total = abs(parts["A", "off"]) + abs(B_off) @ size @ abs(C) + abs(B_own) @ size @ abs(C_off)
    pattern = UNDERFLOW * (_ones(parts["A", "off"]) + _ones(B_off) @ _ones(C) + _ones(B_own) @ _ones(C_off))
    longest = max(int(np.diff(sparse.csr_array(one).indptr).max(initial=0)) for one in (B_own, B_off, C, C_off.T))
    error = sparse.csr_array(wide + gamma(4 * longest + 40) * total + pattern)
    edges = _norms(sparse.csr_array(total + pattern), rows, count)  # every entry that could be non-zero
    _, component = csgraph.connected_components(edges, directed=True, connection="strong")
    N = _norms(0.5 * (centre + centre.T), rows, count) + 0.5 * (
        _norms(error, rows, count) + _norms(error, rows, count).T
    )
    r, c, data = _entries(N)
    inside = component[r] == component[c]
    rho = np.bincount(r[inside], data[inside] * weights[c[inside]], count) / weights
    return upwards(rho, count + 16)


def _ones(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _norms(matrix, rows, count) -> sparse.csr_array:
    """Upper bounds of the spectral norms of all blocks: Frobenius or ``sqrt(|.|_1 |.|_inf)``, rounded up."""
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    r, c = coo.coords
    size = np.abs(coo.data)
    blocks, inverse = np.unique(rows[r].astype(np.int64) * count + rows[c], return_inverse=True)
    inverse = np.ravel(inverse)
    squares = np.bincount(inverse, size * size, len(blocks))
    product = np.ones(len(blocks))
    for line in (r, c):
        keys, where = np.unique(inverse.astype(np.int64) * (matrix.shape[0] + 1) + line, return_inverse=True)
        sums = np.bincount(np.ravel(where), size, len(keys))
        largest = np.zeros(len(blocks))
        np.maximum.at(largest, keys // (matrix.shape[0] + 1), sums)
        product = product * largest
    most = int(np.bincount(inverse, minlength=1).max(initial=0))
    data = upwards(np.sqrt(np.minimum(squares, product)), 2 * most + 16)
    return sparse.csr_array(sparse.coo_array((data, (blocks // count, blocks % count)), shape=(count, count)))


def _steps(f: np.ndarray) -> np.ndarray:
    """Increments of the least concave majorant of every row; each row's increments sum to no less than the row."""
    sizes = np.isfinite(f).sum(axis=1)
    out = []
    for size in np.unique(sizes):
        rows = f[sizes == size][:, :size]
        hull = rows.copy()
        for left in range(size):
            for right in range(left + 2, size):
                share = (np.arange(left + 1, right) - left) / (right - left)
                chord = rows[:, left, None] + (rows[:, right] - rows[:, left])[:, None] * share
                hull[:, left + 1 : right] = np.maximum(hull[:, left + 1 : right], chord)
        out.append(np.diff(hull, axis=1).ravel())
    return np.concatenate(out)


def _exactly(f: np.ndarray, k: int) -> float:
    """``max { sum_q f_q(j_q) : sum_q j_q = k }`` by dynamic programming."""
    best = np.full(k + 1, -np.inf)
    best[0] = 0.0
    for row in f:
        new = best.copy()
        for j in range(1, min(int(np.isfinite(row).sum()), k + 1)):
            new[j:] = np.maximum(new[j:], best[: k + 1 - j] + row[j])
        best = new
    return float(best[k])
