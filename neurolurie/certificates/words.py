"""What a certificate says to a person: promises exactly as strong as the theorem, never stronger."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context

MOST_CIRCUITS = 64  # up to which an explanation compares the whole with its circuits
PROMISE = {
    1: "one equilibrium, and every run ends at it",
    2: "every bounded run settles at an equilibrium",
    3: "no tori, attractor dimension < 3; limit cycle or chaos possible - run the 2-dominance check",
}
UNDER_INPUT = {
    1: "any two runs under the same input approach each other",
    2: "with time-varying input it promises nothing",
}


def promise(k: int) -> str:
    """What k-contraction means for a network whose input does not vary in time (theory section 3).

    >>> promise(2)
    'every bounded run settles at an equilibrium'
    >>> promise(5)
    'attractor dimension < 5; cycles, tori and chaos possible'
    """
    return PROMISE.get(k, f"attractor dimension < {k}; cycles, tori and chaos possible")


def at_most(value: float) -> str:
    """Four digits, rounded up: a proved upper bound stays one in print.

    >>> at_most(1.23401), at_most(2.0)
    ('1.235', '2')
    """
    return f"{float(Context(prec=4, rounding=ROUND_CEILING).create_decimal(repr(float(value)))):.4g}"


def at_least(value: float) -> str:
    """Four digits, rounded down: a proved lower bound stays one in print.

    >>> at_least(0.79999)
    '0.7999'
    """
    return f"{float(Context(prec=4, rounding=ROUND_FLOOR).create_decimal(repr(float(value)))):.4g}"


def sentence(certificate) -> str:
    """One line: status, claim, what it means, by which method and how far from failing."""
    say = {
        "k-contraction": _k_contraction,
        "convergent": _convergent,
        "bounded": _bounded,
        "oscillates": _oscillates,
        "gain": _gain,
        "basin": _basin,
    }[certificate.claim]
    means = say(certificate)
    if certificate.status in ("proved", "numerical"):
        size = f", margin {certificate.margin:.4g} /s" if certificate.margin is not None else ""
        return f"{certificate.status}: {means} ({certificate.method}{size})"
    if certificate.status == "refuted":
        return f"refuted: {means}; {certificate.method}"
    if certificate.status == "boundary":
        return f"boundary: {means}; the bound is zero, so there is no uniform rate ({certificate.method})"
    near = [one for one in certificate.tried if one.margin is not None and one.method != "falsify"]
    best = max(near, key=lambda one: one.margin, default=None)
    nearest = f"nearest: {best.method}, margin {best.margin:.4g} /s" if best else "no test applied"
    return f"unknown: {means}; no test of {len(certificate.tried)} succeeded ({nearest})"


def explain(certificate) -> str:
    """The sentence, then its assumptions, then every test that was tried."""
    from neurolurie.certificates.composition import reading

    lines = [certificate.sentence()]
    if certificate.holds and certificate.k == 3 and certificate.claim == "k-contraction":
        lines.append("k = 3 does not promise a limit cycle: certified networks with three states can be chaotic.")
    lines += [f"rests on: {assumption}" for assumption in certificate.assumptions]
    network = certificate.network
    if certificate.claim == "k-contraction" and network is not None and 2 <= len(network.parts) <= MOST_CIRCUITS:
        lines += filter(None, [reading(network)])
    return "\n".join(lines + _tried(certificate))


def _tried(certificate) -> list[str]:
    """Every attempt at the order that is answered; of the other orders the one that came nearest."""
    lines, nearest = [], {}
    for attempt in certificate.tried:
        if attempt.k in (None, certificate.k) or certificate.claim != "k-contraction":
            lines.append(f"tried {attempt}")
        elif attempt.margin is not None:
            best = nearest.get(attempt.k)
            nearest[attempt.k] = attempt if best is None or attempt.margin > best.margin else best
    return [f"nearest at k = {k}: {attempt}" for k, attempt in sorted(nearest.items())] + lines


def _k_contraction(certificate) -> str:
    k = certificate.k
    claim = f"{k}-contracting" if k is not None else "k-contracting"
    if not certificate.holds:
        return f"not {claim} in any constant metric" if certificate.status == "refuted" else f"{claim}?"
    network = certificate.network
    if any(assumption.startswith("while |y_j|") for assumption in certificate.assumptions):
        return f"{claim} while the preactivations stay in their domain; nothing is promised beyond it"
    if network is not None and k >= 2 and not network.phi.every("smooth"):
        return f"{claim}: {k}-volumes shrink; what that means for runs is proved for C^1 maps only"
    if network is not None and network.E.shape[1] and k in UNDER_INPUT:
        return f"{claim}: with constant input {promise(k)}; {UNDER_INPUT[k]}"
    return f"{claim}: {promise(k)}"


def _convergent(certificate) -> str:
    if not certificate.holds:
        return "not convergent: it oscillates" if certificate.status == "refuted" else "convergent?"
    one = certificate.witness.get("limit", "one equilibrium") == "one equilibrium"
    runs = "every run" if certificate.witness.get("bounded") else "every bounded run"
    return f"convergent: {runs} {'settles at an equilibrium' if one else 'approaches the set of equilibria'}"


def _bounded(certificate) -> str:
    if not certificate.holds:
        return "not bounded" if certificate.status == "refuted" else "bounded?"
    radius = at_most(certificate.witness["radius"])
    return f"bounded: every run ends up within |x| <= {radius} in the norm of the witness"


def _oscillates(certificate) -> str:
    if not certificate.holds:
        return "does not oscillate" if certificate.status == "refuted" else "oscillates?"
    return "oscillates: every run ends in a limit cycle, except those that end at the one unstable equilibrium"


def _gain(certificate) -> str:
    if not certificate.holds:
        return "gain?"
    norm = {"2": "2-norm", "linf": "sup norm", "l1": "1-norm"}[certificate.witness["norm"]]
    gain = at_most(certificate.witness["gain"])
    return f"gain: two runs end up within {gain} s times the largest difference of their dx/dt ({norm})"


def _basin(certificate) -> str:
    if not certificate.holds:
        return "basin?"
    radius = certificate.witness.get("radius")
    if not radius:
        return "basin"
    return f"basin: everything within {at_least(radius)} of the equilibrium (sup norm) ends at it"
