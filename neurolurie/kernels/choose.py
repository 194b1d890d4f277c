"""Which kernel runs a network: the one place that knows where each of them wins."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from neurolurie.kernels import dense, large, run_dense, run_graph
from neurolurie.kernels.description import Description, Tableau, pattern
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

LOOPED = 128  # states and preactivations up to which a dense network runs without BLAS
SPARSE = 0.1  # share of entries that are not zero, below which a network runs as circuits and couplings

_lowered: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to run: ``run(data, x0, plan)`` gives the recorded and the last states; ``code`` names it."""

    code: str
    run: Callable[[Data, np.ndarray, Plan], tuple[np.ndarray, np.ndarray]]


def kernel(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> Kernel:
    """The kernel for that network, compiled."""
    description = small(network, tableau, dtype, noise)
    if description is not None:
        run_dense.forward_library(description)
        return Kernel("generated C++ kernel, trials in lanes", partial(_run_small, description))
    if _density(network) < SPARSE:
        lowered = _lower(network, tableau, dtype, noise)
        return Kernel("generated C++ kernel, circuits in lanes", partial(run_graph.run, lowered))
    loop = large.describe(network.phi, tableau, dtype, noise)
    large.library(loop)
    return Kernel("generated C++ loop around BLAS", partial(large.run, loop, network.phi))


def unknown_kind(phi: Phi) -> str | None:
    """The first nonlinearity that the kernels have no code for (one of the user's own), or None."""
    return next((kind.name for kind in phi.kinds if NONLINEARITIES.get(kind.name) is not kind), None)


def small(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> Description | None:
    """The network as a kernel with trials in lanes, or None if it is too large, or too sparse, for one."""
    if network.n > 256 or network.m > 256:
        return None
    description = Description(
        network.n, network.m, network.phi.names, tableau, dtype, noise,
        **{name: pattern(_dense(getattr(network, name))) for name in "ABC"},
    )  # fmt: skip
    if description.products <= dense.WRITTEN_OUT:
        return description
    if max(network.n, network.m) > LOOPED or _density(network) < SPARSE:
        return None
    return replace(description, A=None, B=None, C=None)


def _run_small(description: Description, data: Data, x0: np.ndarray, plan: Plan):
    return run_dense.forward(description, filled(data), x0, plan)


def filled(data: Data) -> Data:
    """The same numbers with dense matrices."""
    return replace(data, **{name: _dense(getattr(data, name)) for name in "ABCE"})


def _lower(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> run_graph.Lowered:
    """The network lowered, kept as long as the network is, unless somebody wrote into its matrices."""
    known = _lowered.setdefault(network, {})
    key = (tableau, dtype, noise, _fingerprint(network))
    if key not in known:
        known.clear()
        known[key] = run_graph.lower(network, tableau, dtype, noise)
    return known[key]


def _fingerprint(network: LurieNetwork) -> tuple[int, ...]:
    arrays = []
    for matrix in (network.A, network.B, network.C):
        arrays += [matrix.data, matrix.indices, matrix.indptr] if sparse.issparse(matrix) else [matrix]
    return tuple(zlib.crc32(np.ascontiguousarray(array)) for array in arrays)


def _density(network: LurieNetwork) -> float:
    matrices = (network.A, network.B, network.C)
    entries = sum(m.count_nonzero() if sparse.issparse(m) else np.count_nonzero(m) for m in matrices)
    return entries / max(1, sum(m.shape[0] * m.shape[1] for m in matrices))


def _dense(matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix
