"""Certificates: what can be proved about every trajectory of a network before it runs."""

from neurolurie.certificates.certificate import Attempt, Certificate
from neurolurie.certificates.certify import certify
from neurolurie.certificates.energy import Energy, energy_of
from neurolurie.certificates.falsify import Counterexample, falsify
from neurolurie.certificates.verify import Verdict, verify

__all__ = ["Attempt", "Certificate", "Counterexample", "Energy", "Verdict", "certify", "energy_of", "falsify", "verify"]
