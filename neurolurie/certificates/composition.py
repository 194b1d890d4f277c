"""k-contraction of composed networks: every circuit once, combined by the max-plus rule (theory 1.5).

Circuit q alone has ``f_q(j) >= sup_D s_j(J_q(D))``. Everything else in the Jacobian is coupling; between circuits of
one strongly connected component of the coupling graph its symmetric part has block norms ``N_qr``. For any weights w >
0

    sym(coupling) <= blockdiag(rho_q I),     rho_q = sum_r N_qr w_r / w_q        (2 ab <= a^2 c + b^2 / c)

and coupling between components can be made as small as one likes by scaling circuits geometrically along the order,
whatever its gain. So with ``F(K) = max { sum_q f_q(j_q) + j_q rho_q : sum_q j_q = K }`` the network is K-contracting
if F(K) < 0. F is evaluated with the concave hull of each f_q (an upper bound, all K at once by sorting), and exactly
by a dynamic programme for small K. A skew coupling has N = 0 and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from neurolurie.certificates.rung import Finding
from neurolurie.network.lurie import LurieNetwork

DYNAMIC = 4_000_000  # circuits x orders x sizes up to which F is evaluated exactly


def applies(network: LurieNetwork, k: int) -> str | None:
    low, high = network.phi.slope_range()
    if len(network.parts) < 2:
        return "the network is one circuit"
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return "a slope has no bound"
    return None if owners(network) is not None else "the circuits do not cover every state exactly once"


def search(network: LurieNetwork, k: int) -> Iterator[Finding]:
    """The composition bound with weights from the Perron vector of the circuits' comparison matrix."""
    yield finding(Decomposition.of(network), k)


def finding(parts: Decomposition, k: int) -> Finding:
    """What the composition bound says about one k; if it fails, which circuit and which coupling cost most."""
    if not parts.finite:
        return Finding("composition F(K)", None, note="a number is too large for a bound")
    w, value = parts.best(k)
    note = "" if value < 0 else parts.blame(k)
    return Finding("composition F(K)", -value, {"kind": "composition", "weights": w}, note)


def smallest_order(parts: Decomposition) -> int | None:
    """The smallest k with F(k) < 0 for any of the weights that are tried."""
    if not parts.finite:
        return None
    totals = [parts.total(w) for w in parts.candidates()]
    found = [int(np.argmax(F < 0)) + 1 for F in totals if (F < 0).any()]
    return min(found, default=None)


def reading(network: LurieNetwork) -> str | None:
    """What each circuit is on its own, and why that is not what the whole is; None if it is the same.

    Read per circuit, a theorem about k-contracting circuits says nothing about the whole: their sums add up (theory
    1.5).
    """
    if applies(network, 1) is not None:
        return None
    parts = Decomposition.of(network)
    if not parts.finite:
        return None
    own = [int(np.argmax(f[1:] < 0)) + 1 if (f[1:] < 0).any() else None for f in parts.f]
    whole = smallest_order(parts)
    if None in own or whole is None or whole <= max(own):
        return None
    k = max(own)
    alone = ", ".join(f"'{name}' {order}" for name, order in list(zip(parts.names, own, strict=True))[:4])
    more = f" and {len(own) - 4} more" if len(own) > 4 else ""
    _, F = parts.best(k)
    return (
        f"read circuit by circuit, each alone is k-contracting: {alone}{more}; that does not carry over, because "
        f"expanding directions of different circuits add up: F({k}) = {F:.4g} /s for the whole, and F(K) < 0 only from "
        f"K = {whole} on"
    )


def check(network: LurieNetwork, k: int, witness) -> float:
    """``-F(k)`` with these weights (1/s)."""
    return float(-Decomposition.of(network).total(witness["weights"])[k - 1])


