"""What a run showed beside what was proved: a measured violation is an error of the program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.certificates import bounded
from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.metrics import in_metric
from neurolurie.errors import NeurolurieError, SpecError
from neurolurie.network.lurie import LurieNetwork

MOST_STATES_LOOKED_AT = 400


class ContractionViolated(NeurolurieError):
    """A run contracted less than was proved: the program is wrong, not the user."""


@dataclass(frozen=True)
class Measured:
    """certified : proved rate. slowest : the slowest rate at any visited state, in the certificate's own metric.
    typical : the mean there. pairs : rate at which the distance between trials fell on average (k = 1 only). All in
    1/s."""

    certified: float
    slowest: float
    typical: float
    pairs: float | None

    def sentence(self) -> str:
        pairs = f"; distances between trials fell at {self.pairs:.4g} /s" if self.pairs is not None else ""
        return f"measured {self.slowest:.4g} to {self.typical:.4g} /s, certified {self.certified:.4g} /s{pairs}"


def measure(certificate: Certificate, network: LurieNetwork, time: np.ndarray, x: np.ndarray) -> Measured | None:
    """Contraction rates along a run: ``time`` (steps,), ``x`` (trials, steps, n). None if the witness names no metric.

    The rate at a state is ``-s_k(T J(x) T^-1)``, which the certificate bounds whatever the solver.
    Raises ContractionViolated if a visited state contracts less than certified; SpecError for wrong shapes.
    """
    if not certificate.holds or certificate.k is None or certificate.margin is None:
        raise SpecError("only a certificate of contraction has a rate to compare with.")
    x = np.asarray(x, float)
    if x.ndim != 3 or x.shape[1:] != (len(time), network.n):
        raise SpecError(f"x has shape {x.shape}, expected (trials, {len(time)}, {network.n}).")
    witness = certificate.witness
    if witness["kind"] == "trace":
        T = None
    elif witness["kind"] in ("closed-form", "vertices", "multipliers", "lure"):
        T = bounded.explicit(witness).get("T")
    else:
        return None
    network = network.dense()
    states = x.reshape(-1, network.n)
    states = states[(np.abs(network.preactivation(states)) <= network.phi.domain).all(axis=1)]
    states = states[:: max(1, len(states) // MOST_STATES_LOOKED_AT)]
    if not len(states):
        return None
    M = in_metric(np.stack([network.jacobian(state) for state in states]), T)
    values = np.linalg.eigvalsh(0.5 * (M + np.swapaxes(M, 1, 2)))
    rates = -values[:, -certificate.k :].sum(axis=1)
    slowest = float(rates.min())
    if slowest < certificate.margin - 1e-7 * (1 + np.abs(values).max()):
        raise ContractionViolated(
            f"a visited state contracts at {slowest:.6g} /s although {certificate.margin:.6g} /s was "
            f"{certificate.status}: "
            "please report this network."
        )
    return Measured(certificate.margin, slowest, float(rates.mean()), _pairs(certificate.k, time, x, T))


def _pairs(k: int, time: np.ndarray, x: np.ndarray, T: np.ndarray | None) -> float | None:
    if k != 1 or len(x) < 2 or len(time) < 2:
        return None
    gap = x[1:] - x[:-1]
    distance = np.linalg.norm(gap if T is None else gap @ T.T, axis=2)
    first, last = distance[:, 0], distance[:, -1]
    seen = (first > 1e-9) & (last > 1e-12)
    return float(-np.mean(np.log(last[seen] / first[seen])) / (time[-1] - time[0])) if seen.any() else None
