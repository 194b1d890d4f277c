"""Running a dense kernel: numpy arrays in, numpy arrays out, the structures of ``cpp/forward.hpp`` in between."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

from neurolurie.kernels import compiler, dense, memory
from neurolurie.kernels.description import Description

_POINTER, _COUNT, _WORD = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64


class Run(ctypes.Structure):
    """``struct Run`` of ``cpp/forward.hpp``."""

    _fields_ = [
        *((name, _POINTER) for name in ("A", "B", "C", "by", "size", "noise", "drive")),
        *((name, _COUNT) for name in ("drive_step", "drive_node")),
        *((name, _POINTER) for name in ("x0", "out", "last", "chosen")),
        *((name, _COUNT) for name in ("recorded", "pitch", "trials", "steps", "every")),
        *((name, _WORD) for name in ("seed", "stream", "first_step")),
        ("threads", _COUNT),
    ]


@dataclass(frozen=True)
class Data:
    """The numbers of a run. ``drive`` is bx, or ``bx + E u`` as (steps, 3, n); ``size`` the step of every state."""

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    by: np.ndarray
    size: np.ndarray
    drive: np.ndarray
    noise: np.ndarray | None = None
    seed: int = 0
    stream: int = 0
    first_step: int = 0


@cache
def forward_library(description: Description) -> ctypes.CDLL:
    """The compiled time loop for that description."""
    library = compiler.load(dense.forward_source(description))
    library.forward.argtypes, library.forward.restype = [ctypes.POINTER(Run)], None
    library.lanes.argtypes, library.lanes.restype = [], ctypes.c_int64
    return library


def lanes(trials: int, width: int) -> int:
    """Trials rounded up to whole vectors."""
    return -(-trials // width) * width


def padded(x: np.ndarray, pitch: int, dtype: str) -> np.ndarray:
    """``x`` (trials, n) as (n, pitch); the lanes beyond the trials repeat the last trial, so they stay finite with it."""
    out = np.empty((x.shape[1], pitch), dtype)
    out[:, : len(x)] = x.T
    out[:, len(x) :] = x[-1][:, None]
    return out


def forward(
    description: Description,
    data: Data,
    x0: np.ndarray,
    steps: int,
    every: int | None,
    chosen: np.ndarray | None,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the kernel. Returns the recorded states (trials, rows, states), a strided view, and the last (trials, n)."""
    library, dtype = forward_library(description), description.dtype
    trials = len(x0)
    pitch = lanes(trials, library.lanes())
    start = padded(x0, pitch, dtype)
    recorded = description.n if chosen is None else len(chosen)
    rows = 1 if every is None else 1 + -(-steps // every)
    out, last = memory.empty((rows, recorded, pitch), dtype), np.empty((description.n, pitch), dtype)
    ready = lambda array, kind=dtype: np.ascontiguousarray(array, kind)  # noqa: E731
    table = data.drive.ndim == 3
    arrays = {name: ready(getattr(data, name)) for name in ("A", "B", "C", "by", "size", "drive")}
    arrays |= {"x0": start, "out": out, "last": last}
    if description.noise:
        arrays["noise"] = ready(data.noise)
    if chosen is not None:
        arrays["chosen"] = ready(chosen, np.int64)
    run = Run(
        **{name: array.ctypes.data for name, array in arrays.items()},
        drive_step=3 * description.n if table else 0, drive_node=description.n if table else 0,
        recorded=recorded, pitch=pitch, trials=trials, steps=steps, every=every or 0,
        seed=data.seed, stream=data.stream, first_step=data.first_step, threads=threads,
    )  # fmt: skip
    library.forward(ctypes.byref(run))
    return out.transpose(2, 0, 1)[:trials], last.T[:trials]
