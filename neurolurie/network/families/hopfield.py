"""Hopfield's continuous memory."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import count, number, positive
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.storage import require_patterns, store


def hopfield(
    patterns=3,
    units: int | None = None,
    storage: str = "pseudo-inverse",
    self_coupling: float | None = 0.0,
    gain: float = 3.0,
    time_constant: float = 0.01,
    bias: float = 0.0,
    phi: str = "tanh",
    seed: int = 0,
) -> LurieNetwork:
    """Hopfield's continuous memory: ``tau dx/dt = -x + W phi(gain x) + bias`` (Hopfield 1984).

    ``patterns`` is an array (count, units) of +-1, or a number of random ones drawn by ``seed`` over ``units`` units
    (64 unless given). W comes from the storage rule (hebbian, storkey, pseudo-inverse); ``self_coupling`` replaces its
    diagonal, None keeps it. ``time_constant`` in seconds.
    """
    if isinstance(patterns, Integral) and not isinstance(patterns, bool):
        if patterns < 1:
            raise SpecError(f"patterns must be at least 1, got {patterns}.")
        rng = np.random.default_rng(count("seed", seed, least=0))
        patterns = rng.choice([-1.0, 1.0], (patterns, count("units", 64 if units is None else units)))
    patterns = require_patterns(patterns)
    size = patterns.shape[1]
    if units is not None and units != size:
        raise SpecError(f"units is {units}, the patterns have {size}.")
    rate = 1.0 / positive("time_constant", time_constant)
    W = store(patterns, storage, None if self_coupling is None else number("self_coupling", self_coupling))
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * W, C=positive("gain", gain) * np.eye(size),
        bx=np.full(size, rate * number("bias", bias)), phi=phi,
    )  # fmt: skip
