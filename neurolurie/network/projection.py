"""Projection: one matrix from one circuit to another, and the ports at which it may start and end."""

from __future__ import annotations

from dataclasses import dataclass

from neurolurie.network.lurie import Matrix, Part

SOURCE_PORTS = {"state": "x", "out": "phi(y)"}
TARGET_PORTS = {"rate": "dx/dt", "in": "y", "drive": "u"}


@dataclass(frozen=True, eq=False)
class Projection:
    """``weight`` times a matrix from the states or outputs of a circuit to the rates or preactivations of another.

    ``source_at`` and ``target_at`` are the parts of the two that it joins, if they are graphs; None is all of them.
    """

    matrix: Matrix
    source_port: str = "state"
    target_port: str = "rate"
    rule: str = "matrix"
    weight: float = 1.0
    source_at: Part | None = None
    target_at: Part | None = None
