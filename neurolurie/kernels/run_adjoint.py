"""Running the reverse sweep of a dense kernel: ``struct Back`` of ``cpp/adjoint.hpp`` from numpy arrays."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from neurolurie.kernels import compiler, dense
from neurolurie.kernels.description import Description

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_int64


class Back(ctypes.Structure):
    """``struct Back`` of ``cpp/adjoint.hpp``."""

    _fields_ = [
        *((name, _POINTER) for name in ("A", "B", "C", "by", "size", "drive", "saved")),
        *((name, _COUNT) for name in ("spacing", "pitch")),
        ("g", _POINTER),
        *((name, _COUNT) for name in ("g_trial", "g_row", "g_state", "every")),
        *((name, _POINTER) for name in ("sums", "x0")),
        *((name, _COUNT) for name in ("trials", "steps", "threads")),
    ]


@cache
def adjoint_library(description: Description) -> ctypes.CDLL:
    """The compiled reverse sweep for that description."""
    library = compiler.load(dense.adjoint_source(description))
    library.adjoint.argtypes, library.adjoint.restype = [ctypes.POINTER(Back)], None
    library.tiles.argtypes, library.tiles.restype = [_COUNT, _COUNT], _COUNT
    return library


def adjoint(
    description: Description,
    weights: dict[str, np.ndarray],
    saved: np.ndarray,
    spacing: int,
    g: np.ndarray,
    steps: int,
    every: int | None,
    threads: int,
) -> dict[str, np.ndarray]:
    """Gradients of A, B, C, bx, by, size and x0 (trials, n).

    weights : A, B, C, by, size and drive (that is bx), of the description's dtype and contiguous.
    saved : (trials, rows, n), the states at steps 0, spacing, 2 spacing, ..., with the memory layout of `forward`.
    g : (trials, rows, n), the gradient of the recorded states, in any layout.
    """
    library, d = adjoint_library(description), description
    trials, pitch = len(g), saved.strides[2] // saved.itemsize
    shapes = {"A": (d.n, d.n), "B": (d.n, d.m), "C": (d.m, d.n), "bx": (d.n,), "by": (d.m,), "size": (d.n,)}
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    sums = np.zeros((library.tiles(trials, threads), sum(sizes)))
    x0 = np.empty((d.n, pitch), d.dtype)
    back = Back(
        **{name: array.ctypes.data for name, array in weights.items()},
        saved=saved.ctypes.data, spacing=spacing, pitch=pitch, g=g.ctypes.data,
        g_trial=g.strides[0] // g.itemsize, g_row=g.strides[1] // g.itemsize, g_state=g.strides[2] // g.itemsize,
        every=every or 0, sums=sums.ctypes.data, x0=x0.ctypes.data, trials=trials, steps=steps, threads=threads,
    )  # fmt: skip
    library.adjoint(ctypes.byref(back))
    pieces = np.split(sums.sum(axis=0), np.cumsum(sizes)[:-1])
    found = {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
    return found | {"x0": x0.T[:trials]}
