"""Graphs to put circuits on: networkx generators by name, and edges from csv, npz and GraphML files."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

import networkx as nx
import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError, lookup
from neurolurie.network.bulk import collector_paused
from neurolurie.network.connectivity import call_with

SUFFIXES = (".csv", ".npz", ".graphml")
KINDS = {kind.__name__: kind for kind in (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)}


@collector_paused()
def generate(name: str, parameters: dict, seed: int = 0) -> nx.Graph:
    """A graph by the name of a networkx generator and its arguments; ``seed`` unless the arguments give their own.

    Where a generator has ``create_using``, give it as a word: ``create_using: DiGraph`` makes a ring one-way.

    >>> generate("watts_strogatz_graph", {"n": 10, "k": 4, "p": 0.1}).number_of_edges()
    20
    """
    function = lookup("networkx generator", name.replace("-", "_") if isinstance(name, str) else name, _generators())
    if "seed" in inspect.signature(function).parameters:
        parameters = {"seed": seed, **parameters}
    if "create_using" in parameters:
        parameters = {**parameters, "create_using": lookup("kind of graph", parameters["create_using"], KINDS)}
    try:
        made = call_with(function, parameters, f"generator '{name}'")
    except SpecError:
        raise
    except (nx.NetworkXException, TypeError, ValueError, KeyError, IndexError) as error:
        raise SpecError(f"generator '{name}' refused its arguments: {error}.") from None
    if not isinstance(made, nx.Graph):
        raise SpecError(f"generator '{name}' makes no graph but a {type(made).__name__}.")
    return made


def read_edges(path: str | Path, nodes: int | None = None) -> nx.Graph:
    """A directed graph from a file of edges; an undirected one if a GraphML file says so.

    ``.csv``: rows ``source,target`` or ``source,target,weight``, with or without those words on top. ``.npz``: arrays
    ``source``, ``target`` and perhaps ``weight``; or one matrix (scipy's ``save_npz`` or one array) whose entry [i, j]
    is the weight from j to i, as in all matrices here. ``.graphml``: as networkx writes it. ``nodes`` names the nodes 0
    to nodes - 1, so that those without edges are there too.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(f"cannot read edges from '{path}': expected a file {', '.join(SUFFIXES)}.")
    try:
        if suffix == ".graphml":
            graph = nx.read_graphml(path)
        else:
            graph = nx.MultiDiGraph()
            count, edges = _csv_edges(path) if suffix == ".csv" else _npz_edges(path)
            graph.add_nodes_from(range(count or 0))
            graph.add_weighted_edges_from(edges)
    except SpecError:
        raise
    except Exception as error:  # whatever a broken file makes its reader stumble over
        raise SpecError(f"cannot read edges from '{path}': {error}.") from None
    if nodes is not None:
        whole = type(graph)()
        whole.add_nodes_from(range(nodes))
        strange = [node for node in graph if node not in whole]
        if strange:
            raise SpecError(f"'{path}' has a node {strange[0]!r}, nodes are numbered 0 to {nodes - 1}.")
        whole.add_edges_from(graph.edges(data=True))
        graph = whole
    return graph


def _generators() -> dict[str, Callable]:
    functions = ((name, getattr(nx, name)) for name in dir(nx))
    return {
        name: value for name, value in functions
        if callable(value) and getattr(value, "__module__", "").startswith("networkx.generators")
    }  # fmt: skip


def _csv_edges(path: str | Path) -> tuple[None, Iterable[tuple]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    if rows and [word.strip() for word in rows[0][1][:2]] == ["source", "target"]:
        del rows[0]
    edges = []
    for number, row in rows:
        if len(row) not in (2, 3):
            found = f"line {number} of '{path}' has {len(row)} entries"
            raise SpecError(f"{found}, expected source,target or source,target,weight.")
        try:
            weight = float(row[2]) if len(row) == 3 else 1.0
        except ValueError:
            raise SpecError(f"line {number} of '{path}': the weight {row[2]!r} is not a number.") from None
        edges.append((_node(row[0]), _node(row[1]), weight))
    return None, edges


def _node(word: str) -> int | str:
    word = word.strip()
    return int(word) if word.isdigit() else word


def _npz_edges(path: str | Path) -> tuple[int | None, Iterable[tuple]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if "source" in arrays and "target" in arrays:
        source, target = arrays["source"].tolist(), arrays["target"].tolist()
        weight = arrays["weight"].tolist() if "weight" in arrays else [1.0] * len(source)
        return None, zip(source, target, weight, strict=True)
    if "format" in arrays:
        matrix = sparse.coo_array(sparse.load_npz(path))
    elif len(arrays) == 1 and next(iter(arrays.values())).ndim == 2:
        matrix = sparse.coo_array(next(iter(arrays.values())))
    else:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise SpecError(f"'{path}' holds {found}; expected source and target, or one matrix.")
    if matrix.shape[0] != matrix.shape[1]:
        raise SpecError(f"the matrix in '{path}' has shape {matrix.shape}, a graph needs a square one.")
    row, column = (axis.tolist() for axis in matrix.coords)
    return matrix.shape[0], zip(column, row, matrix.data.tolist(), strict=True)
