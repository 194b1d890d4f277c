"""Proofs of k-contraction from a witness: the half of every test that must be right, whatever found the witness.

Each function takes the network, k, the margin to prove (1/s) and the witness, and either returns the arithmetic that
proved ``sup_D s_k <= -margin`` or raises Unproved with the reason. Nothing here is shared with the code that searches.
Theorems: docs/certificates.md.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
from scipy import sparse

from neurolurie.certificates import exact, proofs_composition
from neurolurie.certificates.exact import Dyadic
from neurolurie.certificates.rounding import (
    UNIT,
    Ball,
    gamma,
    inverse,
    is_positive_definite,
    singular_values,
    top_sum,
    upwards,
)

EXACT_SECONDS = 2.0  # exact arithmetic is used while its estimated time stays below this
CHUNK = 2048
MOST_CORNERS = 2**18
LEAST_WEIGHT = 1e-100
FARTHEST_TURN = 1e6  # beyond it the rounding of the period misplaces the turns of a periodic slope


class Unproved(Exception):
    """The witness does not prove the claim; the message says why."""


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Unproved(reason)


def slope_bounds(network) -> tuple[np.ndarray, np.ndarray]:
    """Slope ranges rounded outwards: global ranges are stored so; ranges on a domain are widened by a few roundings."""
    low, high = network.phi.slope_range()
    return widened(network, low, high, np.isfinite(network.phi.domain))


def widened(network, low, high, where=True) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of elementary functions evaluated in floating point, widened beyond their rounding, within the global
    range."""
    least = np.array([kind.slope[0] for kind in network.phi.kinds])[network.phi.index]
    most = np.array([kind.slope[1] for kind in network.phi.kinds])[network.phi.index]
    slack_low, slack_high = 1e-14 * np.abs(low) + 4e-15, 1e-14 * np.abs(high) + 4e-15
    return (
        np.where(where, np.maximum(low - slack_low, least), low),
        np.where(where, np.minimum(high + slack_high, most), high),
    )


