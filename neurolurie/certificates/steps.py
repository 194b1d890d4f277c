"""Step sizes at which a solver keeps what the certificate proves of the differential equation (theory 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.certificates import bounded, weights
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.metrics import in_metric
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork

MOST_CORNERS = 12


@dataclass(frozen=True)
class StepBound:
    """The largest certified step (s), inf if any step will do, None if nothing is known; and the reason."""

    step: float | None
    reason: str

    def allows(self, dt: float) -> bool:
        """Whether a run with this step keeps the certified contraction."""
        return self.step is not None and dt < self.step


def step_bound(certificate: Certificate, network: LurieNetwork, solver: str = "euler") -> StepBound:
    """The step below which ``solver`` contracts k-volumes (distances for k = 1) wherever the equation does.

    With rate eta and ``L^2 = max_D sum_{i<=k} sigma_i(T J T^-1)^2`` in the same metric, explicit Euler contracts for
    ``h < 2 eta / L^2``. Heun's method is a convex combination of Euler steps and inherits that for k = 1. In a
    weighted l1 or linf norm Euler keeps the full rate for ``h <= 1 / max |J_ii|``. Exponential Euler with A = -a I is
    Euler with the step ``(1 - e^(-a h)) / a``. RK4 has no such bound.

    Raises SpecError if the certificate does not prove contraction.
    """
    if (
        not certificate.holds
        or certificate.k is None
        or certificate.margin is None
        or "kind" not in certificate.witness
    ):
        raise SpecError("a step bound needs a certificate that proves contraction.")
    euler, why = _euler(certificate, network)
    if euler is None:
        return StepBound(None, why)
    if solver == "euler":
        return StepBound(euler, why)
    if solver == "heun":
        return StepBound(euler, why + "; Heun averages two Euler steps") if certificate.k == 1 else _nothing(solver, 2)
    if solver in ("exponential-euler", "exponential_euler"):
        return _exponential(euler, why, network)
    return _nothing(solver, certificate.k)


def _nothing(solver: str, k: int) -> StepBound:
    return StepBound(
        None, f"no step bound is known for {solver} and k = {k}; measure the contraction of the run instead"
    )


def _euler(certificate: Certificate, network: LurieNetwork) -> tuple[float | None, str]:
    k, eta, witness = certificate.k, certificate.margin, certificate.witness
    if witness["kind"] == "weights":
        if k > 1:
            return None, "in a weighted l1 or linf norm the bound is known for k = 1 only"
        low, high = network.phi.slope_range()
        M = weights.majorant(network)
        loop = np.asarray(abs(network.B).multiply(abs(network.C).T).sum(axis=1)).ravel() if network.is_sparse else (
            np.abs(network.B) * np.abs(network.C).T
        ).sum(axis=1)  # fmt: skip
        lowest = M.diagonal() - np.max(high - low, initial=0.0) * loop
        return float(
            1 / max(np.abs(M.diagonal()).max(), np.abs(lowest).max())
        ), "h <= 1 / max |J_ii| keeps the full rate"
    if (found := bounded.explicit(witness)) is None:
        return None, f"the witness '{witness['kind']}' names no metric for the states"
    box, T = SlopeBox.of(network), found.get("T")
    if (box.high > box.low).sum() <= MOST_CORNERS and box.n <= 64:
        s = np.linalg.svd(in_metric(box.jacobian(box.vertices()), T), compute_uv=False)
        square = float((s[:, :k] ** 2).sum(axis=1).max())
    else:
        turned = box if T is None else box.turned(T)
        root = np.sqrt(box.radius)
        centre = np.linalg.svd(turned.centre, compute_uv=False)[:k]
        left = np.linalg.svd(turned.B * root, compute_uv=False)
        right = np.linalg.svd(root[:, None] * turned.C, compute_uv=False)
        square = float((np.linalg.norm(centre) + np.linalg.norm((left * right)[:k])) ** 2)
    h = 2 * eta / square
    note = f"h < 2 eta / L^2 = {h:.4g} s with eta = {eta:.4g} /s, L = {np.sqrt(square):.4g} /s"
    return h, note + (": k-volumes shrink; convergence is not implied" if k > 1 else "")


def _exponential(euler: float, why: str, network: LurieNetwork) -> StepBound:
    a = -network.A.diagonal()
    scalar = (a == a[0]).all() and a[0] > 0 and abs(network.A - np.diag(network.A.diagonal())).max() == 0
    if network.is_sparse or not scalar:
        return StepBound(None, "for exponential Euler the bound is known for A = -a I; measure the run instead")
    if a[0] * euler >= 1:
        return StepBound(float("inf"), f"any step: exponential Euler never exceeds the Euler step {1 / a[0]:.4g} s")
    return StepBound(float(-np.log1p(-a[0] * euler) / a[0]), why + "; exponential Euler with A = -a I")
