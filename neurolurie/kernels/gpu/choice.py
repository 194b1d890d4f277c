"""Whether a network runs on the Triton kernels, and as what: the one place that knows their limits."""

from __future__ import annotations

from importlib.util import find_spec

from neurolurie.kernels.description import Description, Tableau, pattern
from neurolurie.kernels.gpu.text import WRITTEN
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

# Registers hold some four vectors of states in a Runge-Kutta step; a thread has 255, a float64 takes two.
MOST_STATES = {"float32": 32, "float64": 16}
MOST_IMAGES = 256


def reason_against(n: int, phi: Phi, dtype: str) -> str | None:
    """Why a network of n states does not run on the Triton kernels, or None if it does."""
    unknown = next((kind.name for kind in phi.kinds if NONLINEARITIES.get(kind.name) is not kind), None)
    if unknown:
        return f"the nonlinearity '{unknown}' is not one of the library's, the kernels have no code for it."
    if find_spec("triton") is None:
        return "the kernels for CUDA need triton, which is not installed."
    m, most = len(phi.names), MOST_STATES[dtype]
    if n > most or m > MOST_IMAGES:
        return (
            f"the kernels for CUDA take at most {most} states in {dtype} and {MOST_IMAGES} preactivations, "
            f"this network has {n} and {m}."
        )
    return None


def describe(network: LurieNetwork, tableau: Tableau, dtype: str, noise: bool) -> Description:
    """The network as the Triton generator sees it: patterns of zeros only where products are written out."""
    n, m = network.n, network.m
    zeros = {}
    if n * n + 2 * n * m <= WRITTEN:
        for name in "ABC":
            matrix = getattr(network, name)
            zeros[name] = pattern(matrix.toarray() if hasattr(matrix, "toarray") else matrix)
    return Description(n, m, network.phi.names, tableau, dtype, noise, **zeros)
