"""certify: what can be said about every trajectory of a network before it runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from neurolurie.certificates import basin, bounded, dominance, ellipsoid
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.certificate import Attempt, Certificate
from neurolurie.certificates.contraction import SHRINK, contraction, declared
from neurolurie.certificates.energy import settles_at_one_point, why_no_energy
from neurolurie.certificates.falsify import MOST_STATES
from neurolurie.certificates.proofs import Unproved
from neurolurie.certificates.rung import SolverFailed
from neurolurie.certificates.verify import prove
from neurolurie.errors import SpecError, did_you_mean
from neurolurie.network.lurie import LurieNetwork


def certify(network: LurieNetwork, claim: str | None = None, k: int | None = None, **options) -> Certificate:
    """What is known about every trajectory of ``dx/dt = A x + B phi(C x + by) + bx``.

    Parameters
    ----------
    claim : "k-contraction" (the default), "convergent", or "basin" (needs ``equilibrium=``, a state near it).
    k : for "k-contraction" the order, 1 to n; without it the smallest that can be proved.

    Raises SpecError for an unknown claim, option or order.

    >>> import numpy as np
    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> print(certify(net).sentence())
    proved: 2-contracting: every bounded run settles at an equilibrium (k2, margin 2 /s)
    """
    claim = "k-contraction" if claim is None else claim
    if claim not in CLAIMS:
        raise SpecError(did_you_mean("claim", claim, CLAIMS))
    function, allowed = CLAIMS[claim]
    if unknown := sorted(set(options) - set(allowed)):
        raise SpecError(did_you_mean(f"option of claim '{claim}'", unknown[0], allowed))
    if claim == "k-contraction":
        return contraction(network, k, **options)
    if k is not None:
        raise SpecError(f"k belongs to the claim 'k-contraction'; it means nothing for '{claim}'.")
    return function(network, **options)


def convergent(network: LurieNetwork, **options) -> Certificate:
    """Every bounded run settles: by the energy of symmetric circuits, by 2-contraction, or by 1-dominance."""
    by_energy = _settles_by_energy(network)
    if by_energy.status == "proved":
        return by_energy
    tried = by_energy.tried

    def answer(found: Certificate) -> Certificate:
        """What was found, unless the energy says more."""
        return replace(found if found.status != "unknown" else by_energy, tried=tried)

    smooth, nothing = network.phi.every("smooth"), Certificate("convergent", "unknown", network=network)
    if np.isfinite(network.phi.domain).any():
        tried += (Attempt("contraction", note="phi has a domain: runs are not known to stay in it"),)
        return answer(nothing)
    found = contraction(network, min(2, network.n) if smooth else 1, **options)
    tried += found.tried
    if found.holds:
        return answer(replace(found, claim="convergent", witness={**found.witness, "limit": "one equilibrium"}))
    if not smooth:
        tried += (Attempt("2-contraction", note="phi is not C^1: it is not known to make runs settle"),)
        return answer(nothing)
    witness, reason = dominated(network, 1)
    tried += (Attempt("1-dominance", note=reason or "holds"),)
    if witness is not None:
        found = Certificate(
            "convergent", "numerical", "1-dominance", witness={**witness, "limit": "one equilibrium"},
            assumptions=("input constant in time, no noise", "runs that stay bounded", *declared(network)),
            network=network,
        )  # fmt: skip
        return answer(settled(found))
    cycle = oscillating(network, **options)
    if cycle.status == "proved":
        tried += cycle.tried
        return answer(replace(cycle, claim="convergent", status="refuted"))
    return answer(nothing)


def _settles_by_energy(network: LurieNetwork) -> Certificate:
    """Convergence by the energy of symmetric circuits; unknown, with the reason in ``tried``, if it has none."""
    reason = why_no_energy(network)
    entries = sparse.coo_array(network.A)
    diagonal = bool((entries.coords[0] == entries.coords[1])[entries.data != 0].all())
    decays = diagonal and bool((network.A.diagonal() < 0).all())
    if reason is None and not decays:
        small = network.m > 0 and network.n <= MOST_STATES
        if not (small and np.linalg.matrix_rank(network.dense().C) == network.n):
            reason = "states that no preactivation sees need not settle"
    if reason is not None:
        return Certificate("convergent", "unknown", tried=(Attempt("energy", note=reason),), network=network)
    witness = {
        "kind": "energy",
        "limit": "one equilibrium" if settles_at_one_point(network.phi) else "the set of equilibria",
        "bounded": bool(decays and network.phi.bounded),
    }
    rests = ["input constant in time, no noise"] + ([] if witness["bounded"] else ["runs that stay bounded"])
    rests += declared(network)
    return settled(
        Certificate(
            "convergent",
            "numerical",
            "energy",
            witness=witness,
            assumptions=tuple(rests),
            tried=(Attempt("energy", note="never rises"),),
            network=network,
        )  # fmt: skip
    )


def dominated(network: LurieNetwork, p: int) -> tuple[dict | None, str]:
    """The witness of p-dominance, or None and the reason."""
    if network.n > MOST_STATES:
        return None, f"more than {MOST_STATES} states"
    box = SlopeBox.of(network)
    if np.isfinite(network.phi.domain).any():
        return None, "within a domain runs are not known to stay in it"
    if reason := dominance.applies(box, p):
        return None, reason
    try:
        witness = dominance.search(box, p)
    except SolverFailed as error:
        return None, str(error)
    return (None, "no metric was found") if witness is None else ({"kind": "dominance", **witness}, "")


def bounded_runs(network: LurieNetwork, **options) -> Certificate:
    """Every run ends up in a ball: the part with unbounded phi contracts, the rest can push only so far."""
    if np.isfinite(network.phi.domain).any():
        note = "phi has a domain: runs are not known to stay in it"
        return Certificate(
            "bounded", "unknown", tried=(Attempt("contraction at infinity", note=note),), network=network
        )
    part, tried = _explicit_contraction(bounded.rest(network), options)
    if part is None:
        return Certificate("bounded", "unknown", tried=tried, network=network)
    rate = part.margin
    radius = max(bounded.radius(network, part.witness, rate * (1 - 1e-6)), 1e-12)  # nothing proves that it is 0
    name, data = bounded.norm(part.witness)
    witness = {"kind": "bounded", "part": part.witness, "rate": rate * (1 - 1e-6), "radius": radius * (1 + 1e-6)}
    answer = Certificate(
        "bounded", "numerical", part.method, 1, rate * (1 - 1e-6), None, witness,
        _at_rest(network), tried, network,
    )  # fmt: skip
    return settled(answer)


def input_gain(network: LurieNetwork, **options) -> Certificate:
    """How far two runs end up from each other under inputs that differ: at most the gain times the difference."""
    if np.isfinite(network.phi.domain).any():
        note = "phi has a domain: runs are not known to stay in it"
        return Certificate("gain", "unknown", tried=(Attempt("contraction", note=note),), network=network)
    part, tried = _explicit_contraction(network, options)
    if part is None:
        return Certificate("gain", "unknown", tried=tried, network=network)
    measure = bounded.norm(part.witness)
    stretch, rate = bounded.condition(measure, network.n), part.margin * (1 - 1e-6)
    witness = {"kind": "gain", "part": part.witness, "gain": stretch / rate * (1 + 1e-6), "norm": measure[0]}
    if measure[0] == "2":  # white noise of unit strength on every state: limsup E |x - x'|_P^2 <= tr P / (2 rate)
        P = np.eye(network.n) if measure[1] is None else measure[1].T @ measure[1]
        witness["noise_variance"] = float(np.trace(P) / (2 * rate) / np.linalg.eigvalsh(P)[0])
    return settled(
        Certificate("gain", "numerical", part.method, 1, rate, rate, witness, part.assumptions, tried, network)
    )


def _explicit_contraction(network: LurieNetwork, options) -> tuple[Certificate | None, tuple[Attempt, ...]]:
    """A proof of 1-contraction in a norm that can be written down."""
    part = contraction(network, 1, **options)
    witness = bounded.explicit(part.witness) if part.holds else None
    if witness is None and part.holds:
        part = contraction(network.replace(parts={}), 1, **options)
        witness = bounded.explicit(part.witness) if part.holds else None
    return (None if witness is None else replace(part, witness=witness)), part.tried


def oscillating(network: LurieNetwork, **options) -> Certificate:
    """Almost every run ends in a limit cycle: bounded, 2-dominant, and one equilibrium with two unstable directions."""
    tried: list[Attempt] = []

    def answer(note: str) -> Certificate:
        return Certificate("oscillates", "unknown", tried=(*tried, Attempt("oscillation", note=note)), network=network)

    if not network.phi.every("smooth"):
        return answer("phi is not C^1")
    within = bounded_runs(network, **options)
    tried += within.tried
    if not within.holds:
        return answer("runs are not proved bounded")
    witness, reason = dominated(network, 2)
    tried.append(Attempt("2-dominance", note=reason or "holds"))
    if witness is None:
        return answer(f"not proved 2-dominant: {reason}")
    if not dominance.unique_equilibrium(SlopeBox.of(network)):
        return answer("det J changes sign over the slope box, so there may be several equilibria")
    try:
        x = basin.equilibrium_near(network.dense(), np.zeros(network.n))
    except SpecError as error:
        return answer(str(error))
    if (np.linalg.eigvals(network.jacobian(x)).real > 0).sum() != 2:
        return answer("the equilibrium does not have two unstable directions")
    witness = {**witness, "bounded": {**within.witness}, "equilibrium": x}
    found = Certificate(
        "oscillates", "numerical", "2-dominance", witness=witness, network=network,
        assumptions=_at_rest(network), tried=tuple(tried),
    )  # fmt: skip
    return settled(found)


def certified_basin(network: LurieNetwork, equilibrium=None) -> Certificate:
    """A forward-invariant set around an equilibrium, everything in which ends there."""
    if equilibrium is None:
        raise SpecError("the claim 'basin' needs equilibrium=, a state near the equilibrium it is about.")
    tried, kind = [], "box"
    witness = basin.search(network, equilibrium)
    if witness is None:
        tried.append(Attempt("box", 1, note="no box around the equilibrium contracts in a weighted sup norm"))
        witness, kind = ellipsoid.search(network, equilibrium), "ellipsoid"
    if witness is None:
        tried.append(Attempt("ellipsoid", 1, note="no ellipsoid around the equilibrium contracts"))
        return Certificate("basin", "unknown", tried=tuple(tried), network=network)
    tried.append(Attempt(kind, 1, witness["rate"]))
    answer = Certificate(
        "basin", "numerical", kind, 1, witness["rate"], witness["rate"], {"kind": kind, **witness},
        _at_rest(network), tuple(tried), network,
    )  # fmt: skip
    return settled(answer)


def _at_rest(network: LurieNetwork) -> tuple[str, ...]:
    """What radii, basins and cycles rest on: another constant input shifts them, as another bx would."""
    input_ = "no input u(t), no noise" if network.E.shape[1] else "input constant in time, no noise"
    return (input_, *declared(network))


def settled(answer: Certificate) -> Certificate:
    """The certificate as proved if the independent proof accepts it, with its margin rounded down; else as it was."""
    for shrink in SHRINK if answer.margin is not None else (1.0,):
        margin = None if answer.margin is None else answer.margin * shrink
        candidate = replace(answer, status="proved", margin=margin, rate=margin)
        try:
            prove(answer.network, {**vars(candidate)}, candidate.witness)
        except Unproved as why:
            reason = str(why)
            continue
        return candidate
    return replace(answer, tried=(*answer.tried, Attempt("independent proof", note=reason)))


CLAIMS: dict = {
    "k-contraction": (contraction, ("budget",)),
    "convergent": (convergent, ("budget",)),
    "basin": (certified_basin, ("equilibrium",)),
    "bounded": (bounded_runs, ("budget",)),
    "gain": (input_gain, ("budget",)),
    "oscillates": (oscillating, ("budget",)),
}
