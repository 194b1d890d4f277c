"""Proofs of behaviour: bounded, gain, 1-dominance (settles) and 2-dominance (oscillates). Theorems:
docs/certificates.md."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from neurolurie.certificates import exact
from neurolurie.certificates.exact import Dyadic
from neurolurie.certificates.proofs import CONTRACTION, System, require, slopes_between
from neurolurie.certificates.proofs_refuted import floors
from neurolurie.certificates.proofs_sets import box_of, field_at, preactivation_of
from neurolurie.certificates.rounding import UNIT, Ball, gamma, inverse, singular_values, upwards
from neurolurie.network.phi import Phi


def prove_bounded(network, k, margin, witness) -> str:
    """The part with unbounded phi contracts at rate ``margin``; the radius is what the rest can drive it to."""
    _require_no_domain(network)
    _require_rate(margin)
    low, high = network.phi.image()
    bounded = np.isfinite(low) & np.isfinite(high)
    arithmetic = CONTRACTION[witness["part"]["kind"]](_without(network, bounded), 1, margin, witness["part"])
    middle = np.where(bounded, 0.5 * (np.where(bounded, low, 0) + np.where(bounded, high, 0)), network.phi(network.by))
    half = np.where(bounded, 0.5 * (np.where(bounded, high, 0) - np.where(bounded, low, 0)), 0.0)
    slack = 1e-14 * (np.abs(middle) + half) + 1e-15
    reach = _reach(network, middle, upwards(half + slack), witness["part"])
    require(float(upwards(reach / margin, 4)) <= witness["radius"], "the radius is larger than stated")
    return arithmetic


def prove_gain(network, k, margin, witness) -> str:
    """The network contracts at rate ``margin``; the stated gain is the norm's condition over the rate."""
    _require_no_domain(network)
    _require_rate(margin)
    norm = witness["part"]["norm"] if witness["part"]["kind"] == "weights" else "2"
    require(witness["norm"] == norm, "the gain is stated in another norm than the one that contracts")
    arithmetic = CONTRACTION[witness["part"]["kind"]](network, 1, margin, witness["part"])
    condition = _condition(witness["part"], network.n)
    require(float(upwards(condition / margin, 4)) <= witness["gain"], "the gain is larger than stated")
    return arithmetic


def prove_dominance(network, witness, p: int) -> str:
    """``P J + J^T P + 2 lambda P < 0`` at every corner and P has exactly p negative eigenvalues."""
    _require_no_domain(network)
    system = System(network)
    P, rate = np.asarray(witness["P"], float), float(witness["lambda"])
    require(
        P.shape == (network.n,) * 2 and bool((P == P.T).all()) and rate >= 0, "P is not symmetric or lambda negative"
    )
    exactly = Dyadic.of(P)
    require(exact.inertia(exactly) == (network.n - p, p, 0), f"P does not have exactly {p} negative eigenvalues")
    twice = Dyadic.of(np.array([[2 * rate]])) * exactly
    for corner in system.corners():
        flow = exactly @ system.exact_jacobian(corner)
        require(exact.is_positive_definite(-(flow + flow.T + twice)), "a corner of the slope box is not dominated")
    return "exact rational LDL^T"


def _require_rate(rate) -> None:
    require(rate is not None and 0 < rate < np.inf, "the rate is not positive")


def _require_no_domain(network) -> None:
    require(not np.isfinite(network.phi.domain).any(), "within a domain runs are not known to stay in it")


def prove_one_dominance(network, k, margin, witness) -> str:
    return prove_dominance(network, witness, 1)


def prove_oscillates(network, k, margin, witness) -> str:
    """Bounded, 2-dominant, one equilibrium only, and at it two eigenvalues with positive real part."""
    require(network.phi.every("smooth"), "phi is not C^1")
    prove_bounded(network, None, float(witness["bounded"]["rate"]), witness["bounded"])
    prove_dominance(network, witness, 2)
    system = System(network)
    signs = {np.sign(_determinant(system.exact_jacobian(corner))) for corner in system.corners()}
    require(signs in ({1}, {-1}), "det J changes sign over the slope box, so there may be several equilibria")
    J = _jacobian_at_equilibrium(network.dense(), np.asarray(witness["equilibrium"], float))
    require(np.sort(floors(J))[-2] > 0, "the equilibrium is not proved to have two unstable directions")
    return "exact rational LDL^T and interval arithmetic"


