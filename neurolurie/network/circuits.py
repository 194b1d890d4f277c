"""From a circuit's spec to its LurieNetwork: names, files, builders, matrices, graphs in graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

from neurolurie.errors import SpecError, Where, blamed, lookup, placed
from neurolurie.library import find
from neurolurie.network.builders import BUILDERS
from neurolurie.network.connectivity import call_with
from neurolurie.network.families.written import matrices
from neurolurie.network.generators import generate, read_edges
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.populate import populate
from neurolurie.spec.circuit import CircuitSpec, CouplingSpec, GeneratorSpec
from neurolurie.spec.model import parse
from neurolurie.spec.source import Source, dotted, read_yaml

# Turns a value written in a spec (such as `digits.prototypes`) into what it stands for; given its place for errors.
Resolve = Callable[[Any, Where], Any]
MATRIX_KEYS = ("A", "B", "C", "E", "bx", "by", "phi", "domain", "states", "npz")
FILE_KEYS = ("npz", "matrix")


def circuit(name: str | Path, **parameters) -> LurieNetwork:
    """A shipped circuit by name (``memory/hopfield``) or your own by path, with parameters for its builder.

    >>> circuit("memory/hopfield", units=16).n
    16
    """
    for key in FILE_KEYS:  # a path of the caller's is relative to here, not to the circuit's file
        if isinstance(parameters.get(key), str | Path):
            parameters[key] = str(Path(parameters[key]).resolve())
    return _from_file(str(name), parameters, None, lambda value, where: value, None, 0)


def build_graph(
    source: Source, spec: Any, resolve: Resolve, seed: int, prefix: tuple = (), inside: tuple[Path, ...] = ()
) -> CircuitGraph:
    """The CircuitGraph of everything under ``circuits:`` and ``couplings:`` of a scenario or a nested circuit."""
    graph = CircuitGraph(seed)
    for name, entry in spec.circuits.items():
        key = (*prefix, "circuits", name)
        network = build_circuit(source, entry, resolve, seed, key, inside)
        with placed(source.where(*key)):
            graph.add(name, network)
    for number, coupling in enumerate(spec.couplings):
        _couple(graph, coupling, source, resolve, (*prefix, "couplings", number))
    return graph


def build_circuit(
    source: Source, spec: CircuitSpec, resolve: Resolve, seed: int, key: tuple = (), inside: tuple[Path, ...] = ()
) -> LurieNetwork:
    """The network of one circuit's spec; ``key`` is where it stands in its source, ``inside`` the files around it."""
    if spec.circuits is not None:
        with placed(source.where(*key)):
            return build_graph(source, spec, resolve, seed, key, inside).compose()
    if spec.generator is not None:
        return _generated(source, spec.generator, resolve, seed, (*key, "generator"), inside).compose()
    if spec.use is not None:
        beside, place = source.folder_of(*key, "use"), source.where(*key, "use")
        with source.blaming((*key, "with"), spec.parameters, place):
            parameters = _resolved(spec.parameters, source, resolve, (*key, "with"))
            return _from_file(spec.use, parameters, beside, resolve, place, seed, inside)
    if spec.build is not None:
        builder = lookup("builder", spec.build, BUILDERS, source.where(*key, "build"))
        with source.blaming((*key, "with"), spec.parameters, source.where(*key)):
            parameters = _resolved(spec.parameters, source, resolve, (*key, "with"))
            return call_with(builder, parameters, f"builder '{spec.build}'")
    given = {name: getattr(spec, name) for name in MATRIX_KEYS if getattr(spec, name) is not None}
    with source.blaming(key, given, source.where(*key)):
        return matrices(**_resolved(given, source, resolve, key))


