"""Running a dense kernel: numpy arrays in, numpy arrays out, the structures of ``cpp/forward.hpp`` in between."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from neurolurie.kernels import compiler, dense, memory
from neurolurie.kernels.description import Description
from neurolurie.kernels.plan import Data, Plan

_POINTER, _COUNT, _WORD = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64
PAST = 16 << 20  # bytes from which a result is written past the caches: it would not stay there until it is read


class Run(ctypes.Structure):
    """``struct Run`` of ``cpp/forward.hpp``."""

    _fields_ = [
        *((name, _POINTER) for name in ("A", "B", "C", "by", "size", "noise", "drive")),
        *((name, _COUNT) for name in ("drive_step", "drive_node")),
        *((name, _POINTER) for name in ("x0", "out", "last", "chosen")),
        *((name, _COUNT) for name in ("recorded", "pitch", "trials", "steps", "every")),
        *((name, _WORD) for name in ("seed", "stream", "first_step")),
        *((name, _COUNT) for name in ("threads", "past")),
    ]


@cache
def forward_library(description: Description) -> ctypes.CDLL:
    """The compiled time loop for that description."""
    library = compiler.load(dense.forward_source(description))
    library.forward.argtypes, library.forward.restype = [ctypes.POINTER(Run)], None
    library.lanes.argtypes, library.lanes.restype = [], ctypes.c_int64
    return library


def forward(description: Description, data: Data, x0: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Run the kernel. Returns the recorded states (trials, rows, states), a strided view, and the last (trials, n)."""
    library, dtype = forward_library(description), description.dtype
    trials = len(x0)
    pitch = -(-trials // library.lanes()) * library.lanes()
    last = padded(x0, pitch, dtype)
    recorded = description.n if plan.chosen is None else len(plan.chosen)
    out = memory.empty((plan.rows, recorded, pitch), dtype)
    ready = lambda array, kind=dtype: np.ascontiguousarray(array, kind)  # noqa: E731
    arrays = {name: ready(getattr(data, name)) for name in ("A", "B", "C", "by", "size")}
    if description.noise:
        arrays["noise"] = ready(data.noise)
    if plan.chosen is not None:
        arrays["chosen"] = ready(plan.chosen, np.int64)
    for begin, end in plan.windows(data):
        drive = ready(data.drive(begin, end))
        table = drive.ndim == 3
        run = Run(
            **{name: array.ctypes.data for name, array in arrays.items()},
            drive=drive.ctypes.data, drive_step=3 * description.n * table, drive_node=description.n * table,
            x0=last.ctypes.data, last=last.ctypes.data, out=out[plan.row(begin) :].ctypes.data,
            recorded=recorded, pitch=pitch, trials=trials, steps=end - begin, every=plan.every or 0,
            seed=data.seed, stream=data.stream, first_step=data.first_step + begin, threads=plan.threads,
            past=int(out.nbytes > PAST),
        )  # fmt: skip
        library.forward(ctypes.byref(run))
        plan.report(end)
    return out.transpose(2, 0, 1)[:trials], last.T[:trials]


def padded(x: np.ndarray, pitch: int, dtype: str) -> np.ndarray:
    """``x`` (trials, n) as (n, pitch); lanes beyond the trials repeat the last, so they stay finite with it."""
    out = np.empty((x.shape[1], pitch), dtype)
    out[:, : len(x)] = x.T
    out[:, len(x) :] = x[-1][:, None]
    return out