def _determinant(matrix: Dyadic) -> int:
    """The sign-carrying integer of the determinant, by elimination without fractions."""
    work, previous, sign = matrix.integers.copy(), 1, 1
    n = len(work)
    for i in range(n - 1):
        if work[i, i] == 0:
            below = [r for r in range(i + 1, n) if work[r, i] != 0]
            if not below:
                return 0
            work[[i, below[0]]] = work[[below[0], i]]
            sign = -sign
        rest = work[i + 1 :, i + 1 :] * work[i, i] - np.multiply.outer(work[i + 1 :, i], work[i, i + 1 :])
        work[i + 1 :, i + 1 :] = rest // previous
        previous = work[i, i]
    return sign * (1 if work[-1, -1] > 0 else -1 if work[-1, -1] < 0 else 0)


def _jacobian_at_equilibrium(network, x: np.ndarray) -> Ball:
    """The Jacobian at the equilibrium near x, enclosed: Krawczyk's test proves that a small box round x holds one."""
    for size in 10.0 ** np.arange(-13.0, -3.0):
        half = size * (1 + np.abs(x))
        low, high = x - half, x + half
        box = box_of(low, high)
        least, most = slopes_between(network, *preactivation_of(network, box))
        middle = 0.5 * least + 0.5 * most
        radius = upwards(np.maximum(most - middle, middle - least), 2)
        J = Ball.of(network.A) + (Ball.of(network.B) * Ball(middle, radius)) @ Ball.of(network.C)
        try:
            Y = Ball.of(np.linalg.inv(J.mid))
        except np.linalg.LinAlgError:
            continue
        outer, inner = np.maximum(high - x, x - low), np.minimum(high - x, x - low)
        around = Ball(np.zeros_like(box.mid), upwards(outer[:, None], 4))
        shift = -(Y @ field_at(network, x)) + (Ball.of(np.eye(network.n)) - Y @ J) @ around
        if (upwards(np.abs(shift.mid) + shift.rad, 2)[:, 0] < inner * (1 - 8 * UNIT)).all():
            return J
    require(False, "no box round the stored state is proved to hold an equilibrium")


def _without(network, bounded):
    """The network without the preactivations whose phi is bounded."""
    keep = np.flatnonzero(~bounded)
    if not len(keep):
        empty = sparse.csr_array((network.n, 1)) if network.is_sparse else np.zeros((network.n, 1))
        return network.replace(B=empty, C=empty.T, by=np.zeros(1), phi=Phi.of("tanh", 1), parts={})
    B = sparse.csr_array(sparse.csc_array(network.B)[:, keep]) if sparse.issparse(network.B) else network.B[:, keep]
    phi = Phi(network.phi.kinds, network.phi.index[keep], network.phi.domain[keep])
    return network.replace(B=B, C=network.C[keep], by=network.by[keep], phi=phi, parts={})


def _reach(network, middle, half, witness) -> float:
    """An upper bound of the norm of ``bx + B v`` over ``|v - middle| <= half``, in the norm of the witness."""
    if witness["kind"] == "weights":
        w = np.asarray(witness["weights"], float)
        B = sparse.csr_array(network.B)
        longest = int(np.diff(B.indptr).max(initial=0))
        spread = abs(B) @ half + gamma(longest + 8) * (abs(B) @ np.abs(middle) + np.abs(network.bx))
        size = np.abs(B @ middle + network.bx) + upwards(spread, longest + 8)
        scaled = size / w if witness["norm"] == "linf" else size * w
        total = scaled.max() if witness["norm"] == "linf" else scaled.sum()
        return float(upwards(total, network.n + 8))
    T, B = _coordinates(witness, network.n), Ball.of(network.dense().B)
    centre = T @ (B @ Ball.of(middle[:, None]) + Ball.of(network.bx[:, None]))
    columns = T @ (B * Ball.of(half))
    norms = [np.sqrt(upwards(np.sum((np.abs(z.mid) + z.rad) ** 2, axis=0), network.n + 4)) for z in (centre, columns)]
    return float(upwards(norms[0].sum() + norms[1].sum(), network.m + 8))


def _coordinates(witness, n: int) -> Ball:
    """T of the norm ``|T x|``."""
    require(witness["kind"] in ("closed-form", "vertices", "multipliers"), "the witness has no explicit norm")
    return Ball.of(np.eye(n) if witness.get("T") is None else np.asarray(witness["T"], float))


def _condition(witness, n: int) -> float:
    """How much larger an error can be in the 2-, sup or 1-norm than in the norm of the witness, relative to its
    cause."""
    if witness["kind"] == "weights":
        w = np.asarray(witness["weights"], float)
        return float(upwards(w.max() / w.min(), 2))
    T = _coordinates(witness, n)
    back = inverse(T.mid)
    require(back is not None, "the change of coordinates is too close to singular")
    return float(upwards(singular_values(T)[0] * singular_values(back)[0], 4))
