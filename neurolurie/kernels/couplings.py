"""Couplings between circuits as the kernel reads them: slices of rows in lanes, or tiles of sources and rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.kernels import memory

SOURCES = 1 << 16  # places that a tile's sources span: their indices fit 16 bits, their numbers a core's own cache


@dataclass(frozen=True)
class ChunkRows:
    """The rows that each chunk computes: the place of the first one, and their number."""

    first: np.ndarray
    count: np.ndarray

    def chunk(self, places: np.ndarray) -> np.ndarray:
        """From places to the chunks that compute them."""
        holds = np.flatnonzero(self.count)
        return holds[np.searchsorted(self.first[holds], places, side="right") - 1]


@dataclass(frozen=True)
class Couplings:
    """``struct Rows`` of ``cpp/slices.hpp`` and ``cpp/tiles.hpp``."""

    chunk: np.ndarray
    piece: np.ndarray
    source: np.ndarray
    target: np.ndarray
    index: np.ndarray
    value: np.ndarray
    clear: np.ndarray


def slices(place, source, value, rows_of: ChunkRows, lanes: int, dtype: str) -> Couplings:
    """Triplets (place of the row, source, value) as slices of ``lanes`` rows of nearly equal length, chunk by chunk."""
    if not len(place):
        return _none(len(rows_of.count), np.int32, dtype)
    order = np.lexsort((source, place))
    place, source, value = place[order], source[order], value[order]
    rows, start, length = np.unique(place, return_index=True, return_counts=True)
    chunk = rows_of.chunk(rows)
    by_length = np.lexsort((-length, chunk))
    rows, start, length, chunk = rows[by_length], start[by_length], length[by_length], chunk[by_length]
    in_chunk = np.bincount(chunk, minlength=len(rows_of.count))
    before = np.concatenate(([0], np.cumsum(in_chunk)))
    begins = np.concatenate(([0], np.cumsum(-(-in_chunk // lanes))))
    rank = np.arange(len(rows)) - before[chunk]
    mine, lane = begins[chunk] + rank // lanes, rank % lanes
    longest = np.zeros(begins[-1], np.int64)
    np.maximum.at(longest, mine, length)
    begin = np.concatenate(([0], np.cumsum(longest)))
    target = np.full((begins[-1], lanes), rows_of.count.max(), np.int32)  # lanes without a row: behind all rows
    target[mine, lane] = rows - rows_of.first[chunk]
    row_of = np.repeat(np.arange(len(rows)), length)
    within = np.arange(len(row_of)) - np.repeat(np.cumsum(length) - length, length)
    entry = np.repeat(start, length) + within
    at = (begin[mine[row_of]] + within) * lanes + lane[row_of]
    index, numbers = memory.zeros((begin[-1] * lanes,), np.int32), memory.zeros((begin[-1] * lanes,), dtype)
    index[at], numbers[at] = source[entry], value[entry]
    clear = np.where(in_chunk < rows_of.count, rows_of.count, 0)
    return Couplings(begins, begin, np.zeros(0, np.int64), target.ravel(), index, numbers, clear)


def tiles(place, source, value, rows_of: ChunkRows, dtype: str) -> Couplings:
    """Triplets (place of the row, source, value) as tiles of one chunk and SOURCES places, in the order of sources."""
    if not len(place):
        return _none(len(rows_of.count), np.uint16, dtype)
    chunk = rows_of.chunk(place)
    order = np.lexsort((place, source, chunk))
    place, source, value, chunk = (array[order] for array in (place, source, value, chunk))
    part = source // SOURCES
    new = np.flatnonzero((np.diff(chunk, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0))
    begins = np.searchsorted(chunk[new], np.arange(len(rows_of.count) + 1))
    target, index = (memory.empty(place.shape, np.uint16) for _ in range(2))
    numbers = memory.empty(place.shape, dtype)
    target[:], index[:], numbers[:] = place - rows_of.first[chunk], source - part * SOURCES, value
    return Couplings(begins, np.append(new, len(place)), part[new] * SOURCES, target, index, numbers, rows_of.count)


def _none(chunks: int, places, dtype: str) -> Couplings:
    nothing = [np.zeros(chunks + 1, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64)]
    nothing += [np.zeros(0, places), np.zeros(0, places), np.zeros(0, dtype)]
    return Couplings(*nothing, np.zeros(chunks, np.int64))
