"""Certificates: what can be proved about every trajectory of a network before it runs."""

from neurolurie.certificates.certificate import Attempt, Certificate
from neurolurie.certificates.certify import certify
from neurolurie.certificates.energy import Energy, energy_of
from neurolurie.certificates.falsify import Counterexample, falsify
from neurolurie.certificates.measured import ContractionViolated, Measured, measure
from neurolurie.certificates.repair import Repair, repair
from neurolurie.certificates.steps import StepBound, step_bound
from neurolurie.certificates.verify import Verdict, verify

__all__ = [
    "Attempt", "Certificate", "ContractionViolated", "Counterexample", "Energy", "Measured", "Repair", "StepBound",
    "Verdict", "certify", "energy_of", "falsify", "measure", "repair", "step_bound", "verify",
]  # fmt: skip
