"""The ladder for k-contraction: cheapest test first, stopping at the first proof; then the search for a refutation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from neurolurie.certificates import (
    closed_forms,
    composition,
    compound,
    lure,
    metrics,
    multipliers,
    trace,
    vertex_lmi,
    vertices,
    weights,
)
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.certificate import Attempt, Certificate
from neurolurie.certificates.falsify import MOST_STATES, falsify, top_real_sums
from neurolurie.certificates.proofs import Unproved, prove_trace
from neurolurie.certificates.proofs_refuted import prove_refuted
from neurolurie.certificates.rung import Finding, SolverFailed
from neurolurie.certificates.verify import prove
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

SHRINK = (1 - 1e-9, 1 - 1e-6, 1 - 1e-3, 0.9, 0.5)  # the margin is shortened by rounding until it can be proved
NUMERICAL = 1e-8  # relative size below which an unproved margin means nothing
BOUNDARY = 1e-10  # relative size below which a sum of real parts counts as zero


def contraction(network: LurieNetwork, k: int | None = None, budget: float = 60.0) -> Certificate:
    """k-contraction for the given k, or the smallest k that can be proved.

    ``budget`` (seconds) bounds the time spent on tests beyond the closed forms.
    """
    n = network.n
    if k is not None and not (isinstance(k, int | np.integer) and not isinstance(k, bool) and 1 <= k <= n):
        raise SpecError(f"k is {k!r}; the network has {n} states, so k is a whole number from 1 to {n}.")
    if n > MOST_STATES:
        return _large(network, k)
    ladder = Ladder(network, time.monotonic() + budget)
    if k is not None:
        return ladder.answer(int(k))
    first = ladder.first_order_not_refuted()
    tried: tuple[Attempt, ...] = ()
    for order in range(first, n + 1):
        answer = ladder.answer(order, refute=False)
        tried += answer.tried
        if answer.holds:
            return replace(answer, tried=tried)
    return ladder.refutation(n, tried)


class Ladder:
    """The tests of one network, sharing what does not depend on k."""

    def __init__(self, network: LurieNetwork, deadline: float):
        self.network, self.deadline = network, deadline

    @cached_property
    def box(self) -> SlopeBox:
        """The slope box, dense: asked for by tests of small and middling networks only."""
        return SlopeBox.of(self.network)

    @cached_property
    def margins(self) -> dict[str, np.ndarray]:
        """The margins of the closed forms for every k."""
        return closed_forms.search(self.box) if self.box.finite else {}

    def first_order_not_refuted(self) -> int:
        """The smallest k that no reachable state found so far speaks against."""
        worst = falsify(self.network, 1)
        if worst is None:
            return 1
        sums = top_real_sums(self.network.jacobian(worst.state))
        order = 1 + int((sums > 1e-6 * max(worst.scale, 1e-300)).sum())
        return min(order, self.network.n)

    def answer(self, k: int, refute: bool = True) -> Certificate:
        """The first proof for this k; failing that a refutation, the boundary, or unknown."""
        tried: list[Attempt] = []
        fallback = None
        for stage in (self.quick(k), self.thorough(k)):
            for finding in stage:
                proved = self.proved(k, finding) if finding.margin is not None and finding.margin > 0 else None
                note = finding.note
                if proved is None and finding.margin is not None and finding.margin > 0:
                    note = "positive in floating point, not proved"
                    if fallback is None and finding.margin > NUMERICAL * (np.abs(self.network.A).max() + 1.0):
                        fallback = self.certificate("numerical", k, finding, finding.margin)
                tried.append(Attempt(finding.method, k, finding.margin, note))
                if proved is not None:
                    if finding.method == "k2":
                        tried += [Attempt(name, k, float(self.margins[name][k - 1])) for name in ("k1", "theorem-1")]
                    return replace(proved, tried=tuple(tried))
            if fallback is None and refute:  # a refutation is cheaper than the tests that are left
                found = self.refutation(k, tuple(tried))
                if found.status == "refuted":
                    return found
        if fallback is not None:
            return replace(fallback, tried=tuple(tried))
        return self.refutation(k, tuple(tried), effort=2) if refute else self.unknown(k, tuple(tried))

    def quick(self, k: int) -> Iterator[Finding]:
        """The tests without optimisation, cheapest first."""
        if k == self.network.n:
            yield Finding("trace", trace.search(self.network), {"kind": "trace"})
        if not self.box.finite:
            yield Finding("all other tests", None, note="a slope has no bound: give its nonlinearity a domain")
            return
        for name in ("k2", "k1", "theorem-1"):  # the strongest first; the others are reported for comparison
            yield Finding(name, float(self.margins[name][k - 1]), {"kind": "closed-form", "form": name})
        yield from self._run(composition, self.network, k)
        yield from self._run(weights, self.network, k)

    def thorough(self, k: int) -> Iterator[Finding]:
        """The tests that look for a metric."""
        if not self.box.finite or k == self.network.n:  # for k = n the trace is exact in every metric
            return
        yield from self._run(vertices, self.box, k)
        for name, T in metrics.candidates(self.box)[1:]:
            margin = closed_forms.check(self.box.turned(T), k, "k2")
            yield Finding(f"k2, P = {name}", margin, {"kind": "closed-form", "form": "k2", "T": T})
        for rung in (lure, multipliers, compound, vertex_lmi):
            yield from self._run(rung, self.box, k)

    def unknown(self, k: int, tried: tuple[Attempt, ...]) -> Certificate:
        return Certificate("k-contraction", "unknown", k=k, tried=tried, network=self.network)

    def _run(self, rung, subject, k: int) -> Iterator[Finding]:
        name = rung.__name__.rsplit(".", 1)[-1].replace("_", " ")
        reason = rung.applies(subject, k)
        if reason is None and time.monotonic() > self.deadline:
            reason = "left out: the time budget is spent"
        if reason is not None:
            yield Finding(name, None, note=reason)
            return
        try:
            yield from rung.search(subject, k)
        except SolverFailed as error:
            yield Finding(name, None, note=str(error))

    def proved(self, k: int, finding: Finding) -> Certificate | None:
        """The certificate with the largest margin that the independent proof accepts, or None."""
        for shrink in SHRINK:
            candidate = self.certificate("proved", k, finding, finding.margin * shrink)
            try:
                prove(self.network, {**vars(candidate)}, candidate.witness)
            except Unproved:
                continue
            return candidate
        return None

    def certificate(self, status: str, k: int, finding: Finding, margin: float) -> Certificate:
        return Certificate(
            "k-contraction", status, finding.method, k, margin, margin, finding.witness,
            assumptions(self.network, k, fenced=not self._holds_everywhere(k, finding, margin)), (), self.network,
        )  # fmt: skip

    def _holds_everywhere(self, k: int, finding: Finding, margin: float) -> bool:
        """The trace bound may not need the domain: a slope that meets no loop may be as large as it likes.

        Asked of the proof: a loop gain that is zero in floating point may be a little more, times a slope without end.
        """
        phi = self.network.phi
        if finding.witness.get("kind") != "trace" or not np.isfinite(phi.domain).any():
            return False
        try:
            prove_trace(self.network.replace(phi=Phi(phi.kinds, phi.index)), k, margin, finding.witness)
        except Unproved:
            return False
        return True

    def refutation(self, k: int, tried: tuple[Attempt, ...], effort: int = 1) -> Certificate:
        """Refuted with a proved state, boundary if the worst sum is zero to rounding, else unknown."""
        worst = falsify(self.network, k, effort=effort)
        status, method, witness = "unknown", "", {}
        if worst is not None:
            tried += (Attempt("falsify", k, -worst.total, "minus the largest sum of real parts found"),)
            if worst.total > 0:
                witness = {"kind": "state", "state": worst.state, "sum": worst.total, "eigenvalues": _parts(worst)}
                try:
                    prove_refuted(self.network, k, witness)
                    status = "refuted"
                    method = f"at a reachable state the {k} largest real parts sum to {worst.total:.4g} /s"
                except Unproved:
                    witness = {}
            if status == "unknown" and abs(worst.total) <= BOUNDARY * max(worst.scale, np.abs(self.network.A).max()):
                status = "boundary"
                method = f"at a reachable state the {k} largest real parts sum to zero"
        return Certificate("k-contraction", status, method, k, None, None, witness, (), tried, self.network)


def _large(network: LurieNetwork, k: int | None) -> Certificate:
    """Networks too large for dense algebra: the weighted norms, and the trace."""
    tried = []
    orders = [k] if k is not None else [1, 2, 3, network.n]
    parts = None
    if composition.applies(network, 1) is None:
        parts = composition.Decomposition.of(network)
        smallest = composition.smallest_order(parts) if k is None else None
        if smallest is not None:
            orders = [1, smallest, network.n]
    ladder = Ladder(network, np.inf)
    for order in dict.fromkeys(orders):
        tests = [] if order == network.n else list(ladder._run(weights, network, order))
        if parts is not None:
            tests.insert(0, composition.finding(parts, order))
        if order == network.n:
            tests.append(Finding("trace", trace.search(network), {"kind": "trace"}))
        for finding in tests:
            tried.append(Attempt(finding.method, order, finding.margin, finding.note))
            if finding.margin is not None and finding.margin > 0 and (proved := ladder.proved(order, finding)):
                return replace(proved, tried=tuple(tried))
    return Certificate("k-contraction", "unknown", k=k, tried=tuple(tried), network=network)


def assumptions(network: LurieNetwork, k: int, fenced: bool = True) -> tuple[str, ...]:
    """What a contraction claim rests on, in words; ``fenced`` if it needs the domains of the nonlinearities."""
    rests = []
    finite = np.isfinite(network.phi.domain) & fenced
    if finite.any():
        bound = np.unique(network.phi.domain[finite])
        size = f"{bound[0]:.6g}" if len(bound) == 1 else f"d_j ({bound[0]:.4g} to {bound[-1]:.4g})"
        rests.append(f"while |y_j| <= {size} for {finite.sum()} preactivations")
    if k >= 2:
        rests.append("for behaviour, not for contraction: input constant in time, runs that stay bounded")
    if k >= 2 and not network.phi.every("smooth"):
        rests.append("phi is not C^1; the theorems that turn k >= 2 into behaviour are proved for C^1 fields")
    return (*rests, *declared(network))


def declared(network: LurieNetwork) -> tuple[str, ...]:
    """Maps that are not the library's are taken at their word."""
    own = [kind.name for kind in network.phi.kinds if NONLINEARITIES.get(kind.name) is not kind]
    return tuple(f"'{name}' being as it was declared: its slopes, image and smoothness" for name in own)


def _parts(worst) -> list[list[float]]:
    return [[float(value.real), float(value.imag)] for value in worst.eigenvalues]
