"""Large arrays without the cost of page faults: huge pages where the system has them, and reuse of what was let go.

Touching 36 MB of fresh memory for the first time costs more than computing it; a program that simulates in a loop
gets the previous result's memory back as soon as nothing refers to that result any more.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import weakref

import numpy as np

HUGE = 2 << 20
KEEP = 512 << 20  # bytes held for reuse; more than that goes back to the system

# Python's default is a shared mapping, which gets no huge pages: a fresh 36 MB result took 36 ms instead of 9.
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}

_lock = threading.RLock()
_idle: list[mmap.mmap] = []


def empty(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An array of that shape, not initialised, aligned to 64 bytes.

    >>> empty((3, 4), "float32").shape
    (3, 4)
    """
    count = int(np.prod(shape, dtype=np.int64))
    dtype = np.dtype(dtype)
    size = count * dtype.itemsize
    if size < HUGE:
        raw = np.empty(size + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + size].view(dtype).reshape(shape)
    block = _take(size)
    owner = (ctypes.c_char * len(block)).from_buffer(block)
    weakref.finalize(owner, _give_back, block).atexit = False
    start = -ctypes.addressof(owner) % HUGE
    return np.frombuffer(owner, dtype=dtype, count=count, offset=start).reshape(shape)


def zeros(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An array of zeros, on huge pages if it is large: random access to it then misses fewer address translations."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def release() -> None:
    """Give the memory that is held for reuse back to the system."""
    with _lock:
        _idle.clear()


def _take(size: int) -> mmap.mmap:
    need = -(-size // HUGE) * HUGE + HUGE  # room to start at a huge page
    with _lock:
        fitting = [block for block in _idle if need <= len(block) <= 2 * need]
        if fitting:
            best = min(fitting, key=len)
            _idle[:] = [block for block in _idle if block is not best]
            return best
    block = mmap.mmap(-1, need, **_PRIVATE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            block.madvise(mmap.MADV_HUGEPAGE)
        except OSError:
            return block  # a kernel without huge pages: ordinary ones do
    return block


def _give_back(block: mmap.mmap) -> None:
    with _lock:
        if sum(map(len, _idle)) + len(block) <= KEEP:
            _idle.append(block)