def owners(network: LurieNetwork) -> tuple[np.ndarray, np.ndarray] | None:
    """Which circuit owns each state and each preactivation, or None if they do not cover all exactly once."""
    states, preactivations = np.full(network.n, -1), np.full(network.m, -1)
    for q, part in enumerate(network.parts.values()):
        if (states[part.states] >= 0).any() or (preactivations[part.preactivations] >= 0).any():
            return None
        states[part.states], preactivations[part.preactivations] = q, q
    return (states, preactivations) if (states >= 0).all() and (preactivations >= 0).all() else None


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Circuits with their own bounds ``f`` (Q, largest size + 1; -inf beyond a circuit's size) and the coupling
    norms N."""

    names: tuple[str, ...]
    f: np.ndarray
    N: sparse.csr_array
    component: np.ndarray

    @classmethod
    def of(cls, network: LurieNetwork) -> Decomposition:
        states, preactivations = owners(network)
        own, off, spread = _split(network, states, preactivations)
        f = _circuit_bounds(network, *own)
        norm = lambda matrix: _block_norms(matrix, states, len(f))  # noqa: E731
        _, component = csgraph.connected_components(norm(abs(off) + spread), directed=True, connection="strong")
        both = sparse.csr_array(0.5 * (off + off.T))
        N = sparse.csr_array(norm(both) + 0.5 * (norm(spread) + norm(spread).T))
        coo = sparse.coo_array(N)
        row, column = coo.coords
        inside = component[row] == component[column]
        N = sparse.csr_array(sparse.coo_array((coo.data[inside], (row[inside], column[inside])), shape=N.shape))
        return cls(tuple(network.parts), f, N, component)

    @property
    def finite(self) -> bool:
        """No bound of a circuit or a coupling has overflowed."""
        return bool((np.isfinite(self.f) | (self.f == -np.inf)).all() and np.isfinite(self.N.data).all())

    def weights(self) -> np.ndarray:
        """Weights near the Perron vector of ``diag f(1) + N``."""
        shift = np.abs(self.f[:, 1]).max()
        w = np.ones(len(self.f))
        for _ in range(100):
            w = self.N @ w + (self.f[:, 1] + shift) * w + 1e-3 * shift * w.mean()
            w /= w.max()
        return np.maximum(w, 1e-6)

    def candidates(self) -> list[np.ndarray]:
        """Weights worth trying: the Perron vector is best for k = 1, equal weights keep a strong coupling local."""
        w = self.weights()
        return [w] if not self.N.nnz else [w, np.ones(len(w)), np.sqrt(np.maximum(w, 1e-3))]

    def best(self, k: int) -> tuple[np.ndarray, float]:
        """The weights with the smallest F(k), and that F(k)."""
        weights = self.candidates()[:1] if k == 1 else self.candidates()
        tried = [(float(self.total(w)[k - 1]), i, w) for i, w in enumerate(weights)]
        value, _, w = min(tried, key=lambda one: one[:2])
        return w, value

    def coupled(self, weights: np.ndarray) -> np.ndarray:
        """``f_q(j) + j rho_q``."""
        rho = (self.N @ weights) / weights
        return self.f + rho[:, None] * np.arange(self.f.shape[1])

    def total(self, weights: np.ndarray) -> np.ndarray:
        """F(K) for every K = 1..n."""
        f = self.coupled(weights)
        F = by_hulls(f)
        sizes = np.isfinite(f).sum(axis=1)
        most = min(len(F), max(8, DYNAMIC // max(int(sizes.sum()), 1)))
        most = min(most, 64)
        F[:most] = np.minimum(F[:most], by_dynamic_programme(f, most))
        return F

    def blame(self, k: int) -> str:
        """Which circuit and which coupling cost most, and the gain at which the claim would still hold."""
        w, alone = self.weights(), self.total_without_coupling(k)
        cost = self.coupled(np.ones(len(w)))[:, 1]
        worst = int(np.argmax(cost))
        circuit = f"circuit '{self.names[worst]}' costs most ({cost[worst]:.4g} /s)"
        edge = self.worst_edge(w)
        if alone >= 0:
            return f"{circuit}; the circuits alone already have F({k}) = {alone:.4g} /s, so no coupling gain would do"
        if edge is None:
            return circuit
        row, column, size = edge
        gain = self.largest_gain(k, row, column)
        names = f"{self.names[column]} -> {self.names[row]}"
        held = (
            f"scaled by at most {gain:.3g} the claim would hold" if gain is not None else "not the only one in the way"
        )
        return f"{circuit}; edge {names} costs most ({size:.4g} /s): {held}"

    def total_without_coupling(self, k: int) -> float:
        alone = replace(self, N=sparse.csr_array(self.N.shape))
        return float(alone.total(np.ones(len(self.f)))[k - 1])

    def worst_edge(self, w: np.ndarray) -> tuple[int, int, float] | None:
        """(target, source, norm) of the coupling that moves the comparison matrix's Perron value most."""
        coo = sparse.coo_array(self.N)
        if not coo.nnz:
            return None
        row, column = coo.coords
        worst = int((coo.data * w[column] * w[row]).argmax())
        return int(row[worst]), int(column[worst]), float(coo.data[worst])

    def largest_gain(self, k: int, row: int, column: int) -> float | None:
        """The largest factor on the coupling between two circuits at which F(k) < 0; None if not even 0 does."""
        coo = sparse.coo_array(self.N)
        r, c = coo.coords
        here = ((r == row) & (c == column)) | ((r == column) & (c == row))

        def holds(gain):
            data = np.where(here, gain * coo.data, coo.data)
            N = sparse.csr_array(sparse.coo_array((data, (r, c)), shape=self.N.shape))
            return replace(self, N=N).falls_below_zero(k)

        if not holds(0.0):
            return None
        low, high = 0.0, 1.0
        for _ in range(12):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low

    def falls_below_zero(self, k: int) -> bool:
        """Whether F(k) < 0 for some of the weights (for k = 1 the Perron vector is the best there is)."""
        if k > 1:
            return self.best(k)[1] < 0
        w = self.weights()
        return bool((self.coupled(w)[:, 1] < 0).all())


def by_hulls(f: np.ndarray) -> np.ndarray:
    """F(K) for all K with every f_q replaced by its concave hull: the largest increments first."""
    steps = []
    for size in np.unique(np.isfinite(f).sum(axis=1)):
        rows = f[np.isfinite(f).sum(axis=1) == size][:, :size]
        steps.append(np.diff(_concave_hulls(rows), axis=1).ravel())
    steps = np.concatenate(steps)
    return np.cumsum(np.sort(steps)[::-1])


def _concave_hulls(f: np.ndarray) -> np.ndarray:
    """The least concave function above each row (few columns: the best chord between any two points)."""
    out = f.copy()
    columns = f.shape[1]
    for a in range(columns):
        for b in range(a + 2, columns):
            for j in range(a + 1, b):
                chord = f[:, a] + (f[:, b] - f[:, a]) * ((j - a) / (b - a))
                out[:, j] = np.maximum(out[:, j], chord)
    return out


def by_dynamic_programme(f: np.ndarray, most: int) -> np.ndarray:
    """F(1..most) exactly: ``F_q(K) = max_j F_(q-1)(K - j) + f_q(j)``."""
    F = np.full(most + 1, -np.inf)
    F[0] = 0.0
    for row in f:
        new = F.copy()
        for j in range(1, min(len(row), most + 1)):
            if row[j] == -np.inf:
                break
            np.maximum(new[j:], F[: most + 1 - j] + row[j], out=new[j:])
        F = new
    return F[1:]


def _split(network, states, preactivations):
    """Own blocks (A, B, C sparse), the central coupling and the spread of the coupling with the slopes."""
    low, high = network.phi.slope_range()
    middle, radius = sparse.diags_array(0.5 * (low + high)), sparse.diags_array(0.5 * (high - low))
    A, A_off = _by_owner(network.A, states, states)
    B, B_off = _by_owner(network.B, states, preactivations)
    C, C_off = _by_owner(network.C, preactivations, states)
    everything = C + C_off
    off = A_off + B_off @ middle @ everything + B @ middle @ C_off
    spread = abs(B_off) @ radius @ abs(everything) + abs(B) @ radius @ abs(C_off)
    return (A, B, C, low, high, states, preactivations), sparse.csr_array(off), sparse.csr_array(spread)


def _by_owner(matrix, rows, columns):
    coo = sparse.coo_array(matrix)
    row, column = coo.coords
    keep = coo.data != 0
    row, column, data = row[keep], column[keep], coo.data[keep]
    own = rows[row] == columns[column]
    make = lambda pick: sparse.csr_array(  # noqa: E731
        sparse.coo_array((data[pick], (row[pick], column[pick])), shape=coo.shape)
    )
    return make(own), make(~own)


def _circuit_bounds(network, A, B, C, low, high, states, preactivations) -> np.ndarray:
    """f_q(j): K2 in P = I for every circuit, batched over circuits of one shape; the trace for j = n_q."""
    count = len(network.parts)
    n = np.bincount(states, minlength=count)
    m = np.bincount(preactivations, minlength=count)
    f = np.full((count, n.max() + 1), -np.inf)
    f[:, 0] = 0.0
    first_state, first_pre = _local(states, n), _local(preactivations, m)
    for shape in {(int(a), int(b)) for a, b in zip(n, m, strict=True)}:
        members = np.flatnonzero((n == shape[0]) & (m == shape[1]))
        place = np.full(count, -1)
        place[members] = np.arange(len(members))
        a = _blocks(A, states, states, first_state, first_state, place, len(members), shape[0], shape[0])
        b = _blocks(B, states, preactivations, first_state, first_pre, place, len(members), *shape)
        c = _blocks(C, preactivations, states, first_pre, first_state, place, len(members), shape[1], shape[0])
        mine = place[preactivations] >= 0
        lo, hi = (np.zeros((len(members), shape[1])) for _ in range(2))
        lo[place[preactivations[mine]], first_pre[mine]] = low[mine]
        hi[place[preactivations[mine]], first_pre[mine]] = high[mine]
        centre = a + (b * (0.5 * (lo + hi))[:, None, :]) @ c
        f[members, 1 : shape[0] + 1] = _k2(centre, b, c, 0.5 * (hi - lo))
        loop = np.einsum("qij,qji->qi", c, b)
        trace = np.trace(a, axis1=1, axis2=2) + np.where(loop > 0, hi * loop, lo * loop).sum(axis=1)
        f[members, shape[0]] = np.minimum(f[members, shape[0]], trace)
    return f


def _k2(centre, B, C, radius) -> np.ndarray:
    values = np.linalg.eigvalsh(0.5 * (centre + np.swapaxes(centre, 1, 2)))[:, ::-1]
    steps = values.copy()
    if B.shape[2]:
        root = np.sqrt(radius)
        left = np.linalg.svd(B * root[:, None, :], compute_uv=False)
        right = np.linalg.svd(root[:, :, None] * C, compute_uv=False)
        steps[:, : left.shape[1]] += left * right
    return np.cumsum(steps, axis=1)


def _local(owner: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The position of every state (or preactivation) inside its circuit."""
    order = np.argsort(owner, kind="stable")
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    local = np.empty(len(owner), int)
    local[order] = np.arange(len(owner)) - np.repeat(start, sizes)
    return local


def _blocks(matrix, rows, columns, local_row, local_column, place, count, height, width) -> np.ndarray:
    """Own blocks of the chosen circuits as one dense array (count, height, width)."""
    out = np.zeros((count, height, width))
    coo = sparse.coo_array(matrix)
    row, column = coo.coords
    q = place[rows[row]]
    keep = q >= 0
    out[q[keep], local_row[row[keep]], local_column[column[keep]]] = coo.data[keep]
    return out


def _block_norms(matrix, states, count) -> sparse.csr_array:
    """Upper bounds of the spectral norms of all blocks: the smaller of Frobenius and ``sqrt(|.|_1 |.|_inf)``."""
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    row, column = coo.coords
    q, r = states[row], states[column]
    block = q.astype(np.int64) * count + r
    size = np.abs(coo.data)
    names, inverse = np.unique(block, return_inverse=True)
    frobenius = np.sqrt(np.bincount(inverse, size**2, len(names)))
    widest = np.ones(len(names))
    for line in (row, column):
        lines, where = np.unique(np.stack([inverse, line]), axis=1, return_inverse=True)
        sums = np.bincount(np.ravel(where), size, lines.shape[1])
        largest = np.zeros(len(names))
        np.maximum.at(largest, lines[0], sums)
        widest = widest * largest
    data = np.minimum(frobenius, np.sqrt(widest))
    return sparse.csr_array(sparse.coo_array((data, (names // count, names % count)), shape=(count, count)))
