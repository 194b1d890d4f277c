"""The 31 cases with known answers, as networks."""

import json
from pathlib import Path

import numpy as np

from neurolurie.certificates.box import SlopeBox
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES, Nonlinearity
from neurolurie.network.phi import Phi

CASES = {case["name"]: case for case in json.loads((Path(__file__).parent / "theory_cases.json").read_text())["cases"]}
PHI = {"sin": "sine"}


def ramp(low: float, high: float) -> Nonlinearity:
    """A smooth map whose slope takes exactly the values between low and high: ``low y + (high - low) log(1 + e^y)``."""
    soft = NONLINEARITIES["softplus"]
    return Nonlinearity(
        f"ramp({low}, {high})", "low y + (high - low) softplus(y)", (low, high), (-np.inf, np.inf), (),
        lambda y: low * y + (high - low) * soft.value(y), lambda y: low + (high - low) * soft.derivative(y),
        lambda y: 0.5 * low * y * y + (high - low) * soft.integral(y), None, "", "",
    )  # fmt: skip


def network(case: dict) -> LurieNetwork:
    low, high = case["sector"]
    named = case.get("simulate", {}).get("phi")
    if "gelu_negative" in case["name"]:
        named = "gelu"
    kind = PHI.get(named, named) or ("tanh" if (low, high) == (0, 1) else ramp(low, high))
    return LurieNetwork(A=case["A"], B=case["B"], C=case["C"], phi=Phi.of(kind, case["m"]))


def box(case: dict) -> SlopeBox:
    low, high = case["sector"]
    return SlopeBox(*(np.array(case[name], float) for name in "ABC"), np.full(case["m"], low), np.full(case["m"], high))
