"""CircuitGraph: circuits as nodes and projections as edges of a networkx graph, composed into one LurieNetwork."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import networkx as nx
import numpy as np

from neurolurie.errors import SpecError, Where, did_you_mean
from neurolurie.network.compose import compose, through_leak
from neurolurie.network.connectivity import Coupling, make_coupling
from neurolurie.network.lurie import LurieNetwork, Matrix, Part
from neurolurie.network.parts import find_part, inner_names
from neurolurie.network.projection import SOURCE_PORTS, TARGET_PORTS, Projection


class CircuitGraph:
    """Circuits and the projections between them; ``.graph`` is a ``networkx.MultiDiGraph``.

    A port says where a projection starts and ends: ``a.state`` is x of circuit a, ``a.out`` its phi(y); ``b.rate`` is
    dx/dt of circuit b, ``b.in`` its preactivation y, ``b.drive`` the inputs u that its own E spreads over its states.

    =================  ==================================================================================
    ``state -> rate``  ``A[b, a] += W``
    ``out -> rate``    ``B[b, a] += W``
    ``state -> in``    ``C[b, a] += W``
    ``out -> in``      ``B[b, a] += -A_b C_b^-1 W``: a Lurie network has no phi inside phi, so W phi(y_a) reaches
                       y_b through b's own leak, as a current reaches a membrane; at rest y_b is raised by
                       exactly W phi(y_a). C_b must be square and invertible.
    ``... -> drive``   as ``... -> rate`` with ``E_b W``.
    =================  ==================================================================================

    >>> leak = LurieNetwork(A=[[-1.0]], B=[[0.0]], C=[[1.0]])
    >>> graph = CircuitGraph()
    >>> graph.add("v1", leak); graph.add("v2", leak)
    >>> graph.couple("v1", "v2", [[0.5]])
    >>> graph.compose().A
    array([[-1. ,  0. ],
           [ 0.5, -1. ]])
    """

    def __init__(self, seed: int = 0):
        self.graph = nx.MultiDiGraph()
        self.seed = seed

    def add(self, name: str, circuit: LurieNetwork | CircuitGraph | str, **parameters) -> None:
        """Add a circuit: a network, a graph (nested), or the name or path of a circuit with its parameters."""
        if name in self.graph:
            raise SpecError(f"the graph already has a circuit '{name}'.")
        if not isinstance(name, str) or not name or any(sign in name for sign in "./"):
            raise SpecError(f"a circuit's name must be a word without '.' and '/', got {name!r}.")
        if name in SOURCE_PORTS or name in TARGET_PORTS:
            raise SpecError(f"a circuit's name must not be that of a port, got {name!r}.")
        if isinstance(circuit, str):
            from neurolurie.network.circuits import circuit as load

            circuit = load(circuit, **parameters)
        elif parameters:
            raise SpecError(f"parameters ({', '.join(parameters)}) go with a circuit's name, not with a network.")
        if isinstance(circuit, CircuitGraph):
            circuit = circuit.compose()
        if not isinstance(circuit, LurieNetwork):
            found = type(circuit).__name__
            raise SpecError(f"a circuit must be a LurieNetwork, a CircuitGraph or a name, got {found}.")
        self.graph.add_node(name, circuit=circuit)

    def couple(
        self,
        source: str,
        target: str,
        /,  # a rule may have parameters of these names too
        coupling: str | Matrix | Coupling | Projection | Callable = "matrix",
        *,
        where: Where | None = None,
        **parameters,
    ) -> None:
        """Add a projection ``source -> target``.

        ``source`` is ``"a"`` or ``"a.state"`` or ``"a.out"``; ``target`` is ``"b"`` or ``"b.rate"`` or ``"b.in"``. A
        circuit inside a nested graph is named by its path: ``"area.e.out"``, or ``"area/e.out"``.
        ``coupling`` is a matrix (target x source), the name of a rule with its parameters, a Coupling, or a Projection
        (which carries its own ports). Raises SpecError at ``where``; the graph is then as it was.
        """
        a, source_at, source_port = self.end(source, SOURCE_PORTS, "state", where)
        b, target_at, target_port = self.end(target, TARGET_PORTS, "rate", where)
        rule = coupling if isinstance(coupling, str) else "matrix"
        if isinstance(coupling, Projection):
            source_port, target_port, rule = coupling.source_port, coupling.target_port, coupling.rule
            coupling = Coupling(coupling.matrix)
        rows, columns = self.size(b, target_at, target_port), self.size(a, source_at, source_port)
        inside = self.graph.nodes[b]["circuit"]
        try:
            if isinstance(coupling, str):
                rng = self._generator(a, source_at, source_port, b, target_at, target_port)
                coupling = make_coupling(coupling, rows, columns, rng, parameters)
            elif not isinstance(coupling, Coupling):
                coupling = Coupling(coupling)
            coupling = coupling.shaped(rows, columns)
            if target_port == "drive" and coupling.back is None:
                coupling, target_port = Coupling(spread(inside, target_at) @ coupling.matrix), "rate"
            if (source_port, target_port) == ("out", "in"):
                # What is wrong with it is told here, where the user wrote it.
                through_leak(inside, coupling.matrix, target.removesuffix(".in"), target_at)
        except SpecError as error:
            raise SpecError(f"{source} -> {target}: {error.message}", where) from None
        if coupling.back is not None and (source_port, target_port) != ("state", "rate"):
            raise SpecError(f"rule '{rule}' couples both ways and goes from a state to a rate only.", where)
        there = Projection(coupling.matrix, source_port, target_port, rule, 1.0, source_at, target_at)
        self.graph.add_edge(a, b, projection=there)
        if coupling.back is not None:
            back = Projection(coupling.back, source_port, target_port, rule, 1.0, target_at, source_at)
            self.graph.add_edge(b, a, projection=back, back=True)

    def compose(self) -> LurieNetwork:
        """One network of all circuits and projections; circuit names label its ``parts`` and states."""
        circuits = {name: data["circuit"] for name, data in self.graph.nodes(data=True)}
        return compose(circuits, [(a, b, data["projection"]) for a, b, data in self.graph.edges(data=True)])

    def _generator(
        self, a: str, source_at: Part | None, source_port: str, b: str, target_at: Part | None, target_port: str
    ) -> np.random.Generator:
        """Random numbers for a pair of ports: they do not depend on what else was coupled before."""
        ends = (source_port, target_port, source_at, target_at)
        edges = self.graph.get_edge_data(a, b, default={}).values()
        before = [edge["projection"] for edge in edges if "back" not in edge]
        number = sum((p.source_port, p.target_port, p.source_at, p.target_at) == ends for p in before)
        pair = crc32(f"{a}{_place(source_at)}.{source_port}->{b}{_place(target_at)}.{target_port}".encode())
        return np.random.default_rng([self.seed, pair, number])

    def end(
        self, text: str, ports: dict[str, str], default: str, where: Where | None = None
    ) -> tuple[str, Part | None, str]:
        """The circuit, the part of it (None is all of it) and the port that a word such as ``area.e.out`` names."""
        name, *path = text.replace("/", ".").split(".")
        if name not in self.graph:
            raise SpecError(did_you_mean("circuit", name, self.graph), where)
        port = path.pop() if path and path[-1] in ports else default
        network = self.graph.nodes[name]["circuit"]
        for depth, word in enumerate(path):
            known = inner_names(network, path[:depth])
            if word not in known:
                kind, known = ("port", ports) if not known else (f"circuit of '{name}', or port,", [*known, *ports])
                raise SpecError(did_you_mean(kind, word, known), where)
        return name, find_part(network, path) if path else None, port

    def size(self, name: str, at: Part | None, port: str) -> int:
        """How many states, outputs, preactivations or inputs that end has."""
        circuit = self.graph.nodes[name]["circuit"]
        if at is not None:
            place = {"drive": at.inputs, "state": at.states, "rate": at.states}.get(port, at.preactivations)
            return place.stop - place.start
        return {"drive": circuit.E.shape[1], "state": circuit.n, "rate": circuit.n}.get(port, circuit.m)


def spread(network: LurieNetwork, at: Part | None) -> Matrix:
    """E of a circuit inside a network, or of all of it: what its port ``drive`` does."""
    return network.E if at is None else network.E[at.states, at.inputs]


def _place(part: Part | None) -> str:
    return "" if part is None else f"[{part.states.start}:{part.states.stop}]"
