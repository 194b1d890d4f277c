"""Proofs about sets and limits: basins (interval arithmetic) and the energy of symmetric circuits (exact equality)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import sparse

from neurolurie.certificates.exact import Dyadic, is_positive_definite
from neurolurie.certificates.proofs import Unproved, positive_weights, prove_multipliers, require, slopes_between
from neurolurie.certificates.rounding import UNIT, Ball, inverse, upwards


def prove_basin(network, k, margin, witness) -> str:
    """Core contracts at the stated rate in the weighted sup norm, layers move inwards (docs/certificates.md)."""
    if witness.get("ellipsoid") is not None:
        require("boxes" not in witness, "a basin is a box or an ellipsoid")
        return prove_ellipsoid(network, k, margin, witness)
    network = network.dense()
    centre, w = np.asarray(witness["centre"], float), positive_weights(witness["weights"], network.n)
    require(centre.shape == (network.n,), "the centre is not a state of this network")
    layers = [(np.asarray(one["low"], float), np.asarray(one["high"], float)) for one in witness["layers"]]
    require(len(layers) > 0 and margin > 0, "no core, or the rate is not positive")
    outermost = witness["boxes"]
    require(len(outermost) == 1, "a basin by boxes has one outermost box")
    require(
        bool(
            np.array_equal(outermost[0]["low"], layers[-1][0]) and np.array_equal(outermost[0]["high"], layers[-1][1])
        ),
        "the box that is claimed is not the outermost layer",
    )
    for low, high in layers:
        require(bool(np.isfinite(low).all() and np.isfinite(high).all()), "a layer is not finite")
        require(low.shape == high.shape == (network.n,) and bool((low <= high).all()), "a layer is not a box")
        require(bool((low <= centre).all() and (centre <= high).all()), "the centre lies outside a layer")
    for (low, high), (wide_low, wide_high) in zip(layers, layers[1:], strict=False):
        require(bool((wide_low <= low).all() and (high <= wide_high).all()), "the layers are not nested")
    M = _majorant(network, *layers[0])
    pull = Ball.of(M) @ Ball.of(w[:, None])
    require(
        bool((upwards(pull.rad[:, 0]) + pull.mid[:, 0] + upwards(margin * w) * (1 + 4 * UNIT) < 0).all()),
        "the core does not contract at the stated rate",
    )
    for inner, outer in zip([layers[0], *layers], layers, strict=False):
        _require_inwards(network, centre, inner, outer)
    # the radius is about the equilibrium, which is near the centre
    field = field_at(network, centre)
    away = upwards((upwards(np.abs(field.mid) + field.rad)[:, 0] / w).max() / margin * w.max(), 8)
    reach = upwards(float(witness["radius"]) + away + 4 * UNIT * np.abs(centre).max(), 4)
    low, high = layers[-1]
    require(bool(((centre - low >= reach) & (high - centre >= reach)).all()), "the stated radius is too large")
    return "interval arithmetic"


def prove_ellipsoid(network, k, margin, witness) -> str:
    """``|T (x - c)| <= r``: the flow contracts there at rate ``margin`` in ``|T .|``, and ``|T f(c)| < margin r``.

    Distances to c then fall at the boundary, so the set is forward invariant; it is convex and compact, so it holds
    exactly one equilibrium and everything in it ends there.
    """
    network = network.dense()
    ball = witness["ellipsoid"]
    centre, T, r = np.asarray(ball["centre"], float), np.asarray(ball["T"], float), float(ball["radius"])
    require(0 < r < np.inf and margin > 0 and T.shape == (network.n,) * 2, "the ellipsoid is malformed")
    require(bool(np.isfinite(T).all() and np.isfinite(centre).all()), "the ellipsoid is malformed")
    back = inverse(T)
    require(back is not None, "the metric is too close to singular")
    reads = Ball.of(network.C) @ back
    reach = upwards(np.sqrt(upwards(np.sum((np.abs(reads.mid) + reads.rad) ** 2, axis=1), network.n + 4)) * r, 4)
    y_low, y_high = preactivation_of(network, Ball.of(centre[:, None]))
    slopes = slopes_between(network, y_low - upwards(reach, 4), y_high + upwards(reach, 4))
    prove_multipliers(network, 1, margin, {"T": T, "S": ball["S"]}, slopes)
    push = float((Ball.of(T) @ field_at(network, centre)).norm())
    require(push < margin * r * (1 - 1e-12), "the boundary of the ellipsoid does not point inwards")
    widest = float(upwards(np.sqrt(upwards((T * T).sum(axis=0), network.n)).sum(), network.n + 4))
    away = float(upwards(push / margin, 2))  # of the equilibrium from the centre
    require(float(witness["radius"]) * widest + away <= r * (1 - 1e-9), "the stated sup-norm radius is too large")
    return "proved rounding bounds"


def box_of(low, high) -> Ball:
    middle = 0.5 * low + 0.5 * high
    return Ball(middle[:, None], upwards(np.maximum(high - middle, middle - low), 2)[:, None])


def preactivation_of(network, x: Ball) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of y over a box of states."""
    y = Ball.of(network.C) @ x + Ball.of(network.by[:, None])
    slack = upwards(y.rad + 4 * UNIT * np.abs(y.mid))
    return (y.mid - slack)[:, 0], (y.mid + slack)[:, 0]


