"""verify: prove a saved certificate again, from the file alone, with none of the code that found it.

Needs neither cvxpy nor torch. Every byte of the file is covered by its digest, and behind that the claim is proved
anew. Nothing that the file says in words is believed: the sentence of the answer is built from what was proved.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

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
from neurolurie.certificates.words import sentence
from neurolurie.errors import NeurolurieError, SpecError
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.nonlinearity import NONLINEARITIES, Nonlinearity
from neurolurie.network.phi import Phi

FORMAT = "neurolurie certificate 1"
ONE = "one equilibrium"


@dataclass(frozen=True)
class Verdict:
    """``valid``, or not and why; how it was proved; what was proved, in words."""

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
            _require_same_maps(stored.phi, network.phi)
        require(
            document["status"] in ("proved", "numerical", "refuted"), f"'{document['status']}' leaves nothing to prove"
        )
        witness = as_arrays(document["witness"])
        arithmetic = prove(stored, document, witness)
        said = _in_words(stored, document, witness)
    except json.JSONDecodeError as error:
        return Verdict(False, f"it is not valid JSON ({error})")
    except Unproved as why:
        return Verdict(False, str(why))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, NeurolurieError) as error:
        return Verdict(False, f"its contents are malformed ({type(error).__name__}: {error})")
    return Verdict(True, "proved again", arithmetic, said)


def prove(network: LurieNetwork, document: dict, witness: dict) -> str:
    """Prove what ``document`` (claim, status, k, margin, rate) says from the witness; the arithmetic used, or raises
    Unproved."""
    try:
        with np.errstate(all="ignore"):  # overflow gives inf or nan, with which no comparison holds
            return _prove(_without_duplicates(network), document, witness)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise Unproved(f"the numbers are out of the range in which this can be proved ({error})") from error


def _prove(network: LurieNetwork, document: dict, witness: dict) -> str:
    claim, k, margin = document["claim"], document["k"], document["margin"]
    if document["status"] == "refuted":
        if claim == "convergent":
            return prove_oscillates(network, k, margin, witness)
        require(claim == "k-contraction", f"there is no proof that '{claim}' fails")
        return prove_refuted(network, k, witness)
    if margin is not None:
        require(np.isfinite(margin) and margin > 0, "the margin is not positive")
    rate = document["rate"]
    require(rate is None or (margin is not None and rate <= margin), "the rate exceeds the margin")
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
        require(margin is None, "an energy proves no margin")
        return prove_energy(network, k, margin, witness)
    require(not witness.get("bounded"), "only an energy proves that every run is bounded too")
    require(witness.get("limit", ONE) == ONE, f"the limit is '{ONE}'")
    require(not np.isfinite(network.phi.domain).any(), "within a domain runs are not known to stay in it")
    if witness["kind"] == "dominance":
        require(margin is None, "dominance proves no margin")
        require(network.phi.every("smooth"), "phi is not C^1")
        return prove_one_dominance(network, k, margin, witness)
    require(k in (1, 2), "only 1- and 2-contraction make bounded runs settle")
    require(k == 1 or network.phi.every("smooth"), "2-contraction makes bounded runs settle for C^1 fields only")
    return CONTRACTION[witness["kind"]](network, k, margin, witness)


def _in_words(network: LurieNetwork, document: dict, witness: dict) -> str:
    """The sentence that the proof just made supports, whatever the file says."""
    refuted, claim = document["status"] == "refuted", document["claim"]
    method = str(witness.get("form", witness["kind"]))
    if refuted and claim == "k-contraction":
        method = f"at a reachable state the {document['k']} largest real parts sum above zero"
    fenced = claim == "k-contraction" and not refuted and _needs_domain(network, document, witness)
    return sentence(
        SimpleNamespace(
            claim=claim, status="refuted" if refuted else "proved", holds=not refuted, method=method, k=document["k"],
            margin=document["margin"], witness=witness, network=network,
            assumptions=("while |y_j| <= domain",) if fenced else (),
        )
    )  # fmt: skip


def _needs_domain(network: LurieNetwork, document: dict, witness: dict) -> bool:
    """Whether the proof fails without the domains of phi."""
    if not np.isfinite(network.phi.domain).any():
        return False
    try:
        prove(network.replace(phi=Phi(network.phi.kinds, network.phi.index)), document, witness)
    except Unproved:
        return True
    return False


def _require_same_maps(stored: Phi, phi: Phi) -> None:
    """Names alone do not tell that a map of the user's own is the one that was certified."""
    for kind in phi.kinds:
        require(NONLINEARITIES.get(kind.name, kind) is kind, f"'{kind.name}' is not the library's map of that name")
    (low, high), (least, most) = stored.slope_range(), phi.slope_range()
    require(bool(((low <= least) & (most <= high)).all()), "it assumes smaller slopes than this network has")


def _without_duplicates(network: LurieNetwork) -> LurieNetwork:
    """Sparse matrices with each entry stored once."""
    twice = {
        name: sparse.csr_array(sparse.coo_array(matrix))
        for name, matrix in {"A": network.A, "B": network.B, "C": network.C}.items()
        if sparse.issparse(matrix) and not matrix.has_canonical_format
    }
    return network.replace(**twice) if twice else network


def read_network(data: dict) -> LurieNetwork:
    """The network stored in a certificate; maps this library does not know keep their declared slope range."""
    require(sum(count for _, count in data["phi"]) == len(data["by"]), "phi does not name every preactivation once")
    names = [name for name, count in data["phi"] for _ in range(count)]
    low, high = np.array(data["slope_low"], float), np.array(data["slope_high"], float)
    known = dict(NONLINEARITIES)
    require(low.shape == high.shape == (len(names),), "one slope range for each preactivation is needed")
    require(bool((low <= high).all()), "a slope range is empty")
    for name in set(names) - set(known):
        mine = np.array([other == name for other in names])
        known[name] = _declared(name, float(low[mine].min()), float(high[mine].max()))
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
        require(shape[0] == rows and (shape[1] == columns or not columns), "a matrix has the wrong shape")
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
