"""certify: what can be said about every trajectory of a network before it runs."""

from __future__ import annotations

import numpy as np

from neurolurie.certificates import basin, closed_forms, trace
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.certificate import CLAIMS, Attempt, Certificate
from neurolurie.certificates.energy import energy_of, settles_at_one_point, why_no_energy
from neurolurie.errors import SpecError, did_you_mean
from neurolurie.network.lurie import LurieNetwork


def certify(network: LurieNetwork, claim: str | None = None, k: int | None = None, **options) -> Certificate:
    """What is known about every trajectory of ``dx/dt = A x + B phi(C x + by) + bx``.

    Parameters
    ----------
    claim : "k-contraction" (the default), "convergent", or "basin" (needs ``equilibrium=``, a state near it).
    k : for "k-contraction" the order, 1 to n; without it the smallest that can be proved.

    Raises SpecError for an unknown claim, option or order.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> print(certify(net).sentence())
    numerical: 2-contracting: every bounded run settles at an equilibrium (k2, margin 2 /s)
    """
    claim = "k-contraction" if claim is None else claim
    if claim not in CLAIMS:
        raise SpecError(did_you_mean("claim", claim, CLAIMS))
    allowed = {"basin": {"equilibrium"}}.get(claim, set())
    if unknown := sorted(set(options) - allowed):
        raise SpecError(did_you_mean(f"option of claim '{claim}'", unknown[0], allowed))
    if claim == "k-contraction":
        return contraction(network, k)
    if k is not None:
        raise SpecError(f"k belongs to the claim 'k-contraction'; it means nothing for '{claim}'.")
    return {"convergent": convergent, "basin": certified_basin}[claim](network, **options)


def contraction(network: LurieNetwork, k: int | None = None) -> Certificate:
    """k-contraction by the trace and the closed forms."""
    n = network.n
    if k is not None and not (isinstance(k, int | np.integer) and 1 <= k <= n):
        raise SpecError(f"k is {k!r}; the network has {n} states, so k is a whole number from 1 to {n}.")
    box = SlopeBox.of(network)
    margins = closed_forms.search(box) if box.finite else {}
    divergence = trace.search(network)
    tried = []
    for order in range(1, n + 1) if k is None else [int(k)]:
        tests = {name: float(values[order - 1]) for name, values in margins.items()}
        if order == n:
            tests["trace"] = divergence
        tried += [Attempt(name, order, margin) for name, margin in tests.items()]
        best = max(tests, key=tests.get, default=None)
        if best is not None and tests[best] > 0:
            return Certificate(
                "k-contraction", "numerical", best, order, tests[best], tests[best],
                {"form": best}, assumptions(network), tuple(tried), network,
            )  # fmt: skip
    return Certificate("k-contraction", "unknown", k=k, tried=tuple(tried), network=network)


def convergent(network: LurieNetwork) -> Certificate:
    """Every bounded run settles: by the energy of symmetric circuits, else by 2-contraction."""
    energy = energy_of(network)
    if energy is not None:
        one = settles_at_one_point(network.phi)
        limit = "one equilibrium" if one else "the set of equilibria"
        return Certificate(
            "convergent", "numerical", "energy", witness={"limit": limit}, network=network,
            assumptions=("input constant in time, no noise", "runs that stay bounded"), tried=(Attempt("energy"),),
        )  # fmt: skip
    attempts = (Attempt("energy", note=why_no_energy(network)),)
    found = contraction(network, min(2, network.n))
    status = found.status if found.holds else "unknown"
    return Certificate(
        "convergent", status, found.method, found.k, found.margin, found.rate, found.witness,
        found.assumptions, attempts + found.tried, network,
    )  # fmt: skip


def certified_basin(network: LurieNetwork, equilibrium=None) -> Certificate:
    """A forward-invariant set around an equilibrium, everything in which ends there."""
    if equilibrium is None:
        raise SpecError("the claim 'basin' needs equilibrium=, a state near the equilibrium it is about.")
    witness = basin.search(network, equilibrium)
    if witness is None:
        return Certificate("basin", "unknown", "box", tried=(Attempt("box", note="no box contracts"),), network=network)
    return Certificate(
        "basin", "numerical", "box", 1, witness["rate"], witness["rate"], witness,
        ("input constant in time, no noise",), (Attempt("box", 1, witness["rate"]),), network,
    )  # fmt: skip


def assumptions(network: LurieNetwork) -> tuple[str, ...]:
    """What a contraction claim rests on."""
    rests = []
    if np.isfinite(network.phi.domain).any():
        rests.append("|y_j| stays within the domain of its nonlinearity")
    if not network.phi.every("smooth"):
        rests.append("phi is not C^1: for k > 1 the convergence theorems are proved for C^1 fields only")
    return tuple(rests)