def slopes_between(network, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Slope ranges on intervals of preactivations, rounded outwards."""
    least, most = widened(network, *network.phi.slope_on(low, high))
    periodic = np.array([kind.period is not None for kind in network.phi.kinds])[network.phi.index]
    far = periodic & ~(np.maximum(np.abs(low), np.abs(high)) <= FARTHEST_TURN)
    whole = [np.array([kind.slope[side] for kind in network.phi.kinds])[network.phi.index] for side in (0, 1)]
    return np.where(far, whole[0], least), np.where(far, whole[1], most)


class System:
    """Dense A, B, C and slope bounds, without preactivations that reach nothing or read nothing."""

    def __init__(self, network, slopes=None):
        dense = network.dense()
        low, high = slope_bounds(network) if slopes is None else slopes
        used = dense.B.any(axis=0) & dense.C.any(axis=1)
        self.A, self.B, self.C = dense.A, dense.B[:, used], dense.C[used]
        self.low, self.high = low[used], high[used]
        self.n = dense.n
        require(bool(np.isfinite(self.low).all() and np.isfinite(self.high).all()), "a slope has no bound")

    def middle(self) -> tuple[np.ndarray, np.ndarray]:
        """Doubles (middle, radius) with ``[low, high]`` inside ``middle +- radius``."""
        middle = 0.5 * self.low + 0.5 * self.high
        radius = upwards(np.maximum(self.high - middle, middle - self.low), 2)
        return middle, np.where(self.high == self.low, np.where(middle == self.low, 0.0, radius), radius)

    def corners(self) -> np.ndarray:
        free = np.flatnonzero(self.high > self.low)
        require(2 ** len(free) <= MOST_CORNERS, f"{len(free)} free slopes have too many corners")
        corners = np.tile(self.low, (2 ** len(free), 1))
        bits = (np.arange(2 ** len(free))[:, None] >> np.arange(len(free))) & 1
        corners[:, free] = np.where(bits, self.high[free], self.low[free])
        return corners

    def jacobians(self, slopes: np.ndarray) -> Ball:
        """Enclosures of ``A + B diag(slopes) C``, shape (..., n, n)."""
        return Ball.of(self.A) + (Ball.of(self.B) * Ball.of(slopes[..., None, :])) @ Ball.of(self.C)

    def exact_jacobian(self, slopes: np.ndarray) -> Dyadic:
        return Dyadic.of(self.A) + (Dyadic.of(self.B) * Dyadic.of(slopes)) @ Dyadic.of(self.C)


def affordable(n: int, count: int) -> bool:
    """Whether exact elimination of ``count`` matrices of size n takes little time (measured: 0.05 s at n = 30)."""
    return count * (0.05 * (n / 30) ** 4 + 2e-4) < EXACT_SECONDS


def prove_trace(network, k, margin, witness) -> str:
    """k = n: ``tr A + sum_j max(low_j l_j, high_j l_j) <= -margin``, ``l = diag(C B)``, in rational numbers."""
    require(k == network.n, "the trace speaks about k = n only")
    low, high = slope_bounds(network)
    left, right = sparse.csr_array(network.C, copy=True), sparse.csc_array(network.B, copy=True)
    left.sum_duplicates()
    right.sum_duplicates()
    total = sum((Fraction(float(a)) for a in network.A.diagonal()), Fraction(0))
    for j in range(network.m):
        row = slice(left.indptr[j], left.indptr[j + 1])
        column = slice(right.indptr[j], right.indptr[j + 1])
        weights = dict(zip(left.indices[row].tolist(), left.data[row].tolist(), strict=True))
        loop = sum(
            (
                Fraction(weights[i]) * Fraction(b)
                for i, b in zip(right.indices[column].tolist(), right.data[column].tolist(), strict=True)
                if i in weights
            ),
            Fraction(0),
        )
        if loop:
            slope = high[j] if loop > 0 else low[j]
            require(bool(np.isfinite(slope)), "a slope without bound meets a loop gain of the wrong sign")
            total += Fraction(float(slope)) * loop
    require(total <= -Fraction(float(margin)), "the trace bound is not that far below zero")
    return "rational numbers"


def prove_closed_form(network, k, margin, witness) -> str:
    """Theorem 1, K1 or K2 in the coordinates ``z = T x`` (T = I if none)."""
    system = System(network)
    middle, radius = system.middle()
    A, B, C = Ball.of(system.A), Ball.of(system.B), Ball.of(system.C)
    form = witness["form"]
    require(form in ("theorem-1", "k1", "k2"), f"'{form}' is not a closed form")
    shift = middle if form == "k2" else system.low
    half_width = radius if form == "k2" else upwards(0.5 * (system.high - system.low), 2)
    A = A + (B * Ball.of(shift)) @ C
    if witness.get("T") is not None:
        T = np.asarray(witness["T"], float)
        back = _inverse(T)
        A, B, C = Ball.of(T) @ A @ back, Ball.of(T) @ B, C @ back
    root = np.sqrt(upwards(half_width))
    root = Ball(root, upwards(2 * UNIT * root))
    drift = float(top_sum(A.symmetric_part(), k))
    count = min(k, *B.mid.shape)
    gains = np.zeros(0)
    if count:
        left, right = singular_values(B * root), singular_values(C * Ball(root.mid[:, None], root.rad[:, None]))
        gains = upwards(left[:count] * right[:count], 2)  # each already carries half of the slope's width
    if form == "theorem-1":
        total = 2 * np.sqrt(k * upwards(np.sum(gains**2), k + 2))
    else:
        total = (1 if form == "k2" else 2) * gains.sum()
    bound = drift + upwards(total, k + 6)
    require(bound + 4 * UNIT * (abs(drift) + total) <= -margin, "the bound is not that far below zero")
    return "proved rounding bounds"


def prove_vertices(network, k, margin, witness) -> str:
    """``s_k(T J T^-1) <= -margin`` at every corner of the slope box; convexity does the rest."""
    system = System(network)
    corners = system.corners()
    T = np.asarray(witness["T"], float) if witness.get("T") is not None else None
    if T is not None:
        back, there = _inverse(T), Ball.of(T)
    for start in range(0, len(corners), CHUNK):
        J = system.jacobians(corners[start : start + CHUNK])
        if T is not None:
            J = there @ J @ back
        require(float(top_sum(J.symmetric_part(), k).max()) <= -margin, "a corner of the slope box exceeds the bound")
    return "proved rounding bounds"


def prove_vertex_lmi(network, k, margin, witness) -> str:
    """k = 1: ``P > 0`` and ``P J + J^T P + 2 margin P < 0`` at every corner."""
    require(k == 1, "a common quadratic metric over corners proves k = 1")
    system = System(network)
    return _lyapunov(witness["P"], system, system.corners(), margin)


def prove_lure(network, k, margin, witness) -> str:
    """k = 1: ``P A_c + A_c^T P + P B R S B^T P + C^T R S^-1 C + 2 margin P < 0`` with P > 0 and diagonal S > 0.

    For every slope ``d = middle + e``, ``|e| <= R``: ``2 v^T P B diag(e) C v <= v^T (P B R S B^T P + C^T R S^-1 C) v``.
    """
    require(k == 1, "the Lur'e condition proves k = 1")
    system = System(network)
    P, S = _symmetric(witness["P"]), _multipliers(witness["S"], system)
    other = upwards(1 / S, 2)
    require(all(Fraction(float(s)) * Fraction(float(o)) >= 1 for s, o in zip(S, other, strict=True)), "1/S")
    middle, radius = system.middle()
    if affordable(system.n, 2 + system.n // 4):
        p, a, b, c = (Dyadic.of(part) for part in (P, system.A, system.B, system.C))
        r = Dyadic.of(radius)
        flow = p @ (a + (b * Dyadic.of(middle)) @ c)
        pb = p @ b
        form = flow + flow.T + (pb * (r * Dyadic.of(S))) @ pb.T + (c.T * (r * Dyadic.of(other))) @ c
        rate = Dyadic.of(np.array([[2 * margin]])) * p
        require(exact.is_positive_definite(p), "P is not positive definite")
        require(exact.is_positive_definite(-(form + rate)), "the Lur'e inequality fails")
        return "exact rational LDL^T"
    p, a, b, c = (Ball.of(part) for part in (P, system.A, system.B, system.C))
    flow = p @ (a + (b * Ball.of(middle)) @ c)
    pb = p @ b
    form = flow + flow.T + (pb * (Ball.of(radius) * Ball.of(S))) @ pb.T + (c.T * (Ball.of(radius) * Ball.of(other))) @ c
    require(bool(is_positive_definite(p)), "P is not proved positive definite")
    require(bool(is_positive_definite(-(form + Ball.of(2 * margin) * p))), "the Lur'e inequality is not proved")
    return "Cholesky with a proved rounding bound"


def prove_multipliers(network, k, margin, witness, slopes=None) -> str:
    """``s_k(sym A_c + 1/2 (B R S B^T + C^T R S^-1 C)) <= -margin`` in the coordinates ``z = T x``."""
    system = System(network, slopes)
    S = _multipliers(witness["S"], system)
    middle, radius = system.middle()
    A = system.jacobians(middle)
    B, C = Ball.of(system.B), Ball.of(system.C)
    if witness.get("T") is not None:
        T = np.asarray(witness["T"], float)
        back = _inverse(T)
        A, B, C = Ball.of(T) @ A @ back, Ball.of(T) @ B, C @ back
    r, other = Ball.of(radius), upwards(1 / S, 2)
    form = (B * (r * Ball.of(S))) @ B.T + (C.T * (r * Ball.of(other))) @ C
    bound = top_sum(A.symmetric_part() + Ball.of(0.5) * form, k)
    require(float(bound) <= -margin, "the bound is not that far below zero")
    return "proved rounding bounds"


def prove_compound(network, k, margin, witness) -> str:
    """``Q J^[k] + (J^[k])^T Q + 2 margin Q < 0`` at every corner, Q > 0 on the C(n, k)-dimensional space."""
    system = System(network)
    return _lyapunov(witness["P"], system, system.corners(), margin, k)


def prove_weights(network, k, margin, witness) -> str:
    """The sum of the k largest column (l1) or row (linf) sums of ``W M W^-1`` is at most ``-margin``; sparse
    throughout."""
    norm, w = witness["norm"], positive_weights(witness["weights"], network.n)
    require(norm in ("l1", "linf"), f"'{norm}' is not a weighted norm")
    low, high = slope_bounds(network)
    A, B, C = (sparse.csr_array(part) for part in (network.A, network.B, network.C))
    used = (abs(B).sum(axis=0) > 0) & (abs(C).sum(axis=1) > 0)
    low, high = np.where(used, low, 0.0), np.where(used, high, 0.0)
    require(bool(np.isfinite(low).all() and np.isfinite(high).all()), "a slope has no bound")
    middle = 0.5 * low + 0.5 * high
    radius = upwards(np.maximum(high - middle, middle - low), 2)
    centre = sparse.csr_array(A + B @ (sparse.diags_array(middle) @ C))
    diagonal = centre.diagonal()
    off = abs(centre - sparse.diags_array(diagonal))
    lengths = [np.diff(part.indptr).max(initial=0) for part in (A, B, C, centre)]
    lengths += [np.diff(sparse.csc_array(part).indptr).max(initial=0) for part in (A, B, C, centre)]
    error = gamma(2 * int(sum(lengths)) + 20)
    if norm == "linf":
        spread = abs(B) @ (radius * (abs(C) @ w))
        size = abs(A) @ w + abs(B) @ ((np.abs(middle) + radius) * (abs(C) @ w))
        sums = diagonal * w + off @ w + spread
    else:
        spread = abs(C).T @ (radius * (abs(B).T @ w))
        size = abs(A).T @ w + abs(C).T @ ((np.abs(middle) + radius) * (abs(B).T @ w))
        sums = diagonal * w + off.T @ w + spread
    sums = (sums + upwards(4 * error * size)) / w  # with room for what underflows
    sums = sums + 8 * UNIT * np.abs(sums)
    worst = np.sort(sums)[::-1][:k]
    total = worst.sum() + gamma(2 * k + 4) * np.abs(worst).sum()
    require(float(total) <= -margin, "the weighted sums are not that far below zero")
    return "proved rounding bounds"


def prove_composition(network, k, margin, witness) -> str:
    """``F(k) <= -margin`` from the circuits' own bounds and the couplings' norms."""
    weights = positive_weights(witness["weights"], len(network.parts))
    low, high = slope_bounds(network)
    require(bool(np.isfinite(low).all() and np.isfinite(high).all()), "a slope has no bound")
    require(proofs_composition.bound(network, low, high, k, weights) <= -margin, "F(k) is not that far below zero")
    return "proved rounding bounds"


def _lyapunov(P, system, corners, rate, k: int = 1) -> str:
    """P > 0 and ``P J + J^T P + 2 rate P < 0`` for J, or its k-th additive compound, at all corners."""
    P = _symmetric(P)
    places = compound_places(system.n, k)
    require(P.shape == (places[0],) * 2, "the metric has the wrong size")
    if affordable(len(P), len(corners) + 1):
        p = Dyadic.of(P)
        twice = Dyadic.of(np.array([[2 * rate]])) * p
        require(exact.is_positive_definite(p), "the metric is not positive definite")
        for corner in corners:
            J = system.exact_jacobian(corner)
            flow = p @ Dyadic(compound(J.integers, places), J.exponent)
            require(exact.is_positive_definite(-(flow + flow.T + twice)), "a corner of the slope box fails")
        return "exact rational LDL^T"
    p = Ball.of(P)
    require(bool(is_positive_definite(p)), "the metric is not proved positive definite")
    for start in range(0, len(corners), CHUNK):
        J = system.jacobians(corners[start : start + CHUNK])
        rad = compound(J.rad, places, absolute=True)
        mid = compound(J.mid, places)
        J = Ball(mid, upwards(rad + k * UNIT * np.abs(compound(np.abs(J.mid), places, absolute=True)), k + 4))
        flow = p @ J
        require(bool(is_positive_definite(-(flow + flow.T + Ball.of(2 * rate) * p)).all()), "a corner is not proved")
    return "Cholesky with a proved rounding bound"


def compound_places(n: int, k: int):
    """Where the entries of the k-th additive compound come from: size, sums of diagonals, (row, column, i, j, sign)."""
    subsets = list(combinations(range(n), k))
    number = {subset: place for place, subset in enumerate(subsets)}
    moves = []
    for row, subset in enumerate(subsets):
        for position, i in enumerate(subset):
            rest = subset[:position] + subset[position + 1 :]
            for j in range(n):
                if j not in subset:
                    other = tuple(sorted((*rest, j)))
                    moves.append((row, number[other], i, j, (-1) ** (position + other.index(j))))
    return len(subsets), subsets, moves


def compound(J: np.ndarray, places, absolute: bool = False) -> np.ndarray:
    """The additive compound of (..., n, n); with ``absolute`` all signs positive (for radii)."""
    size, subsets, moves = places
    out = np.zeros((*J.shape[:-2], size, size), dtype=J.dtype)
    for row, subset in enumerate(subsets):
        out[..., row, row] = sum(J[..., i, i] for i in subset)
    for row, column, i, j, sign in moves:
        out[..., row, column] = J[..., i, j] if absolute or sign > 0 else -J[..., i, j]
    return out


def _multipliers(S, system) -> np.ndarray:
    S = np.asarray(S, float)
    require(S.shape == system.low.shape, "one multiplier for each preactivation is needed")
    require(bool((S > 0).all() and np.isfinite(S).all()), "the multipliers are not positive")
    return S


def positive_weights(value, count: int) -> np.ndarray:
    """Weights far from the ends of the doubles' range, where products of them would lose their digits."""
    w = np.asarray(value, float)
    require(w.shape == (count,), "the weights have the wrong length")
    require(bool(((w > LEAST_WEIGHT) & (w < 1 / LEAST_WEIGHT)).all()), "the weights are not positive, or out of range")
    return w


def _symmetric(P) -> np.ndarray:
    P = np.asarray(P, float)
    require(
        P.ndim == 2 and P.shape[0] == P.shape[1] and bool(np.isfinite(P).all()), "the metric is not a square matrix"
    )
    require(bool((P == P.T).all()), "the metric is not symmetric")
    return P


def _inverse(T: np.ndarray) -> Ball:
    back = inverse(T) if T.ndim == 2 and T.shape[0] == T.shape[1] and np.isfinite(T).all() else None
    require(back is not None, "the change of coordinates is too close to singular")
    return back


CONTRACTION = {
    "trace": prove_trace,
    "closed-form": prove_closed_form,
    "vertices": prove_vertices,
    "vertex-lmi": prove_vertex_lmi,
    "lure": prove_lure,
    "multipliers": prove_multipliers,
    "compound": prove_compound,
    "weights": prove_weights,
    "composition": prove_composition,
}
