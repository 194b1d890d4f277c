"""certify: what can be said about every trajectory of a network before it runs."""

from __future__ import annotations

from dataclasses import replace

from neurolurie.certificates import basin
from neurolurie.certificates.certificate import CLAIMS, Attempt, Certificate
from neurolurie.certificates.contraction import SHRINK, contraction
from neurolurie.certificates.energy import energy_of, settles_at_one_point, why_no_energy
from neurolurie.certificates.proofs import Unproved
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
    if claim not in CLAIMS_HERE:
        raise SpecError(did_you_mean("claim", claim, CLAIMS_HERE))
    function, allowed = CLAIMS_HERE[claim]
    if unknown := sorted(set(options) - set(allowed)):
        raise SpecError(did_you_mean(f"option of claim '{claim}'", unknown[0], allowed))
    if claim == "k-contraction":
        return contraction(network, k, **options)
    if k is not None:
        raise SpecError(f"k belongs to the claim 'k-contraction'; it means nothing for '{claim}'.")
    return function(network, **options)


def convergent(network: LurieNetwork, **options) -> Certificate:
    """Every bounded run settles: by the energy of symmetric circuits, else by 2-contraction."""
    energy = energy_of(network)
    if energy is not None:
        one = settles_at_one_point(network.phi)
        decays = bool((network.A.diagonal() < 0).all())
        witness = {
            "kind": "energy",
            "limit": "one equilibrium" if one else "the set of equilibria",
            "bounded": bool(decays and network.phi.bounded),
        }
        rests = ["input constant in time, no noise"] + ([] if witness["bounded"] else ["runs that stay bounded"])
        answer = Certificate(
            "convergent", "numerical", "energy", witness=witness, assumptions=tuple(rests),
            tried=(Attempt("energy"),), network=network,
        )  # fmt: skip
        return settled(answer)
    attempts = (Attempt("energy", note=why_no_energy(network)),)
    found = contraction(network, min(2, network.n), **options)
    smooth = found.k == 1 or network.phi.every("smooth")
    if not smooth:
        attempts += (Attempt("2-contraction", note="phi is not C^1, so 2-contraction is not known to imply it"),)
    status = found.status if found.holds and smooth else "unknown"
    witness = {**found.witness, "limit": "one equilibrium"} if status != "unknown" else {}
    return replace(found, claim="convergent", status=status, witness=witness, tried=attempts + found.tried)


def certified_basin(network: LurieNetwork, equilibrium=None) -> Certificate:
    """A forward-invariant set around an equilibrium, everything in which ends there."""
    if equilibrium is None:
        raise SpecError("the claim 'basin' needs equilibrium=, a state near the equilibrium it is about.")
    witness = basin.search(network, equilibrium)
    if witness is None:
        note = "no box around the equilibrium contracts in a weighted sup norm"
        return Certificate("basin", "unknown", tried=(Attempt("box", 1, note=note),), network=network)
    answer = Certificate(
        "basin", "numerical", "box", 1, witness["rate"], witness["rate"], {"kind": "box", **witness},
        ("input constant in time, no noise",), (Attempt("box", 1, witness["rate"]),), network,
    )  # fmt: skip
    return settled(answer)


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


CLAIMS_HERE = {
    "k-contraction": (contraction, ("budget",)),
    "convergent": (convergent, ("budget",)),
    "basin": (certified_basin, ("equilibrium",)),
}
assert set(CLAIMS_HERE) <= set(CLAIMS)
