"""Large dense networks: the products by BLAS, called from a generated time loop without Python in between."""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import sparse

from neurolurie.kernels import compiler, memory
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.phi import Phi

SHARED = 4_000_000  # multiplications in one product from which BLAS may share it among threads
_POINTER, _COUNT, _WORD = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64


@dataclass(frozen=True)
class LargeDescription:
    """What the loop is generated from: which nonlinearities, solver, dtype, noise. Sizes are data."""

    kinds: tuple[str, ...]
    tableau: Tableau
    dtype: str
    noise: bool


class Large(ctypes.Structure):
    """``struct Large`` of ``cpp/blas.hpp``."""

    _fields_ = [
        *((name, _POINTER) for name in ("gemm", "A", "B", "C", "by", "size", "noise", "drive")),
        *((name, _COUNT) for name in ("drive_step", "drive_node", "diagonal")),
        ("spans", _POINTER),
        ("span_count", _COUNT),
        *((name, _POINTER) for name in ("x", "stage", "p", "rates", "out", "chosen")),
        *((name, _COUNT) for name in ("recorded", "n", "m", "trials", "steps", "every")),
        *((name, _WORD) for name in ("seed", "stream", "first_step")),
    ]


def describe(phi: Phi, tableau: Tableau, dtype: str, noise: bool) -> LargeDescription:
    """The description for a network with that phi."""
    return LargeDescription(tuple(kind.name for kind in phi.kinds), tableau, dtype, noise)


def source(d: LargeDescription) -> str:
    """The time loop. Exported: ``large(const Large*)``; see ``cpp/blas.hpp`` for its arguments."""
    t, count = d.tableau, len(d.tableau.nodes)
    braces = lambda numbers: "{" + ", ".join(map(str, numbers)) + "}"  # noqa: E731
    rows = braces(braces([repr(a) for a in (*row, *[0.0] * (count - len(row)))]) for row in t.stages)
    head = [f"#define REAL {'double' if d.dtype == 'float64' else 'float'}", f"#define NODES {count}"]
    head += [f"#define STAGES {rows}", f"#define WEIGHTS {braces(map(repr, t.weights))}"]
    head += [f"#define HALF_STEPS {braces(round(2 * node) for node in t.nodes)}", f"#define NOISE {int(d.noise)}"]
    cases = [f"    case {k}: return phi_{name.replace('-', '_')}(y);" for k, name in enumerate(d.kinds)]
    images = ["INLINE V image(int64_t kind, V y) {", "  switch (kind) {", *cases, "  }", "  return y;", "}"]
    parts = ["width", "vector", "functions", *(["philox"] if d.noise else [])]
    return "\n".join((*head, compiler.prelude(*parts), *images, compiler.prelude("blas")))


@cache
def library(description: LargeDescription) -> ctypes.CDLL:
    """The compiled loop."""
    found = compiler.load(source(description))
    found.large.argtypes, found.large.restype = [ctypes.POINTER(Large)], None
    return found


def run(description: LargeDescription, phi: Phi, data: Data, x0: np.ndarray, plan: Plan):
    """The recorded states (trials, rows, states), a strided view, and the last (trials, n)."""
    dtype, stages = description.dtype, len(description.tableau.nodes)
    trials, n = x0.shape
    m = data.B.shape[1]
    diagonal = _diagonal(data.A)
    chosen = None if plan.chosen is None else np.ascontiguousarray(plan.chosen, np.int64)
    recorded = n if chosen is None else len(chosen)
    out = memory.empty((plan.rows, trials, recorded), dtype)
    x = np.array(x0, dtype, order="C")
    spans = _spans(phi)
    arrays = {name: _ready(getattr(data, name), dtype) for name in ("B", "C", "by", "size")}
    arrays |= {
        "A": _ready(data.A if diagonal is None else diagonal, dtype), "spans": spans, "x": x, "stage": np.empty_like(x),
        "p": np.zeros((trials, max(m, 1)), dtype), "rates": np.zeros((stages, trials, n), dtype),
    }  # fmt: skip
    if data.noise is not None:
        arrays["noise"] = _ready(data.noise, dtype)
    if chosen is not None:
        arrays["chosen"] = chosen
    with _blas_threads(n * m * trials):
        for begin, end in plan.windows(data):
            drive = _ready(data.drive(begin, end), dtype)
            table = drive.ndim == 3
            call = Large(
                **{name: array.ctypes.data for name, array in arrays.items()},
                gemm=_gemm(dtype), drive=drive.ctypes.data, drive_step=3 * n * table, drive_node=n * table,
                diagonal=diagonal is not None, span_count=len(spans), out=out[plan.row(begin) :].ctypes.data,
                recorded=recorded, n=n, m=m, trials=trials, steps=end - begin, every=plan.every or 0, seed=data.seed,
                stream=data.stream, first_step=data.first_step + begin,
            )  # fmt: skip
            library(description).large(ctypes.byref(call))
            plan.report(end)
    return out.transpose(1, 0, 2), x


def _blas_threads(products: int) -> AbstractContextManager:
    """BLAS on one thread while a product is small: its threads meet several times a step, and on a machine that others
    use each meeting waits for a turn (measured at load 7 on two cores, 64 units, 200 trials: 0.3 s on one thread, 1.5
    to 2.8 s on two)."""
    return nullcontext() if products >= SHARED else _controller().limit(limits=1, user_api="blas")


@cache
def _controller():
    _gemm("float64")  # loads scipy's BLAS, so that the controller finds it
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _gemm(dtype: str) -> int:
    """The address of scipy's sgemm or dgemm."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["sgemm" if dtype == "float32" else "dgemm"]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


def _ready(array, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(array.toarray() if sparse.issparse(array) else array, dtype)


def _diagonal(A) -> np.ndarray | None:
    """The diagonal of A if there is nothing else in it."""
    diagonal = A.diagonal()
    entries = A.count_nonzero() if sparse.issparse(A) else np.count_nonzero(A)
    return diagonal if entries == np.count_nonzero(diagonal) else None


def _spans(phi: Phi) -> np.ndarray:
    """(kind, from, to) of each run of preactivations that share a nonlinearity."""
    if not phi.size:
        return np.zeros((0, 3), np.int64)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(phi.index)) + 1))
    ends = np.append(starts[1:], phi.size)
    return np.ascontiguousarray(np.stack([phi.index[starts], starts, ends], axis=1), np.int64)
