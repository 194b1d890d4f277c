"""Which kernel runs a network: the one place that knows where each of them wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from neurolurie.kernels import run_dense, run_graph
from neurolurie.kernels.description import Description, Tableau, pattern
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

UNROLLED = 2500  # products of one step up to which every one of them is written out


@dataclass(frozen=True)
class Kernel:
    """A kernel ready to run: ``run(data, x0, plan)`` gives the recorded and the last states; ``code`` names it."""

    code: str
    run: Callable[[Data, np.ndarray, Plan], tuple[np.ndarray, np.ndarray]]


def kernel(network: LurieNetwork, data: Data, tableau: Tableau, dtype: str, trials: int) -> Kernel | None:
    """The kernel for that network, compiled."""
    noise = data.noise is not None
    description = small(network, tableau, dtype, noise)
    if description is None:
        if not network.is_sparse:
            return None
        lowered = run_graph.lower(network, tableau, dtype, noise)
        return Kernel("generated C++ kernel, circuits in lanes", partial(run_graph.run, lowered))
    run_dense.forward_library(description)
    return Kernel(
        "generated C++ kernel, trials in lanes, products written out",
        lambda data, x0, plan: run_dense.forward(description, dense_data(data), x0, plan),
    )


def unknown_kind(phi: Phi) -> str | None:
    """The first nonlinearity that the kernels have no code for (one of the user's own), or None."""
    return next((kind.name for kind in phi.kinds if NONLINEARITIES.get(kind.name) is not kind), None)


def small(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> Description | None:
    """The network as a small dense kernel, or None if it is too large to be written out."""
    if network.n > 256 or network.m > 256:
        return None
    description = Description(
        network.n, network.m, network.phi.names, tableau, dtype, noise,
        **{name: pattern(_dense(getattr(network, name))) for name in "ABC"},
    )  # fmt: skip
    return description if description.products <= UNROLLED else None


def dense_data(data: Data) -> Data:
    """The same numbers with dense matrices."""
    return replace(data, **{name: _dense(getattr(data, name)) for name in "ABCE"})


def _dense(matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix
