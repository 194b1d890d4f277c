"""Dense networks of middling size: products in loops with trials in lanes, beside the loop around BLAS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks import peers
from benchmarks.measure import clock
from neurolurie.kernels import choose
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.simulate import simulate

DT = 0.01


def loops_or_blas(sizes=(32, 64, 128), trials=(1, 8, 64, 512), dtype: str = "float32") -> dict[str, Callable]:
    """Seconds of one Euler step of each kernel: where one of them wins is where `choose.LOOPED` belongs."""
    found = {}
    for n in sizes:
        network = LurieNetwork(**peers.random_network(n))
        for count in trials:
            x0 = np.random.default_rng(1).normal(size=(count, n))
            steps = int(np.clip(5e7 / (n * n * max(count, 8)), 10, 4000))
            for name, limit in (("in loops", n), ("around BLAS", 0)):
                found[f"{n} states, {count} trials, {name}, {dtype}"] = _with_limit(limit, network, x0, steps, dtype)
    return found


def _with_limit(limit: int, network: LurieNetwork, x0: np.ndarray, steps: int, dtype: str) -> Callable[[], float]:
    def seconds():
        before, choose.LOOPED = choose.LOOPED, limit
        try:
            began = clock()
            simulate(network, x0, duration=steps * DT, dt=DT, dtype=dtype, record="final")
            return (clock() - began) / steps
        finally:
            choose.LOOPED = before

    return seconds
