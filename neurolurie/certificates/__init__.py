"""Certificates: what can be proved about every trajectory of a network before it runs."""

from neurolurie.certificates.certificate import Attempt, Certificate
from neurolurie.certificates.certify import certify
from neurolurie.certificates.energy import Energy, energy_of

__all__ = ["Attempt", "Certificate", "Energy", "certify", "energy_of"]