def field_at(network, x: np.ndarray) -> Ball:
    """dx/dt at one state, enclosed."""
    at = Ball.of(x[:, None])
    field = Ball.of(network.A) @ at + Ball.of(network.B) @ image_of(network, *preactivation_of(network, at))
    return field + Ball.of(network.bx[:, None])


def _majorant(network, low, high) -> np.ndarray:
    """An upper bound, entry by entry, of ``J_ii`` and ``|J_ij|`` over the box."""
    least, most = slopes_between(network, *preactivation_of(network, box_of(low, high)))
    require(bool(np.isfinite(most).all()), "a slope has no bound on the box")
    middle = 0.5 * least + 0.5 * most
    radius = upwards(np.maximum(most - middle, middle - least), 2)
    J = Ball.of(network.A) + (Ball.of(network.B) * Ball(middle, radius)) @ Ball.of(network.C)
    M = np.abs(J.mid)
    np.fill_diagonal(M, J.mid.diagonal())
    return M + upwards(J.rad + 4 * UNIT * np.abs(J.mid))


def image_of(network, low, high) -> Ball:
    """phi over intervals of preactivations, as a column."""
    least, most = slopes_between(network, low, high)
    v_low, v_high = network.phi(low), network.phi(high)
    middle = 0.5 * low + 0.5 * high
    steep = upwards(np.maximum(np.abs(least), np.abs(most)) * np.maximum(high - middle, middle - low), 4)
    rising = least >= 0
    at = np.where(rising, 0.5 * v_low + 0.5 * v_high, network.phi(middle))
    half = np.where(rising, np.maximum(v_high - at, at - v_low), steep)
    slack = upwards(np.abs(half) + 1e-14 * (np.abs(at) + np.abs(v_low) + np.abs(v_high)) + 1e-15, 4)
    require(bool(np.isfinite(slack).all()), "phi has no bound on the box")
    return Ball(at[:, None], slack[:, None])


def _require_inwards(network, centre, inner, outer) -> None:
    """dx/dt points back towards ``inner`` wherever a run in ``outer`` is on or beyond one of its faces."""
    A, diagonal = network.A, network.A.diagonal()
    x = box_of(*outer)
    v = image_of(network, *preactivation_of(network, x))
    rest = Ball.of(A - np.diag(diagonal)) @ x + Ball.of(network.B) @ v + Ball.of(network.bx[:, None])
    top = np.maximum(diagonal * inner[1], diagonal * outer[1])
    bottom = np.minimum(diagonal * inner[0], diagonal * outer[0])
    slack = upwards(rest.rad[:, 0] + 8 * UNIT * (np.abs(rest.mid[:, 0]) + np.abs(top) + np.abs(bottom)))
    down, up = top + rest.mid[:, 0] + slack < 0, bottom + rest.mid[:, 0] - slack > 0
    if down.all() and up.all():
        return
    M = _majorant(network, *outer)
    field = field_at(network, centre)
    reach = upwards(np.maximum(outer[1] - centre, centre - outer[0]), 2)
    own = M.diagonal()
    side = upwards((np.abs(M - np.diag(own))) @ reach, len(reach) + 4)
    top = np.maximum(own * (inner[1] - centre), own * (outer[1] - centre))
    bottom = np.maximum(own * (centre - inner[0]), own * (centre - outer[0]))
    slack = upwards(field.rad[:, 0] + 16 * UNIT * (np.abs(field.mid[:, 0]) + side + np.abs(top) + np.abs(bottom)))
    down |= field.mid[:, 0] + top + side + slack < 0
    up |= field.mid[:, 0] - bottom - side - slack > 0
    require(bool(down.all() and up.all()), "dx/dt does not point inwards on every face of a layer")


