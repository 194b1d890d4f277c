"""From a circuit's spec to its LurieNetwork: names, files, builders, matrices, graphs in graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurolurie.errors import SpecError, Where, lookup
from neurolurie.library import find
from neurolurie.network.builders import BUILDERS
from neurolurie.network.connectivity import call_with
from neurolurie.network.families.written import matrices
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lurie import LurieNetwork
from neurolurie.spec.circuit import CircuitSpec, CouplingSpec
from neurolurie.spec.model import parse
from neurolurie.spec.source import Source, read_yaml

# Turns a value written in a spec (such as `digits.prototypes`) into what it stands for; given its place for errors.
Resolve = Callable[[Any, Where], Any]
MATRIX_KEYS = ("A", "B", "C", "E", "bx", "by", "phi", "domain", "states", "npz")
FILE_KEYS = ("npz", "matrix")


def circuit(name: str | Path, **parameters) -> LurieNetwork:
    """A shipped circuit by name (``memory/hopfield``) or your own by path, with parameters for its builder.

    >>> circuit("memory/hopfield", units=16).n
    16
    """
    return _from_file(str(name), parameters, None, lambda value, where: value, None, 0)


def build_graph(source: Source, spec: Any, resolve: Resolve, seed: int, prefix: tuple = ()) -> CircuitGraph:
    """The CircuitGraph of everything under ``circuits:`` and ``couplings:`` of a scenario or a nested circuit."""
    graph = CircuitGraph(seed)
    for name, entry in spec.circuits.items():
        key = (*prefix, "circuits", name)
        network = build_circuit(source, entry, resolve, seed, key)
        try:
            graph.add(name, network)
        except SpecError as error:
            raise SpecError(error.message, source.where(*key)) from None
    for number, coupling in enumerate(spec.couplings):
        _couple(graph, coupling, source, resolve, (*prefix, "couplings", number))
    return graph


def build_circuit(source: Source, spec: CircuitSpec, resolve: Resolve, seed: int, key: tuple = ()) -> LurieNetwork:
    """The network of one circuit's spec; ``key`` is where it stands in its source."""
    if spec.circuits is not None:
        return build_graph(source, spec, resolve, seed, key).compose()
    where = source.where(*key)
    parameters = _resolved(spec.parameters, source, resolve, (*key, "with"))
    if spec.use is not None:
        return _from_file(spec.use, parameters, source.folder, resolve, source.where(*key, "use"), seed)
    try:
        if spec.build is not None:
            builder = lookup("builder", spec.build, BUILDERS, source.where(*key, "build"))
            return call_with(builder, parameters, f"builder '{spec.build}'")
        given = {name: getattr(spec, name) for name in MATRIX_KEYS if getattr(spec, name) is not None}
        return matrices(**_resolved(given, source, resolve, key))
    except SpecError as error:
        raise SpecError(error.message, error.where if error.where.file else where) from None


def load_circuit_file(path: Path) -> tuple[Source, CircuitSpec]:
    """The source and the validated spec of a circuit's file."""
    source = read_yaml(path)
    return source, parse(CircuitSpec, source)


def _from_file(
    name: str, parameters: dict, beside: Path | None, resolve: Resolve, where: Where | None, seed: int
) -> LurieNetwork:
    source, spec = load_circuit_file(find("circuits", name, beside, where))
    if parameters:
        if spec.build is None and spec.use is None:
            raise SpecError(f"circuit '{name}' has no parameters; got {', '.join(parameters)}.", where)
        # The caller's file of matrices takes the place of all matrices that the circuit's own file gives.
        kept = {k: v for k, v in spec.parameters.items() if not ("npz" in parameters and k in MATRIX_KEYS)}
        spec = spec.model_copy(update={"parameters": {**kept, **parameters}})
    try:
        return build_circuit(source, spec, resolve, seed)
    except SpecError as error:  # a parameter given by the caller is wrong where the caller wrote it
        if not parameters:
            raise
        raise SpecError(f"circuit '{name}': {error.message}", where) from None


def _couple(graph: CircuitGraph, spec: CouplingSpec, source: Source, resolve: Resolve, key: tuple) -> None:
    parameters = _resolved(spec.parameters, source, resolve, (*key, "with"))
    graph.couple(spec.source, spec.target, spec.rule, where=source.where(*key), **parameters)


def _resolved(parameters: dict[str, Any], source: Source, resolve: Resolve, key: tuple) -> dict[str, Any]:
    """Parameters with data references resolved and files found beside the spec's own file."""
    out = {}
    for name, value in parameters.items():
        where = source.where(*key, name)
        if name in FILE_KEYS and isinstance(value, str):
            path = source.folder / value
            if not path.is_file():
                raise SpecError(f"the file '{value}' does not exist in '{source.folder}'.", where)
            value = str(path)
        else:
            value = resolve(value, where)
        out[name] = value
    return out
