"""verify: prove a saved certificate again, from the file alone, with none of the code that found it.

Needs neither cvxpy nor torch. Every byte of the file is covered by its digest, and behind that the claim is proved
anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from neurolurie.certificates.proofs import CONTRACTION, Unproved, require
from neurolurie.certificates.proofs_behaviour import (
    prove_bounded,
    prove_gain,
    prove_one_dominance,
    prove_oscillates,
)
from neurolurie.certificates.proofs_refuted import prove_refuted
from neurolurie.certificates.proofs_sets import prove_basin, prove_energy
from neurolurie.errors import NeurolurieError, SpecError
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.nonlinearity import NONLINEARITIES, Nonlinearity
from neurolurie.network.phi import Phi

FORMAT = "neurolurie certificate 1"


@dataclass(frozen=True)
class Verdict:
    """``valid``, or not and why; how it was proved; the claim in the words of the file."""

    valid: bool
    reason: str
    arithmetic: str = ""
    sentence: str = ""

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        return f"valid: {self.sentence} [{self.arithmetic}]" if self.valid else f"not valid: {self.reason}"


def verify(path: str | Path, network: LurieNetwork | None = None) -> Verdict:
    """Whether the file is unchanged and its claim can be proved again.

    With ``network``, also whether the file speaks about that network. Raises SpecError if the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read '{path}': {error}") from error
    try:
        document = json.loads(text)
        require(isinstance(document, dict) and document.get("format") == FORMAT, f"this is not a '{FORMAT}' file")
        digest = document.get("digest")
        require(isinstance(digest, str) and len(digest) == 64, "it carries no digest")
        blank = text.replace(digest, "0" * 64, 1)
        require(hashlib.sha256(blank.encode()).hexdigest() == digest, "it has been edited: its digest does not match")
        stored = read_network(document["network"])
        require(stored.digest() == document["network_digest"], "the network is not the one that was certified")
        if network is not None:
            require(stored.digest() == network.digest(), "it speaks about another network")
        require(
            document["status"] in ("proved", "numerical", "refuted"), f"'{document['status']}' leaves nothing to prove"
        )
        arithmetic = prove(stored, document, as_arrays(document["witness"]))
    except json.JSONDecodeError as error:
        return Verdict(False, f"it is not valid JSON ({error})")
    except Unproved as why:
        return Verdict(False, str(why))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, NeurolurieError) as error:
        return Verdict(False, f"its contents are malformed ({type(error).__name__}: {error})")
    return Verdict(True, "proved again", arithmetic, document["sentence"])


def prove(network: LurieNetwork, document: dict, witness: dict) -> str:
    """Prove what ``document`` (claim, status, k, margin) says from the witness; the arithmetic used, or raises
    Unproved."""
    claim, k, margin = document["claim"], document["k"], document["margin"]
    if document["status"] == "refuted":
        if claim == "convergent":
            return prove_oscillates(network, k, margin, witness)
        require(claim == "k-contraction", f"there is no proof that '{claim}' fails")
        return prove_refuted(network, k, witness)
    if margin is not None:
        require(np.isfinite(margin) and margin > 0, "the margin is not positive")
        require(document["rate"] is None or document["rate"] <= margin, "the rate exceeds the margin")
    if claim == "k-contraction":
        require(isinstance(k, int) and 1 <= k <= network.n, "k is not an order of this network")
        return CONTRACTION[witness["kind"]](network, k, margin, witness)
    claims = {
        "basin": prove_basin,
        "convergent": _prove_convergent,
        "bounded": prove_bounded,
        "gain": prove_gain,
        "oscillates": prove_oscillates,
    }
    require(claim in claims, f"there is no proof of '{claim}'")
    return claims[claim](network, k, margin, witness)


def _prove_convergent(network, k, margin, witness) -> str:
    if witness["kind"] == "energy":
        return prove_energy(network, k, margin, witness)
    require(not np.isfinite(network.phi.domain).any(), "within a domain runs are not known to stay in it")
    if witness["kind"] == "dominance":
        require(network.phi.every("smooth"), "phi is not C^1")
        return prove_one_dominance(network, k, margin, witness)
    require(k in (1, 2), "only 1- and 2-contraction make bounded runs settle")
    require(k == 1 or network.phi.every("smooth"), "2-contraction makes bounded runs settle for C^1 fields only")
    return CONTRACTION[witness["kind"]](network, k, margin, witness)


def read_network(data: dict) -> LurieNetwork:
    """The network stored in a certificate; maps this library does not know keep their declared slope range."""
    names = [name for name, count in data["phi"] for _ in range(count)]
    low, high = np.array(data["slope_low"], float), np.array(data["slope_high"], float)
    known = dict(NONLINEARITIES)
    for name, least, most in zip(names, low, high, strict=True):
        if name not in known:
            known[name] = _declared(name, float(least), float(most))
    kinds = tuple(dict.fromkeys(known[name] for name in names)) or (known["tanh"],)
    place = {kind.name: i for i, kind in enumerate(kinds)}
    phi = Phi(kinds, np.array([place[name] for name in names], np.intp), np.array(data["domain"], float))
    parts = {name: Part(slice(a, b), slice(c, d)) for name, (a, b, c, d) in data["parts"].items()}
    n = len(data["bx"])
    return LurieNetwork(
        A=_matrix(data["A"], n, n), B=_matrix(data["B"], n, len(names)), C=_matrix(data["C"], len(names), n),
        E=_matrix(data["E"], n, 0), bx=data["bx"], by=data["by"], phi=phi, parts=parts,
    )  # fmt: skip


def _declared(name: str, least: float, most: float) -> Nonlinearity:
    """A map of which only the slope range is known: enough for contraction, for nothing else."""

    def unknown(y):
        raise Unproved(f"the map '{name}' is not in the library, so its values are not known")

    def slope(y):  # asked for at both infinities when the range is taken over the whole line; its answer is not used
        return np.full_like(y, np.nan) if np.all(np.abs(y) >= 1e300) else unknown(y)

    return Nonlinearity(
        name, name, (least, most), (-np.inf, np.inf), (), unknown, slope, unknown, unknown, name, name,
        smooth=False, analytic=False,
    )  # fmt: skip


def _matrix(value, rows: int, columns: int):
    if isinstance(value, dict):
        shape = tuple(value["shape"])
        return sparse.csr_array(sparse.coo_array((value["value"], (value["row"], value["column"])), shape=shape))
    matrix = np.array(value, float)
    return matrix.reshape(rows, columns) if matrix.size == 0 and columns * rows == 0 else matrix


def as_arrays(value):
    """JSON lists of numbers as arrays again."""
    if isinstance(value, dict):
        return {key: as_arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            return [as_arrays(item) for item in value]
        try:
            return np.array(value, float)
        except (TypeError, ValueError):
            return [as_arrays(item) for item in value]
    return value
