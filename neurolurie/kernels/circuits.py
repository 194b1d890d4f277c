"""From matrices and parts to circuits that share lanes: what is inside a circuit, what couples circuits, where all is.

Places: the states of type k begin at ``x``, then ``(group n + i) W + lane``; preactivations likewise. A source of
couplings is a place in the vector [P | X].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from neurolurie.kernels import memory
from neurolurie.kernels.graph import CircuitType
from neurolurie.network.lurie import LurieNetwork

COMMON = 0.25  # an entry is written out if at least this share of a type's circuits has it
INSIDE = 600  # products within one circuit up to which they are written out
TYPES = 12  # more types than that are not worth their code


@dataclass(frozen=True)
class Members:
    """The circuits of one type: the first state and the first preactivation of each."""

    n: int
    m: int
    states: np.ndarray
    preactivations: np.ndarray


@dataclass(frozen=True)
class Layout:
    """Where everything lies: places of states and preactivations, and for each type its beginning and its groups."""

    lanes: int
    state_place: np.ndarray
    image_place: np.ndarray
    width_x: int
    width_p: int
    groups: tuple[int, ...]
    begin_x: tuple[int, ...]
    begin_p: tuple[int, ...]


def members(network: LurieNetwork) -> list[Members]:
    """The network's parts by type; single states where the parts are no cover, too large or of too many types."""
    parts = list(network.parts.values())
    spans = np.array(
        [(p.states.start, p.states.stop, p.preactivations.start, p.preactivations.stop) for p in parts], np.int64
    ).reshape(-1, 4)
    n, m = spans[:, 1] - spans[:, 0], spans[:, 3] - spans[:, 2]
    covers = _covers(spans[:, 0], n, network.n) and _covers(spans[:, 2], m, network.m)
    if not covers or (n * n + 2 * n * m).max() > INSIDE:
        return _units(network)
    index = network.phi.index
    kinds: dict[tuple, list[int]] = {}
    for place, (_, _, first, stop) in enumerate(spans.tolist()):
        kinds.setdefault((int(n[place]), stop - first, index[first:stop].tobytes()), []).append(place)
    if len(kinds) > TYPES:
        return _units(network)
    return [Members(key[0], key[1], spans[places, 0], spans[places, 2]) for key, places in kinds.items()]


def _units(network: LurieNetwork) -> list[Members]:
    """State i with preactivation i, by nonlinearity; what is left of the longer side on its own."""
    both = min(network.n, network.m)
    index = network.phi.index
    found = []
    for kind in np.unique(index):
        places = np.flatnonzero(index == kind)
        found += [Members(1, 1, places[places < both], places[places < both])]
        found += [Members(0, 1, np.zeros(np.count_nonzero(places >= both), np.int64), places[places >= both])]
    left = np.arange(both, network.n)
    found += [Members(1, 0, left, np.zeros(len(left), np.int64))]
    return [entry for entry in found if len(entry.states)]


def layout(found: list[Members], network: LurieNetwork, lanes: int) -> Layout:
    """Places for all states and preactivations."""
    state_place, image_place = np.full(network.n, -1, np.int64), np.full(network.m, -1, np.int64)
    x = p = 0
    groups, begin_x, begin_p = [], [], []
    for entry in found:
        count = -(-len(entry.states) // lanes)
        group, lane = np.divmod(np.arange(len(entry.states)), lanes)
        begin_x.append(x)
        begin_p.append(p)
        groups.append(count)
        for i in range(entry.n):
            state_place[entry.states + i] = x + (group * entry.n + i) * lanes + lane
        for j in range(entry.m):
            image_place[entry.preactivations + j] = p + (group * entry.m + j) * lanes + lane
        x, p = x + count * entry.n * lanes, p + count * entry.m * lanes
    return Layout(lanes, state_place, image_place, x, p, tuple(groups), tuple(begin_x), tuple(begin_p))


@dataclass(frozen=True)
class Split:
    """One matrix: per type the (row, column) written out and their numbers [entry][circuit]; the rest as triplets."""

    inside: list[tuple[list[tuple[int, int]], np.ndarray]]
    rest: tuple[np.ndarray, np.ndarray, np.ndarray]


def split(matrix, found: list[Members], rows: str, columns: str) -> Split:
    """``rows`` and ``columns`` say whether they are "states" or "preactivations"."""
    entries = sparse.coo_array(matrix)
    row, column = (axis.astype(np.int64) for axis in entries.coords)
    value = entries.data
    there = value != 0.0
    row, column, value = row[there], column[there], value[there]
    row_owner, row_local = _owners(found, rows, matrix.shape[0])
    column_owner, column_local = _owners(found, columns, matrix.shape[1])
    same = row_owner[row] == column_owner[column]
    left = ~same
    circuit, i, j = row_owner[row], row_local[row], column_local[column]
    inside, first = [], 0
    for entry in found:
        count = len(entry.states)
        height, width = (entry.n if side == "states" else entry.m for side in (rows, columns))
        mine = np.flatnonzero(same & (circuit >= first) & (circuit < first + count))
        cell = i[mine] * max(width, 1) + j[mine]
        common = np.flatnonzero(np.bincount(cell, minlength=height * width) >= max(1, COMMON * count))
        slot = np.full(max(1, height * width), -1)
        slot[common] = np.arange(len(common))
        kept = slot[cell] >= 0
        numbers = np.zeros((len(common), count))
        # duplicate triplets of a COO matrix add up
        np.add.at(numbers, (slot[cell[kept]], circuit[mine[kept]] - first), value[mine[kept]])
        left[mine[~kept]] = True
        inside.append(([(int(c) // width, int(c) % width) for c in common], numbers))
        first += count
    return Split(inside, (row[left], column[left], value[left]))


def circuit_type(entry: Members, place: int, kinds: tuple[str, ...], splits: dict[str, Split]) -> CircuitType:
    """The code of a type of circuits."""
    inside = {name: splits[name].inside[place] for name in "ABC"}
    equal = frozenset(name for name, (_, numbers) in inside.items() if (numbers == numbers[:, :1]).all())
    return CircuitType(
        entry.n, entry.m, kinds, **{name: tuple(found) for name, (found, _) in inside.items()}, equal=equal
    )


def packed(numbers: np.ndarray, groups: int, lanes: int, equal: bool, dtype: str) -> np.ndarray:
    """[entry][circuit] as [group][entry][lane], or one number for each entry if all circuits are equal."""
    if equal:
        return np.ascontiguousarray(numbers[:, 0], dtype)
    whole = np.zeros((len(numbers), groups * lanes), dtype)
    whole[:, : numbers.shape[1]] = numbers
    out = memory.empty((groups, len(numbers), lanes), dtype)
    out[:] = whole.reshape(len(numbers), groups, lanes).transpose(1, 0, 2)
    return out


def _covers(start: np.ndarray, length: np.ndarray, total: int) -> bool:
    """Whether the spans follow each other without gap or overlap, in some order, and cover 0..total."""
    order = np.lexsort((length, start))
    ends = np.cumsum(length[order])
    return len(start) > 0 and ends[-1] == total and bool((start[order] == ends - length[order]).all())


def _owners(found: list[Members], side: str, total: int) -> tuple[np.ndarray, np.ndarray]:
    """For each state or preactivation: its circuit, counted through all types, and its number within it."""
    owner, local = np.full(total, -1, np.int64), np.zeros(total, np.int64)
    first = 0
    for entry in found:
        start = getattr(entry, side)
        for i in range(entry.n if side == "states" else entry.m):
            owner[start + i] = first + np.arange(len(start))
            local[start + i] = i
        first += len(start)
    return owner, local
