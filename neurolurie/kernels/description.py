"""What a kernel is generated from: everything that is fixed at compile time, and nothing that is data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.network.phi import Phi


@dataclass(frozen=True)
class Tableau:
    """The stages of a solver, as numbers (see `neurolurie.simulation.solvers.Solver`)."""

    nodes: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    exponential: bool


@dataclass(frozen=True)
class Description:
    """A dense network as the generators see it.

    Attributes
    ----------
    n, m : states and preactivations. kinds : the nonlinearity's name for each preactivation.
    tableau : the solver's stages. dtype : "float64" or "float32". noise : whether a step ends with noise.
    A, B, C : flattened patterns, True where an entry may differ from zero; None for a full matrix.

    Matrices, offsets, step, inputs and seed are data: changing them compiles nothing.
    """

    n: int
    m: int
    kinds: tuple[str, ...]
    tableau: Tableau
    dtype: str
    noise: bool = False
    A: tuple[bool, ...] | None = None
    B: tuple[bool, ...] | None = None
    C: tuple[bool, ...] | None = None

    @property
    def products(self) -> int:
        """Multiplications of one step."""
        full = {"A": self.n * self.n, "B": self.n * self.m, "C": self.m * self.n}
        count = sum(full[name] if getattr(self, name) is None else sum(getattr(self, name)) for name in full)
        return count * len(self.tableau.nodes)

    def entry(self, matrix: str, row: int, column: int) -> bool:
        """Whether that entry may differ from zero."""
        pattern = getattr(self, matrix)
        columns = self.m if matrix == "B" else self.n
        return pattern is None or pattern[row * columns + column]


def kinds_of(phi: Phi) -> tuple[str, ...]:
    """The names of the nonlinearities, one for each preactivation."""
    return phi.names


def pattern(matrix: np.ndarray, worth: float = 0.7) -> tuple[bool, ...] | None:
    """The entries of a small matrix that are not zero, or None if at least ``worth`` of them are not."""
    there = np.asarray(matrix) != 0.0
    return None if there.sum() >= worth * there.size else tuple(bool(entry) for entry in there.ravel())
