"""Boundedness with a radius, and input gains: both from a 1-contracting part of the network (theory 3.4, 6).

Split the preactivations into those whose phi is bounded and the rest. If ``A + B_rest D C_rest`` contracts at rate a
in a norm,

    d|x|/dt <= -a |x| + sup |B_rest phi_rest(by_rest) + bx + B_bounded phi_bounded|

so every run ends up within ``radius = sup |.| / a``. With bounded phi throughout this needs no more than a Hurwitz A.
Disturbances: if the whole network contracts at rate eta, two runs under inputs that differ by at most d end up within
d / eta.
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
    if witness["kind"] == "trace":  # the same in every metric, so in P = I
        return {"kind": "vertices", "T": None}
    return dict(witness) if witness["kind"] in ("closed-form", "vertices", "multipliers", "weights") else None


def norm(witness) -> tuple[str, np.ndarray | None]:
    """The norm of an explicit witness: ("2", T), ("linf", w) or ("l1", w)."""
    return (witness["norm"], witness["weights"]) if witness["kind"] == "weights" else ("2", witness.get("T"))


def reach(network: LurieNetwork, middle, half, measure: tuple[str, np.ndarray | None]) -> float:
    """The largest norm of ``bx + B v`` over ``|v - middle| <= half``."""
    name, data = measure
    centre, spread = network.B @ middle + network.bx, abs(network.B) @ half
    if name == "linf":
        return float(np.max((np.abs(centre) + spread) / data))
    if name == "l1":
        return float(np.sum((np.abs(centre) + spread) * data))
    B = network.dense().B * half
    turned = (centre, B) if data is None else (data @ centre, data @ B)
    return float(np.linalg.norm(turned[0]) + np.linalg.norm(turned[1], axis=0).sum())


def radius(network: LurieNetwork, witness, rate: float) -> float:
    """The radius in the norm of an explicit witness."""
    measure = norm(witness)
    low, high = network.phi.image()
    bounded = np.isfinite(low) & np.isfinite(high)
    at_rest = network.phi(network.by)
    middle = np.where(bounded, 0.5 * (np.where(bounded, low, 0) + np.where(bounded, high, 0)), at_rest)
    half = np.where(bounded, 0.5 * (np.where(bounded, high, 0) - np.where(bounded, low, 0)), 0.0)
    return reach(network, middle, half, measure) / rate * (1 + 1e-9)


def condition(measure: tuple[str, np.ndarray | None], n: int) -> float:
    """How much the norm stretches: 2-norm (or sup norm, or 1-norm) errors are at most this times errors in the norm."""
    name, data = measure
    if data is None:
        return 1.0
    return float(np.linalg.cond(data)) if name == "2" else float(data.max() / data.min())
