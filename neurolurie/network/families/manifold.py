"""A circuit whose slow directions are those in which its training patterns vary: it completes and cleans what it "
"sees."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import count, number, positive
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.storage import require_patterns


def slow_manifold(
    patterns=200,
    dimensions: int = 8,
    noise: float = 0.3,
    low: float = 0.0,
    high: float = 1.0,
    wall: float = 5.0,
    time_constant: float = 0.01,
    units: int | None = None,
    seed: int = 0,
) -> LurieNetwork:
    """``tau dx/dt = -e S^-1 (x - mu) + (e / noise^2) gate(s - x) - wall (x - clip(x, low, high))``.

    mu and S are the mean and the covariance of ``patterns`` (count, units), S with its ``dimensions`` largest principal
    components kept and all others replaced by their mean variance e (Tipping & Bishop 1999). On its own the
    circuit is slow along the kept components, at the rates ``e / (tau variance)``, and decays with tau across them. The
    retina s holds what is seen, the attention h is 0 where a pixel is seen and 1 where it is hidden, and

        ``gate(s - x) = relu(s - x - 4 r h) - relu(x - s - 4 r h)``, r = high - low,

    is s - x for a seen pixel and 0 for a hidden one. Without the last term, the wall, the equilibrium is the
    conditional mean of a Gaussian with mean mu and covariance S, given the seen pixels with noise of standard
    deviation ``noise``: the linear minimum mean-square estimate. The wall keeps pixels in their range. The whole
    descends a strictly convex energy, so there is one equilibrium for every image seen.

    States: estimate x, retina s and attention h, ``units`` each; s and h stay what they start as. ``patterns`` may be a
    number of random ones near a subspace of ``dimensions``, drawn by ``seed`` over ``units`` units (16 unless given).

    >>> net = slow_manifold(dimensions=2, units=6)
    >>> net.n, list(net.parts)
    (18, ['estimate', 'retina', 'attention'])
    """
    low, span = number("low", low), number("high", high) - number("low", low)
    if span <= 0:
        raise SpecError(f"high must lie above low, got {low} and {high}.")
    kept = count("dimensions", dimensions)
    if isinstance(patterns, Integral) and not isinstance(patterns, bool):
        rng = np.random.default_rng(count("seed", seed, least=0))
        size = count("units", 16 if units is None else units)
        mixed = rng.normal(size=(count("patterns", patterns, least=2), kept)) @ rng.normal(size=(kept, size))
        patterns = low + span * (0.5 + 0.15 * (mixed + 0.1 * rng.normal(size=mixed.shape)) / np.sqrt(kept))
    patterns = require_patterns(patterns)
    size = patterns.shape[1]
    if units is not None and units != size:
        raise SpecError(f"units is {units}, the patterns have {size}.")
    if kept >= size:
        raise SpecError(f"dimensions must be below the number of units, {size}, got {kept}.")
    mean, precision, across = fitted_precision(patterns, kept)
    rate, drive = 1.0 / positive("time_constant", time_constant), across / positive("noise", noise) ** 2
    wall, eye, zero = number("wall", wall), np.eye(size), np.zeros((size, size))
    A = np.zeros((3 * size, 3 * size))
    A[:size, :size] = -rate * (across * precision + wall * eye)
    B = np.zeros((3 * size, 3 * size))
    B[:size] = rate * np.hstack([drive * eye, -drive * eye, wall * span * eye])
    hidden = 4.0 * span * eye
    C = np.block([[-eye, eye, -hidden], [eye, -eye, -hidden], [eye / span, zero, zero]])
    return LurieNetwork(
        A=A, B=B, C=C, bx=rate * np.concatenate([across * precision @ mean + wall * low, np.zeros(2 * size)]),
        by=np.repeat([0.0, 0.0, -low / span], size), phi=["relu"] * (2 * size) + ["saturating-linear"] * size,
        parts={
            "estimate": Part(slice(0, size), slice(0, 3 * size)),
            "retina": Part(slice(size, 2 * size), slice(3 * size, 3 * size)),
            "attention": Part(slice(2 * size, 3 * size), slice(3 * size, 3 * size)),
        },
        states=tuple(f"{name}{i + 1}" for name in ("x", "s", "h") for i in range(size)),
    )  # fmt: skip


def fitted_precision(patterns: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, inverse covariance and mean variance across the ``kept`` principal components of patterns (count, "
    "units)."""
    mean = patterns.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(patterns.T, bias=True))
    variances, directions = variances[::-1], directions[:, ::-1]
    across = float(variances[kept:].mean())
    if across <= 0 or variances[kept - 1] <= across:
        raise SpecError(f"the patterns vary in fewer than {kept} directions, or in no others; choose other dimensions.")
    kept_directions = directions[:, :kept]
    precision = (np.eye(len(mean)) + (kept_directions * (across / variances[:kept] - 1.0)) @ kept_directions.T) / across
    return mean, precision, across
