"""The schema of a circuit: matrices written out, or a builder with parameters, or circuits inside a circuit."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from neurolurie.spec.model import Model

Matrix = list[list[float]]


class CouplingSpec(Model):
    """A projection ``from: a.state -> to: b.rate`` and the rule that makes its matrix."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    rule: str = "matrix"
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")


class EdgeSpec(Model):
    """What stands on every edge of a generated graph: the ports it joins and the rule that makes its matrix."""

    source: str = Field("state", alias="from")
    target: str = Field("rate", alias="to")
    rule: str = "matrix"
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")


class GeneratorSpec(Model):
    """A circuit on every node of a graph, a coupling on every edge. The graph is a networkx generator with its
    arguments (``graph``, ``with``), or a file of edges (``edges``; ``nodes`` says how many, if some have no edge)."""

    graph: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    edges: str | None = None
    nodes: int | None = Field(None, ge=1)
    circuit: CircuitSpec
    coupling: EdgeSpec

    @model_validator(mode="after")
    def _one_way(self) -> GeneratorSpec:
        if (self.graph is None) == (self.edges is None):
            raise ValueError("expected either 'graph' (a networkx generator) or 'edges' (a file).")
        if self.graph is None and self.parameters:
            raise ValueError("'with' belongs to 'graph', not to 'edges'.")
        if self.edges is None and self.nodes is not None:
            raise ValueError("'nodes' belongs to 'edges', not to 'graph'.")
        return self


class CircuitSpec(Model):
    """One of: ``use`` (a circuit by name or path), ``build`` (a builder), ``A B C`` (matrices), ``npz`` (a file with
    the matrices), ``circuits`` + ``couplings`` (a graph), ``generator`` (a graph with one circuit on every node)."""

    schema_: Literal[1] = Field(1, alias="schema")
    title: str = ""
    equation: str = ""
    reference: str = ""
    notes: str = ""
    use: str | None = None
    build: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    A: Matrix | None = None
    B: Matrix | None = None
    C: Matrix | None = None
    E: Matrix | None = None
    bx: list[float] | None = None
    by: list[float] | None = None
    npz: str | None = None
    phi: str | list[str] | None = None
    domain: float | list[float] | None = None
    states: list[str] | None = None
    circuits: dict[str, CircuitSpec] | None = None
    generator: GeneratorSpec | None = None
    couplings: list[CouplingSpec] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way(self) -> CircuitSpec:
        known = ("use", "build", "A", "npz", "circuits", "generator")
        ways = [name for name in known if getattr(self, name) is not None]
        if len(ways) != 1:
            found = "none of them" if not ways else " and ".join(f"'{way}'" for way in ways)
            expected = "'use', 'build', 'A' (with B, C), 'npz', 'circuits', 'generator'"
            raise ValueError(f"expected one of {expected}; got {found}.")
        missing = [name for name in ("B", "C") if self.A is not None and getattr(self, name) is None]
        if missing:
            raise ValueError(f"A is given without {' and '.join(missing)}.")
        given = ("B", "C", "E", "bx", "by", "phi", "domain", "states")
        stray = [name for name in given if getattr(self, name) is not None and ways[0] not in ("A", "npz")]
        if stray:
            raise ValueError(f"'{stray[0]}' belongs to a circuit given by its matrices, not to '{ways[0]}'.")
        if self.parameters and ways[0] not in ("use", "build"):
            raise ValueError(f"'with' belongs to 'use' or 'build', not to '{ways[0]}'.")
        if self.couplings and ways[0] != "circuits":
            raise ValueError(f"'couplings' belongs to 'circuits', not to '{ways[0]}'.")
        return self
