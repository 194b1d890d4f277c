"""Running the kernel of a network of circuits: the network lowered to arrays once, ``struct Graph`` from them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from neurolurie.kernels import circuits, compiler, couplings, graph, memory
from neurolurie.kernels.circuits import Layout
from neurolurie.kernels.couplings import ChunkRows, Couplings
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.graph import GraphDescription
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.lurie import LurieNetwork

CHUNK = 4096  # states whose couplings are gathered before they are used
TILED_CHUNK = 32_768  # the same where they come in tiles: each of them reads all sources once
NEAR = 128 << 10  # bytes of sources up to which gathering them at random is as fast as reading them in order
LINE = 128  # bytes that threads must not share: two cache lines, which are fetched in pairs
WORTH = 30_000  # products of a step for which one more thread pays

_POINTER, _COUNT, _WORD = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64


class Rows(ctypes.Structure):
    """``struct Rows`` of ``cpp/slices.hpp`` and ``cpp/tiles.hpp``."""

    _fields_ = [(name, _POINTER) for name in ("chunk", "piece", "source", "target", "index", "value", "clear")]


class Type(ctypes.Structure):
    """``struct Type`` of ``cpp/graph.hpp``."""

    _fields_ = [*((name, _POINTER) for name in "ABC"), ("x", _COUNT), ("p", _COUNT)]


class Graph(ctypes.Structure):
    """``struct Graph`` of ``cpp/graph.hpp``."""

    _fields_ = [
        *((name, _POINTER) for name in ("types", "kind", "first", "last")),
        ("into_y", Rows),
        ("into_x", Rows),
        *((name, _POINTER) for name in ("by", "size", "noise", "number", "drive")),
        *((name, _COUNT) for name in ("drive_step", "drive_node")),
        *((name, _POINTER) for name in ("z", "rates", "outside", "chosen", "out")),
        *((name, _COUNT) for name in ("recorded", "width_p", "width_x", "window", "chunks")),
        *((name, _COUNT) for name in ("trials", "steps", "every", "by_mask", "size_mask", "drive_mask")),
        *((name, _WORD) for name in ("seed", "stream", "first_step")),
        ("threads", _COUNT),
    ]


@dataclass(frozen=True)
class Lowered:
    """A network as the kernel reads it."""

    description: GraphDescription
    library: ctypes.CDLL
    layout: Layout
    matrices: tuple[dict[str, np.ndarray], ...]
    into_y: Couplings
    into_x: Couplings
    kind: np.ndarray
    first: np.ndarray
    last: np.ndarray
    products: int
    window: int


@cache
def _library(description: GraphDescription) -> ctypes.CDLL:
    library = compiler.load(graph.source(description))
    library.graph.argtypes, library.graph.restype = [ctypes.POINTER(Graph)], None
    return library


def lower(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> Lowered:
    """Find the circuits, lay them out in lanes, and compile their kernel."""
    lanes = compiler.vector_bytes() // np.dtype(dtype).itemsize
    found = circuits.members(network)
    place = circuits.layout(found, network, lanes)
    splits = {
        "A": circuits.split(network.A, found, "states", "states"),
        "B": circuits.split(network.B, found, "states", "preactivations"),
        "C": circuits.split(network.C, found, "preactivations", "states"),
    }
    names = network.phi.names
    types = tuple(
        circuits.circuit_type(entry, k, tuple(names[int(entry.preactivations[0]) + j] for j in range(entry.m)), splits)
        for k, entry in enumerate(found)
    )
    matrices = tuple(
        {
            name: circuits.packed(splits[name].inside[k][1], place.groups[k], lanes, name in t.equal, dtype)
            for name in "ABC"
        }
        for k, t in enumerate(types)
    )
    rests = {name: splits[name].rest for name in "ABC"}
    into_y = (
        place.image_place[rests["C"][0]], place.width_p + place.state_place[rests["C"][1]], rests["C"][2],
    )  # fmt: skip
    into_x = (
        place.state_place[np.concatenate((rests["A"][0], rests["B"][0]))],
        np.concatenate((place.width_p + place.state_place[rests["A"][1]], place.image_place[rests["B"][1]])),
        np.concatenate((rests["A"][2], rests["B"][2])),
    )
    tiled = _far(into_y, into_x) * np.dtype(dtype).itemsize > NEAR
    kind, first, last = _chunks(found, place, TILED_CHUNK if tiled else CHUNK)
    rows = [
        _chunk_rows(begin, sizes, kind, first, last, lanes)
        for begin, sizes in ((place.begin_p, [t.m for t in types]), (place.begin_x, [t.n for t in types]))
    ]
    store = partial(couplings.tiles, dtype=dtype) if tiled else partial(couplings.slices, lanes=lanes, dtype=dtype)
    counts = {name: len(rest[0]) for name, rest in rests.items()}
    coupled = {"y": counts["C"], "x": counts["A"] + counts["B"], "p": counts["B"], "states": counts["A"] + counts["C"]}
    description = GraphDescription(
        types, tableau, dtype, noise, frozenset(name for name in coupled if coupled[name]),
        "tiles" if tiled else "slices",
    )  # fmt: skip
    inside = sum(len(numbers) * numbers.shape[1] for part in splits.values() for _, numbers in part.inside)
    products = inside + sum(counts.values())
    # what comes from outside into a thread's chunk: its rows, one place for lanes without a row, whole cache lines
    most = max(int(of.count.max()) for of in rows)
    window = -(-(most + 1) * np.dtype(dtype).itemsize // LINE) * LINE // np.dtype(dtype).itemsize
    return Lowered(
        description, _library(description), place, matrices, store(*into_y, rows[0]), store(*into_x, rows[1]),
        kind, first, last, products, window,
    )  # fmt: skip


def run(lowered: Lowered, data: Data, x0: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The recorded states (trials, rows, states), a strided view, and the last (trials, n)."""
    place, dtype = lowered.layout, lowered.description.dtype
    trials, stages = len(x0), len(lowered.description.tableau.nodes)
    lanes, width = place.lanes, place.width_p + place.width_x
    threads = min(plan.threads, max(1, lowered.products * trials // WORTH))
    chosen = place.state_place if plan.chosen is None else place.state_place[plan.chosen]
    out = memory.empty((plan.rows, trials, len(chosen)), dtype)
    z = memory.zeros((2, trials, width), dtype)
    z[0][:, place.width_p + place.state_place] = x0
    arrays = {
        "kind": lowered.kind, "first": lowered.first, "last": lowered.last,
        "by": _numbers(data.by, place.image_place, place.width_p, lanes, dtype),
        "size": _numbers(data.size, place.state_place, place.width_x, lanes, dtype),
        "number": _placed(np.arange(len(place.state_place)), place.state_place, place.width_x, np.int64),
        "z": z, "chosen": np.ascontiguousarray(chosen),
        "rates": memory.zeros(((stages + 1) * trials * place.width_x if stages > 1 else 1,), dtype),
        "outside": memory.zeros((threads * lowered.window,), dtype),
    }  # fmt: skip
    if data.noise is not None:
        arrays["noise"] = _placed(data.noise, place.state_place, place.width_x, dtype)
    types = (Type * len(lowered.matrices))(
        *(
            Type(**{name: array.ctypes.data for name, array in matrices.items()}, x=x, p=p)
            for matrices, x, p in zip(lowered.matrices, place.begin_x, place.begin_p, strict=True)
        )
    )
    for begin, end in plan.windows(data):
        drive = _numbers(data.drive(begin, end), place.state_place, place.width_x, lanes, dtype)
        table = drive.ndim == 3
        call = Graph(
            **{name: array.ctypes.data for name, array in arrays.items()},
            types=ctypes.addressof(types), into_y=_rows(lowered.into_y), into_x=_rows(lowered.into_x),
            drive=drive.ctypes.data, drive_step=3 * place.width_x * table, drive_node=place.width_x * table,
            out=out[plan.row(begin) :].ctypes.data, recorded=len(chosen), width_p=place.width_p,
            width_x=place.width_x, window=lowered.window, chunks=len(lowered.kind), trials=trials, steps=end - begin,
            every=plan.every or 0, by_mask=-(arrays["by"].size > lanes), size_mask=-(arrays["size"].size > lanes),
            drive_mask=-(drive.size > lanes),
            seed=data.seed, stream=data.stream, first_step=data.first_step + begin, threads=threads,
        )  # fmt: skip
        lowered.library.graph(ctypes.byref(call))
        if "states" in lowered.description.coupled and (end - begin) * stages % 2:
            z[0] = z[1]
        plan.report(end)
    return out.transpose(1, 0, 2), z[0][:, place.width_p + place.state_place]


def _far(*triplets) -> int:
    """How many places there are from the first to the last source of couplings."""
    sources = np.concatenate([source for _, source, _ in triplets])
    return int(np.ptp(sources)) + 1 if len(sources) else 0


def _chunks(found, place: Layout, states: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Type, first and last group of each chunk of about that many states."""
    kind, first, last = [], [], []
    for k, entry in enumerate(found):
        step = max(1, states // (max(1, entry.n, entry.m) * place.lanes))
        step = min(step, max(1, place.groups[k] // 16))  # enough chunks to share among threads
        step = -(-place.groups[k] // (-(-place.groups[k] // step)))  # of nearly equal size
        begin = np.arange(0, place.groups[k], step)
        kind.append(np.full(len(begin), k))
        first.append(begin)
        last.append(np.minimum(begin + step, place.groups[k]))
    return tuple(np.concatenate(part).astype(np.int64) for part in (kind, first, last))


def _chunk_rows(begin: tuple[int, ...], sizes: list[int], kind, first, last, lanes: int) -> ChunkRows:
    """The rows of each chunk, where a circuit of type k has ``sizes[k]`` of them and those of the type begin there."""
    width = np.array(sizes)[kind] * lanes
    return ChunkRows(np.array(begin)[kind] + first * width, (last - first) * width)


def _rows(c: Couplings) -> Rows:
    return Rows(**{name: getattr(c, name).ctypes.data for name, _ in Rows._fields_})


def _numbers(values: np.ndarray, places: np.ndarray, width: int, lanes: int, dtype) -> np.ndarray:
    """Numbers at their places, or one vector of them if they are all the same: that much less to read in every step."""
    values = np.asarray(values, dtype)
    if values.ndim == 1 and len(values) and (values == values[0]).all():
        return np.full(lanes, values[0], dtype)
    return _placed(values, places, width, dtype)


def _placed(values: np.ndarray, places: np.ndarray, width: int, dtype) -> np.ndarray:
    out = memory.zeros((*values.shape[:-1], width), dtype)
    out[..., places] = values
    return out
