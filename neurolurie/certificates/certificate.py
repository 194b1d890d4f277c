"""Certificate: what is known about every trajectory of a network, in one frozen object that can be saved and
re-proved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES

CLAIMS = ("k-contraction", "bounded", "convergent", "oscillates", "gain", "basin")
STATUSES = ("proved", "numerical", "refuted", "boundary", "unknown")
FORMAT = "neurolurie certificate 1"


@dataclass(frozen=True)
class Attempt:
    """One test that was tried: its bound on the margin (1/s, positive would prove it) and a remark."""

    method: str
    k: int | None = None
    margin: float | None = None
    note: str = ""

    def __str__(self) -> str:
        order = f" (k={self.k})" if self.k is not None else ""
        near = f"margin {self.margin:.4g} /s" if self.margin is not None else "not applicable"
        return f"{self.method}{order}: {near}{'; ' + self.note if self.note else ''}"


@dataclass(frozen=True, eq=False)
class Certificate:
    """The answer to one claim about one network.

    Attributes
    ----------
    claim : "k-contraction", "bounded", "convergent", "oscillates", "gain" or "basin".
    status : "proved" (an independent check with proved rounding has passed), "numerical" (the same inequality holds in
        floating point, or rests on a symmetry that is only exact to rounding), "refuted" (``witness`` has a reachable
        state), "boundary" (the bound is zero: no uniform rate), "unknown" (no test succeeded; see ``tried``).
    k : the order of contraction. margin : distance of the inequality from failing (1/s).
    rate : proved exponential rate (1/s): of distances for k = 1, of k-volumes for k > 1; of a basin, in its core; of
        "bounded", of the part without the bounded nonlinearities.
    witness : the numbers from which `verify` proves the claim again. assumptions : what the claim rests on.
    network : the network it speaks about.
    """

    claim: str
    status: str
    method: str = ""
    k: int | None = None
    margin: float | None = None
    rate: float | None = None
    witness: Mapping = field(default_factory=dict, repr=False)
    assumptions: tuple[str, ...] = ()
    tried: tuple[Attempt, ...] = field(default=(), repr=False)
    network: LurieNetwork | None = field(default=None, repr=False)

    def __post_init__(self):
        if self.status not in STATUSES:
            raise SpecError(f"status '{self.status}' is not one of {', '.join(STATUSES)}.")

    @property
    def holds(self) -> bool:
        """The answer is yes: proved, or numerical."""
        return self.status in ("proved", "numerical")

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Whether states x of shape (..., n) lie in the certified basin: a boolean array of shape (...).

        Raises SpecError if the certificate is not a basin.
        """
        if self.claim != "basin" or not self.holds:
            raise SpecError(f"only a certified basin contains states; this is '{self.claim}', {self.status}.")
        x = np.asarray(x, float)
        inside = np.zeros(x.shape[:-1], bool)
        for box in self.witness.get("boxes", ()):
            inside |= np.all((x >= box["low"]) & (x <= box["high"]), axis=-1)
        ball = self.witness.get("ellipsoid")
        if ball is not None:
            apart = x - ball["centre"]
            shift = np.abs(apart @ ball["T"].T)
            # rounding counts outwards, so that a state on the edge of a thin ellipsoid is not let in by it
            shift = shift + 2.0**-50 * (x.shape[-1] + 2) * (np.abs(apart) @ np.abs(ball["T"]).T)
            inside |= np.sum(shift * shift, axis=-1) <= ball["radius"] ** 2 * (1 - 1e-9)
        return inside

    def sentence(self) -> str:
        """One line for a person."""
        from neurolurie.certificates.words import sentence

        return sentence(self)

    def explain(self) -> str:
        """Several lines: the claim in words, what it rests on, what was tried and how near each test came."""
        from neurolurie.certificates.words import explain

        return explain(self)

    def to_json(self) -> dict:
        """Plain numbers and strings: claim, status, method, k, margin, rate, assumptions, tried, sentence."""
        return {
            "claim": self.claim, "status": self.status, "method": self.method, "k": self.k,
            "margin": _number(self.margin), "rate": _number(self.rate), "assumptions": list(self.assumptions),
            "tried": [
                {"method": one.method, "k": one.k, "margin": _number(one.margin), "note": one.note}
                for one in self.tried
            ],
            "sentence": self.sentence(),
        }  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write the network, the claim and its witness in exact decimals, sealed by a digest over every byte.

        `verify` proves the claim again from that file alone.
        """
        if self.network is None:
            raise SpecError("this certificate carries no network, so there is nothing that could be proved again.")
        text = json.dumps(
            {
                "format": FORMAT,
                "digest": "0" * 64,
                "network": describe_network(self.network),
                "network_digest": self.network.digest(),
                **self.to_json(),
                "witness": plain(self.witness),
            },
            indent=1 if self.network.n <= 200 else None,  # a page for a reader; quickly for a large network
        )
        Path(path).write_text(text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1), encoding="utf-8")


def describe_network(network: LurieNetwork) -> dict:
    """The network as plain data; sparse matrices as triplets; the slope range of maps the library does not know.

    Raises SpecError if a map of the user's own bears a name of the library, as a reader would take it for that one.
    """
    for kind in network.phi.kinds:
        if NONLINEARITIES.get(kind.name, kind) is not kind:
            raise SpecError(f"a nonlinearity of your own is called '{kind.name}' like one of the library; rename it.")
    low, high = network.phi.slope_range()
    return {
        "A": plain(network.A), "B": plain(network.B), "C": plain(network.C), "E": plain(network.E),
        "bx": plain(network.bx), "by": plain(network.by), "phi": _run_lengths(network.phi.names),
        "domain": plain(network.phi.domain), "slope_low": plain(low), "slope_high": plain(high),
        "parts": {
            name: [part.states.start, part.states.stop, part.preactivations.start, part.preactivations.stop]
            for name, part in network.parts.items()
        },
    }  # fmt: skip


def plain(value):
    """Arrays, sparse matrices and mappings as JSON can hold them; floats keep every bit."""
    if sparse.issparse(value):
        coo = sparse.coo_array(value)
        row, column = coo.coords
        return {"shape": list(coo.shape), "row": row.tolist(), "column": column.tolist(), "value": coo.data.tolist()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _run_lengths(names: tuple[str, ...]) -> list[list]:
    """``[[name, count], ...]``: 80,000 equal names take one line."""
    runs: list[list] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1][1] += 1
        else:
            runs.append([name, 1])
    return runs


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
