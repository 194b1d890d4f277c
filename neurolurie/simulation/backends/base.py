"""What a backend is: two methods. Labels, provenance and checks of the result live once, in `simulate`."""

from __future__ import annotations

from abc import ABC, abstractmethod

from neurolurie.simulation.problem import Problem, Trajectory


class Backend(ABC):
    """Translates a Problem into its own means; the mathematics (stages, noise, inputs) is given by the Problem."""

    name: str

    @abstractmethod
    def unsupported(self, problem: Problem) -> str | None:
        """Why this backend cannot run the problem, in a sentence for the user; None if it can."""

    @abstractmethod
    def run(self, problem: Problem) -> Trajectory:
        """Integrate. Never falls back to something else without saying so in ``Trajectory.notes``."""
