"""repair: the smallest change of a network's couplings that restores a contraction claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from neurolurie.certificates import composition
from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.contraction import contraction
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork

BISECTIONS = 14


@dataclass(frozen=True, eq=False)
class Repair:
    """A changed network with its certificate, beside the certificate of the network as it was.

    kind : "none needed", "scale" (couplings times ``gain``), "skew" (couplings replaced by their skew part),
    "impossible". change : relative size of the change of A, B and C (Frobenius).
    """

    kind: str
    gain: float | None
    change: float
    network: LurieNetwork
    before: Certificate
    after: Certificate

    @property
    def found(self) -> bool:
        return self.kind != "impossible"

    def sentence(self) -> str:
        """One line: what to change, and the margin before and after."""
        if self.kind == "none needed":
            return f"nothing to repair: {self.before.sentence()}"
        if self.kind == "impossible":
            return "no rescaling of the couplings restores the claim: the circuits alone do not satisfy it"
        action = f"scale every coupling by {self.gain:.4g}" if self.kind == "scale" else "make the couplings skew"
        near = [one.margin for one in self.before.tried if one.margin is not None and one.method != "falsify"]
        was = f"{max(near):.4g} /s" if near else "none"
        return f"{action}: margin {was} before, {self.after.margin:.4g} /s after ({self.after.sentence()})"


def repair(network: LurieNetwork, k: int = 1, budget: float = 10.0) -> Repair:
    """The smallest rescaling of the couplings between circuits, or their skew correction, that makes ``k`` provable.

    In a network of one circuit the coupling is its B. ``budget`` (seconds) bounds each attempt at a proof.

    >>> net = LurieNetwork(A=-np.eye(2), B=[[0.0, 3.0], [3.0, 0.0]], C=np.eye(2))
    >>> fixed = repair(net, k=1)
    >>> fixed.kind, round(fixed.gain, 3)
    ('scale', 0.333)
    """
    before = contraction(network, k, budget=budget)
    if before.holds:
        return Repair("none needed", 1.0, 0.0, network, before, before)
    proposals = [found for found in (_scaled(network, k, before, budget), _skewed(network, k, before, budget)) if found]
    if not proposals:
        return Repair("impossible", None, 0.0, network, before, before)
    return min(proposals, key=lambda proposal: proposal.change)


def scale_couplings(network: LurieNetwork, gain: float) -> LurieNetwork:
    """The network with everything between circuits (in a single circuit: its B) multiplied by ``gain``."""
    if len(network.parts) < 2:
        return network.replace(B=network.B * gain)
    owners = composition.owners(network)
    if owners is None:
        raise SpecError("the circuits of this network do not cover every state exactly once.")
    states, reads = owners
    return network.replace(
        A=_scale(network.A, states, states, gain), B=_scale(network.B, states, reads, gain),
        C=_scale(network.C, reads, states, gain),
    )  # fmt: skip


def _scale(matrix, rows, columns, gain: float):
    if sparse.issparse(matrix):
        coo = sparse.coo_array(matrix)
        own = rows[coo.coords[0]] == columns[coo.coords[1]]
        return sparse.csr_array(
            sparse.coo_array((np.where(own, coo.data, gain * coo.data), coo.coords), shape=coo.shape)
        )
    return np.where(rows[:, None] == columns[None, :], matrix, gain * matrix)


def _scaled(network, k, before, budget) -> Repair | None:
    prove = lambda gain: contraction(scale_couplings(network, gain), k, budget=budget)  # noqa: E731
    best, answer = 0.0, prove(0.0)
    if not answer.holds:
        return None
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        found = prove(middle)
        if found.holds:
            low, best, answer = middle, middle, found
        else:
            high = middle
    changed = scale_couplings(network, best)
    return Repair("scale", best, _distance(network, changed), changed, before, answer)


def _skewed(network, k, before, budget) -> Repair | None:
    """``A_off -> (A_off - A_off^T)/2``: costs nothing in P = I; only where circuits are coupled through A alone."""
    if len(network.parts) < 2 or composition.owners(network) is None:
        return None
    states, reads = composition.owners(network)
    for matrix, rows, columns in ((network.B, states, reads), (network.C, reads, states)):
        coo = sparse.coo_array(matrix)
        if (coo.data[rows[coo.coords[0]] != columns[coo.coords[1]]] != 0).any():
            return None
    own = _scale(network.A, states, states, 0.0)
    off = network.A - own
    changed = network.replace(A=own + 0.5 * (off - off.T))
    answer = contraction(changed, k, budget=budget)
    return Repair("skew", None, _distance(network, changed), changed, before, answer) if answer.holds else None


def _distance(one: LurieNetwork, other: LurieNetwork) -> float:
    norm = lambda matrix: float(np.sqrt((sparse.coo_array(matrix).data ** 2).sum()))  # noqa: E731
    moved = sum(norm(getattr(one, name) - getattr(other, name)) ** 2 for name in "ABC")
    size = sum(norm(getattr(one, name)) ** 2 for name in "ABC")
    return float(np.sqrt(moved / max(size, 1e-300)))