def _generated(
    source: Source, spec: GeneratorSpec, resolve: Resolve, seed: int, key: tuple, inside: tuple[Path, ...]
) -> CircuitGraph:
    """The circuits on the nodes of a generated graph, or of one whose edges stand in a file."""
    if spec.edges is not None:
        path = _file(source, spec.edges, (*key, "edges"))
        with placed(source.where(*key, "edges")):
            graph = read_edges(path, spec.nodes)
    else:
        with source.blaming(key, {"graph": spec.graph}, Where(), by_name=False):
            with source.blaming((*key, "with"), spec.parameters, source.where(*key, "graph")):
                graph = generate(spec.graph, spec.parameters, crc32(dotted(key).encode()) ^ seed & 0xFFFFFFFF)
    network = build_circuit(source, spec.circuit, resolve, seed, (*key, "circuit"), inside)
    edge, at = spec.coupling, (*key, "coupling")
    written = {"from": _words(edge.source), "to": _words(edge.target), "rule": [edge.rule]}
    with (
        source.blaming(at, written, source.where(*at), by_name=False),
        source.blaming((*at, "with"), edge.parameters, Where()),
    ):
        parameters = _resolved(edge.parameters, source, resolve, (*at, "with"))
        return populate(
            graph, network, edge.rule, source=edge.source, target=edge.target, seed=seed, parameters=parameters
        )


def load_circuit_file(path: Path) -> tuple[Source, CircuitSpec]:
    """The source and the validated spec of a circuit's file."""
    source = read_yaml(path)
    return source, parse(CircuitSpec, source)


def _from_file(
    name: str, parameters: dict, beside: Path | None, resolve: Resolve, where: Where | None, seed: int,
    inside: tuple[Path, ...] = (),
) -> LurieNetwork:  # fmt: skip
    path = find("circuits", name, beside, where)
    if path.resolve() in inside:
        raise SpecError(f"circuit '{name}' uses itself.", where)
    source, spec = load_circuit_file(path)
    if parameters:
        if spec.build is None and spec.use is None:
            raise SpecError(f"circuit '{name}' has no parameters; got {', '.join(parameters)}.")
        # The caller's file of matrices takes the place of all matrices that the circuit's own file gives.
        kept = {k: v for k, v in spec.parameters.items() if not ("npz" in parameters and k in MATRIX_KEYS)}
        spec = spec.model_copy(update={"parameters": {**kept, **parameters}})
    try:
        return build_circuit(source, spec, resolve, seed, (), (*inside, path.resolve()))
    except SpecError as error:
        if blamed(error.message, parameters) is None:
            raise
        raise SpecError(error.message) from None  # what the caller gave is wrong where the caller wrote it


def _couple(graph: CircuitGraph, spec: CouplingSpec, source: Source, resolve: Resolve, key: tuple) -> None:
    written = {"from": _words(spec.source), "to": _words(spec.target), "rule": [spec.rule]}
    written = {name: words for name, words in written.items() if (*key, name) in source.places}
    with (
        source.blaming(key, written, source.where(*key), by_name=False),
        source.blaming((*key, "with"), spec.parameters, Where()),
    ):
        parameters = _resolved(spec.parameters, source, resolve, (*key, "with"))
        graph.couple(spec.source, spec.target, spec.rule, **parameters)


def _words(port: str) -> list[str]:
    return [port, *port.replace("/", ".").split(".")]


def _resolved(parameters: dict[str, Any], source: Source, resolve: Resolve, key: tuple) -> dict[str, Any]:
    """Parameters with data references resolved and files found beside the spec's own file."""
    out = {}
    for name, value in parameters.items():
        where = source.where(*key, name)
        if name in FILE_KEYS and isinstance(value, str):
            value = str(_file(source, value, (*key, name)))
        else:
            value = resolve(value, where)
        out[name] = value
    return out


def _file(source: Source, name: str, key: tuple) -> Path:
    """The file named at that key, beside the file in which it is named."""
    folder = source.folder_of(*key)
    if not (folder / name).is_file():
        raise SpecError(f"the file '{name}' does not exist in '{folder}'.", source.where(*key))
    return (folder / name).resolve()
