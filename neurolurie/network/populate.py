"""Circuits on the nodes of any networkx graph, coupled along its edges, without one Python call for every edge."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any
from zlib import crc32

import networkx as nx
import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.bulk import collector_paused
from neurolurie.network.connectivity import RANDOM_RULES, ROWWISE_RULES, RULES, Coupling
from neurolurie.network.graph import CircuitGraph, spread
from neurolurie.network.lurie import LurieNetwork, Matrix
from neurolurie.network.projection import SOURCE_PORTS, TARGET_PORTS, Projection

DRAWN_AT_ONCE = 65536  # weights


@collector_paused()
def populate(
    graph: nx.Graph,
    circuit: LurieNetwork | CircuitGraph | str | Callable[[Hashable], LurieNetwork],
    coupling: str | Matrix | Coupling,
    *,
    source: str = "state",
    target: str = "rate",
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> CircuitGraph:
    """A CircuitGraph with a circuit on every node of ``graph`` and a projection along every edge.

    Parameters
    ----------
    graph : any networkx graph. Directed edges couple one way, undirected ones both ways; several edges add up. An
        edge's ``weight``, if it has one, multiplies its matrix.
    circuit : one circuit for all nodes (a network, a graph, or a name), or a function from the node to its network.
    coupling : a matrix (target x source), a Coupling, or the name of a rule with its ``parameters``. Random rules draw
        new weights for every edge. A rule that couples both ways (skew) does so once for every edge.
    source, target : the ports of every projection, ``state`` or ``out`` to ``rate``, ``in`` or ``drive``; with a path
        before them (``e.out``) if the circuits are graphs.

    Circuits are named after their nodes: ``"7"`` for 7, ``"2-3"`` for (2, 3). Raises SpecError as
    `CircuitGraph.couple` does.

    >>> weak = {"weight": -0.1}
    >>> ring = populate(nx.cycle_graph(100), "motifs/flip-flop", "one-to-one", source="out", parameters=weak)
    >>> net = ring.compose()
    >>> net.n, int((net.B != 0).sum())
    (100, 300)
    """
    whole = CircuitGraph(seed)
    chosen = circuit if callable(circuit) else _once(circuit)
    labels = {node: _label(node) for node in graph}
    if len(set(labels.values())) < len(labels):
        raise SpecError("two nodes of the graph have the same name once written as a word; rename them.")
    for node, label in labels.items():
        whole.add(label, chosen(node))
    edge = _Edges(whole, coupling, source, target, dict(parameters or {}))
    both = not graph.is_directed()
    for a, b, data in graph.edges(data=True):
        weight = _weight(a, b, data)
        edge.add(labels[a], labels[b], weight)
        if both and a != b and not edge.couples_back:
            edge.add(labels[b], labels[a], weight)
    return whole


class _Edges:
    """Adds projections: the first between two kinds of circuits as `CircuitGraph.couple` does, the others like it.

    The first goes through all of its checks. What follows shares its matrix, or draws the next one.
    """

    def __init__(self, whole: CircuitGraph, coupling, source: str, target: str, parameters: dict):
        self.whole, self.coupling, self.source, self.target = whole, coupling, source, target
        self.parameters = parameters
        self._rule_name = coupling.replace("_", "-") if isinstance(coupling, str) else "matrix"
        self.fresh = self._rule_name in RANDOM_RULES
        self._stock: dict[tuple[int, int], list[Matrix]] = {}
        self.couples_back = False
        self._made: dict[tuple[int, int], list[Projection]] = {}
        self._sizes: dict[tuple[int, int], tuple[int, int, Matrix | None]] = {}
        self._rng = np.random.default_rng([whole.seed, crc32(b"edges")])

    def add(self, a: str, b: str, weight: float) -> None:
        nodes = self.whole.graph.nodes
        kinds = (id(nodes[a]["circuit"]), id(nodes[b]["circuit"]))
        if kinds not in self._made:
            self._first(a, b, kinds)
        there, *back = self._made[kinds]
        if self.fresh or weight != 1.0:
            matrix = self._drawn(*self._sizes[kinds]) if self.fresh else there.matrix
            ends = there.source_at, there.target_at
            there = Projection(matrix, there.source_port, there.target_port, there.rule, weight, *ends)
        self.whole.graph.add_edge(a, b, projection=there)
        for projection in back:
            self.whole.graph.add_edge(b, a, projection=replace(projection, weight=weight), back=True)

    def _first(self, a: str, b: str, kinds: tuple[int, int]) -> None:
        trial = CircuitGraph(self.whole.seed)
        names = [a] if a == b else [a, b]
        for name in names:
            trial.add(name, self.whole.graph.nodes[name]["circuit"])
        trial.couple(f"{a}.{self.source}", f"{b}.{self.target}", self.coupling, **self.parameters)
        made = [data["projection"] for *_, data in trial.graph.edges(data=True)]
        self.couples_back = len(made) > 1
        self._made[kinds] = made
        start = trial.end(f"{a}.{self.source}", SOURCE_PORTS, "state")
        stop = trial.end(f"{b}.{self.target}", TARGET_PORTS, "rate")
        E = None if stop[2] != "drive" else spread(trial.graph.nodes[b]["circuit"], stop[1])
        self._sizes[kinds] = trial.size(*stop), trial.size(*start), E

    def _drawn(self, rows: int, columns: int, E: Matrix | None) -> Matrix:
        # Its parameters have been through all checks when the first matrix was made. Where the rows of a rule do not
        # depend on one another, one tall matrix is the matrices of many edges.
        stock = self._stock.setdefault((rows, columns), [])
        if not stock:
            many = max(1, DRAWN_AT_ONCE // max(1, rows * columns)) if self._rule_name in ROWWISE_RULES else 1
            tall = RULES[self._rule_name](many * rows, columns, self._rng, **self.parameters)
            tall = tall.matrix if isinstance(tall, Coupling) else tall
            stock.extend(tall[k * rows : (k + 1) * rows] for k in reversed(range(many)))
        matrix = stock.pop()
        return matrix if E is None else E @ matrix


def _once(circuit: LurieNetwork | CircuitGraph | str) -> Callable[[Hashable], LurieNetwork]:
    """The one network of all nodes, as `CircuitGraph.add` reads it."""
    graph = CircuitGraph()
    graph.add("circuit", circuit)
    network = graph.graph.nodes["circuit"]["circuit"]
    return lambda node: network


def _label(node: Hashable) -> str:
    return "-".join(map(str, node)) if isinstance(node, tuple) else str(node)


def _weight(a: Hashable, b: Hashable, data: dict) -> float:
    weight = data.get("weight")
    if weight is None:
        return 1.0
    if isinstance(weight, bool) or not isinstance(weight, Real) or not np.isfinite(weight):
        raise SpecError(f"the weight of the edge {a} -> {b} must be a number, got {weight!r}.")
    return float(weight)