def prove_energy(network, k, margin, witness) -> str:
    """``C A = -diag(a) C`` and ``C B = diag(s) M`` hold exactly, phi does not decrease: bounded runs settle."""
    require(all(kind.slope[0] >= 0 for kind in network.phi.kinds), "phi may decrease")
    if witness["limit"] == "one equilibrium":
        for kind in network.phi.kinds:
            steep = all(min(slopes) > 0 for _, slopes in kind.turns)
            require(
                kind.analytic and steep, f"{kind.name} is not analytic with positive slope: no single limit is promised"
            )
    A, C = sparse.coo_array(network.A), sparse.csr_array(network.C, copy=True)
    C.sum_duplicates()
    require(
        bool((A.coords[0] == A.coords[1])[A.data != 0].all()),
        "A is not diagonal, so C A = -diag(a) C is not proved exactly",
    )
    diagonal = network.A.diagonal()
    C.eliminate_zeros()
    for j in range(C.shape[0]):
        reads = diagonal[C.indices[C.indptr[j] : C.indptr[j + 1]]]
        require(len(set(reads.tolist())) <= 1, "one preactivation reads states that decay at different rates")
    decays = bool((diagonal < 0).all())
    require(decays or _full_column_rank(C), "states that no preactivation sees need not settle")
    if witness.get("bounded"):
        require(decays and network.phi.bounded, "boundedness is not automatic here")
    _require_symmetrisable(network, C)
    return "exact equality"


def _full_column_rank(C) -> bool:
    if C.shape[1] > 60:
        single = np.diff(C.indptr) == 1
        return len(set(C.indices[C.indptr[:-1][single]].tolist())) == C.shape[1]
    dense = Dyadic.of(C.toarray())
    return is_positive_definite(dense.T @ dense)


def _require_symmetrisable(network, C) -> None:
    """``C B = diag(s) M`` with M symmetric and s > 0, in exact arithmetic."""
    single = np.diff(C.indptr) <= 1
    gains = set(C.data.tolist())
    B = network.B
    if single.all() and len(gains) == 1 and C.shape[0] == C.shape[1] and (np.diff(C.indptr) == 1).all():
        permuted = sparse.csr_array(B)[C.indices] if sparse.issparse(B) else B[C.indices]
        gap = permuted - permuted.T
        if not (abs(gap).max() if sparse.issparse(gap) else np.abs(gap).max()) != 0:
            return
    require(C.shape[0] <= 200, "exact symmetry in a scaling is checked up to 200 preactivations")
    W = (Dyadic.of(C.toarray()) @ Dyadic.of(network.dense().B)).integers
    if (W == W.T).all():
        return
    m = len(W)
    scale: list[Fraction | None] = [None] * m
    for root in range(m):
        if scale[root] is not None:
            continue
        scale[root], queue = Fraction(1), [root]
        while queue:
            i = queue.pop()
            for j in range(m):
                if W[i, j] == 0 and W[j, i] == 0:
                    continue
                require(W[i, j] != 0 and W[j, i] != 0, "the coupling is one-way between two preactivations")
                value = scale[i] * Fraction(int(W[j, i]), int(W[i, j]))
                require(value > 0, "the coupling has opposite signs in its two directions")
                if scale[j] is None:
                    scale[j] = value
                    queue.append(j)
                elif scale[j] != value:
                    raise Unproved("the coupling is symmetric only to rounding")
