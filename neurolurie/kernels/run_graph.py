"""Running the kernel of a network of circuits: the network lowered to arrays once, ``struct Graph`` from them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

from neurolurie.kernels import circuits, compiler, graph, memory
from neurolurie.kernels.circuits import ChunkRows, Couplings, Layout
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.graph import GraphDescription
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.lurie import LurieNetwork

CHUNK = 4096  # states whose couplings are gathered before they are used
LINE = 128  # bytes that threads must not share: two cache lines, which are fetched in pairs
WORTH = 30_000  # products of a step for which one more thread pays

_POINTER, _COUNT, _WORD = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64


class Rows(ctypes.Structure):
    """``struct Rows`` of ``cpp/graph.hpp``."""

    _fields_ = [(name, _POINTER) for name in ("chunk", "slice", "target", "index", "value", "clear")]


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
    kind, first, last = _chunks(found, place)
    chunk_rows = [
        _chunk_rows(begin, sizes, kind, first, last, lanes)
        for begin, sizes in ((place.begin_p, [t.m for t in types]), (place.begin_x, [t.n for t in types]))
    ]
    row, column, value = splits["C"].rest
    into_y = circuits.couplings(
        place.image_place[row], place.width_p + place.state_place[column], value,
        chunk_rows[0], lanes, dtype,
    )  # fmt: skip
    rests = [splits["A"].rest, splits["B"].rest]
    sources = [place.width_p + place.state_place[rests[0][1]], place.image_place[rests[1][1]]]
    into_x = circuits.couplings(
        place.state_place[np.concatenate([rest[0] for rest in rests])], np.concatenate(sources),
        np.concatenate([rest[2] for rest in rests]),
        chunk_rows[1], lanes, dtype,
    )  # fmt: skip
    coupled = {"y": len(row), "x": sum(len(rest[0]) for rest in rests), "p": len(rests[1][0])}
    coupled["states"] = len(row) + len(rests[0][0])
    description = GraphDescription(types, tableau, dtype, noise, frozenset(name for name in coupled if coupled[name]))
    inside = sum(len(numbers) * numbers.shape[1] for part in splits.values() for _, numbers in part.inside)
    products = inside + sum(len(part.rest[0]) for part in splits.values())
    # what comes from outside into a thread's chunk: its rows, one place for lanes without a row, whole cache lines
    rows = max(int(rows_of.count.max()) for rows_of in chunk_rows)
    window = -(-(rows + 1) * np.dtype(dtype).itemsize // LINE) * LINE // np.dtype(dtype).itemsize
    return Lowered(
        description, _library(description), place, matrices, into_y, into_x, kind, first, last, products, window
    )


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


def _chunks(found, place: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Type, first and last group of each chunk of about CHUNK states."""
    kind, first, last = [], [], []
    for k, entry in enumerate(found):
        step = max(1, CHUNK // (max(1, entry.n, entry.m) * place.lanes))
        step = min(step, max(1, place.groups[k] // 16))  # enough chunks to share among threads
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
