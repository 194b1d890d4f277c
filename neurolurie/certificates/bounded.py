"""Boundedness with a radius, and input gains: both from a 1-contracting part of the network (theory 3.4, 6).

Split the preactivations into those whose phi is bounded and the rest. If ``A + B_rest D C_rest`` contracts at rate a in a norm,

    d|x|/dt <= -a |x| + sup |B_rest phi_rest(by_rest) + bx + B_bounded phi_bounded|

so every run ends up within ``radius = sup |.| / a``. With bounded phi throughout this needs no more than a Hurwitz A.
Disturbances: if the whole network contracts at rate eta, two runs under inputs that differ by at most d end up within d / eta.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from neurolurie.certificates.metrics import root
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.phi import Phi


def rest(network: LurieNetwork) -> LurieNetwork:
    """The network without the preactivations whose phi is bounded."""
    low, high = network.phi.image()
    keep = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))
    if not len(keep):  # a network needs at least one preactivation: one that reaches nothing
        zero = (sparse.csr_array if network.is_sparse else np.zeros)((network.n, 1))
        return network.replace(B=zero, C=zero.T, by=np.zeros(1), phi=Phi.of("tanh", 1), parts={})
    B, C = network.B, network.C
    B = sparse.csr_array(sparse.csc_array(B)[:, keep]) if sparse.issparse(B) else B[:, keep]
    phi = Phi(network.phi.kinds, network.phi.index[keep], network.phi.domain[keep])
    return network.replace(B=B, C=C[keep], by=network.by[keep], phi=phi, parts={})


def explicit(witness) -> dict | None:
    """The 1-contraction witness in a form that names its norm; None if there is none (compositions).

    A Lur'e metric P becomes coordinates ``z = T x`` with ``T^T T`` about P: the multipliers stay the same.
    """
    if witness["kind"] == "lure":
        T = root(witness["P"])
        return None if T is None else {"kind": "multipliers", "T": T, "S": witness["S"] * np.abs(witness["P"]).max()}
    return dict(witness) if witness["kind"] in ("closed-form", "vertices", "multipliers", "weights") else None


def norm(witness) -> tuple[str, np.ndarray | None]:
    """The norm of an explicit witness: ("2", T), ("linf", w) or ("l1", w)."""
    return (witness["norm"], witness["weights"]) if witness["kind"] == "weights" else ("2", witness.get("T"))


def sizes(columns: np.ndarray, measure: tuple[str, np.ndarray | None]) -> np.ndarray:
    """The norm of every column of (n, count)."""
    name, data = measure
    if name == "2":
        return np.linalg.norm(columns if data is None else data @ columns, axis=0)
    if name == "linf":
        return np.max(np.abs(columns) / data[:, None], axis=0, initial=0.0)
    return np.sum(np.abs(columns) * data[:, None], axis=0)


def radius(network: LurieNetwork, witness, rate: float) -> float:
    """The radius in the norm of an explicit witness."""
    measure = norm(witness)
    low, high = network.phi.image()
    bounded = np.isfinite(low) & np.isfinite(high)
    at_rest = network.phi(network.by)
    middle = np.where(bounded, 0.5 * (np.where(bounded, low, 0) + np.where(bounded, high, 0)), at_rest)
    half = np.where(bounded, 0.5 * (np.where(bounded, high, 0) - np.where(bounded, low, 0)), 0.0)
    centre = network.B @ middle + network.bx
    B = network.B.toarray() if sparse.issparse(network.B) else network.B
    reach = sizes(centre[:, None], measure)[0] + sizes(B[:, bounded], measure) @ half[bounded]
    return float(reach / rate) * (1 + 1e-9)


def condition(measure: tuple[str, np.ndarray | None], n: int) -> float:
    """How much the norm stretches: 2-norm (or sup norm, or 1-norm) errors are at most this times errors in the norm."""
    name, data = measure
    if data is None:
        return 1.0
    return float(np.linalg.cond(data)) if name == "2" else float(data.max() / data.min())
