"""Certified regions: sets around equilibria that, once entered, decide where a trial ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.analysis.equilibria import find_equilibrium
from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.certify import certify
from neurolurie.errors import NeurolurieError
from neurolurie.network.lurie import LurieNetwork


class LeftCertifiedRegion(NeurolurieError):
    """A trial left a region that was certified to hold it: the program is wrong, or the step is too coarse."""


@dataclass(frozen=True, eq=False)
class Regions:
    """A basin certificate (or None) and the equilibrium (nan if none was found) for every start, by its label."""

    labels: tuple[str, ...]
    certificates: tuple[Certificate | None, ...]
    equilibria: np.ndarray

    def which(self, states: np.ndarray, proved_only: bool = False) -> np.ndarray:
        """For states (..., n) the number of the region each lies in, -1 outside of all."""
        inside = np.full(states.shape[:-1], -1)
        for number, certificate in enumerate(self.certificates):
            if certificate is not None and certificate.holds and (certificate.status == "proved" or not proved_only):
                inside[certificate.contains(states) & (inside < 0)] = number
        return inside

    def named(self) -> dict[str, Certificate]:
        return {label: found for label, found in zip(self.labels, self.certificates, strict=True) if found is not None}


def certify_regions(network: LurieNetwork, starts: np.ndarray, labels: list[str]) -> Regions:
    """Follow the circuit from every start (count, n) to its equilibrium and certify a region around that."""
    found = [find_equilibrium(network, start) for start in starts]
    equilibria = np.array([np.full(network.n, np.nan) if point is None else point for point in found])
    certificates = [None if point is None else certify(network, claim="basin", equilibrium=point) for point in found]
    return Regions(tuple(labels), tuple(certificates), equilibria)


def entry_times(regions: Regions, times: np.ndarray, states: np.ndarray) -> np.ndarray:
    """When each trial of ``states`` (trials, times, n) entered a region; inf if it did not.

    Raises LeftCertifiedRegion if one that entered did not stay.
    """
    inside = regions.which(states)
    held = inside >= 0
    first = held.argmax(axis=1)
    entered = np.where(held.any(axis=1), times[first], np.inf)
    trials = np.arange(len(states))
    strayed = held.any(axis=1) & (inside[:, -1] != inside[trials, first])
    # Regions of one equilibrium may overlap: a trial that is listed under another one but ends at the same point
    # stayed.
    ends = regions.equilibria
    for trial in np.flatnonzero(strayed):
        last, start = inside[trial, -1], inside[trial, first[trial]]
        if last < 0 or not np.allclose(ends[last], ends[start], atol=1e-9):
            raise LeftCertifiedRegion(
                f"trial {trial} entered the certified region of '{regions.labels[start]}' at t = {entered[trial]:.6g} "
                "s and left it again: take a smaller dt; if that does not help, please report this scenario."
            )
    return entered
