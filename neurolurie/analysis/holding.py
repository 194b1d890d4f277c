"""Holding a value: the slow mode of a circuit, what noise does along it, and how long the value is good for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BOOTSTRAPS = 400
# Var counts as linear in t if the intervals of its exponent and of its bend reach into these.
EXPONENTS, BENDS = (0.9, 1.1), (0.75, 1.33)


def ring_angle(x: np.ndarray) -> np.ndarray:
    """The angle of ``sum_i x_i exp(2 pi i sqrt(-1) / N)`` for states (..., N) of a ring, in radians.

    >>> float(np.round(ring_angle(np.cos(2 * np.pi * np.arange(8) / 8 - 1.25)), 12))
    1.25
    """
    theta = 2.0 * np.pi * np.arange(x.shape[-1]) / x.shape[-1]
    return np.angle(x @ np.exp(1j * theta))


@dataclass(frozen=True)
class SlowMode:
    """The eigenvalue (1/s) nearest to zero, and the adjoint vector psi with ``psi . d xbar / d theta = 1``."""

    eigenvalue: float
    psi: np.ndarray

    def diffusion(self, sigma: np.ndarray) -> float:
        """``sum_i sigma_i^2 psi_i^2 / 2``: noise on the states makes the value diffuse by so much, in value^2/s."""
        return float((np.asarray(sigma) ** 2 * self.psi**2).sum() / 2.0)


def slow_mode(jacobian: np.ndarray, x: np.ndarray, decode: Callable[[np.ndarray], np.ndarray]) -> SlowMode:
    """The slow mode at the state x whose value is ``decode(x)``.

    The right null vector is the direction of xbar(theta), scaled so that the decoded value changes by one along it.

    >>> mode = slow_mode(np.array([[-1.0, 1.0], [1.0, -1.0]]), np.zeros(2), lambda x: x.mean(axis=-1))
    >>> np.round(mode.psi, 9).tolist(), round(abs(mode.eigenvalue), 9)
    ([0.5, 0.5], 0.0)
    """
    values, right = np.linalg.eig(jacobian)
    nearest = np.abs(values).argmin()
    adjoint_values, left = np.linalg.eig(jacobian.T)
    tangent, psi = right[:, nearest].real, left[:, np.abs(adjoint_values).argmin()].real
    step = 1e-5 * max(1.0, float(np.abs(x).max()))
    change = float(np.angle(np.exp(1j * (decode(x + step * tangent) - decode(x - step * tangent))))) / (2.0 * step)
    return SlowMode(float(values[nearest].real), psi * change / (psi @ tangent))


@dataclass(frozen=True)
class Diffusion:
    """Half the slope of ``Var(t)`` over trials, and whether Var is linear in t at all; each with an interval.

    ``exponent``: the slope of log Var against log t, 1 for diffusion. ``bend``: the slope of Var in the second half of
    the delay over that in the first, 1 for diffusion; a pinned value drifts and then stays, so both may differ.
    """

    per_s: float
    per_s_interval: tuple[float, float]
    exponent: float
    exponent_interval: tuple[float, float]
    bend: float
    bend_interval: tuple[float, float]

    @property
    def linear(self) -> bool:
        return _meets(self.exponent_interval, EXPONENTS) and _meets(self.bend_interval, BENDS)


def diffusion(times: np.ndarray, deviations: np.ndarray, rng: np.random.Generator) -> Diffusion:
    """From the deviations (trials, times) since time 0 of the delay; intervals (95 %) by resampling trials.

    The first tenth of the delay is left out: there fast noise in the reading is as large as the diffusion.
    """
    late = times >= 0.1 * times[-1]
    t, paths = times[late], deviations[:, late]
    half = len(t) // 2

    def fits(pick: np.ndarray) -> tuple[float, float, float]:
        variance = np.maximum(paths[pick].var(axis=0, ddof=1), 1e-300)
        first, second = (np.polyfit(t[part], variance[part], 1)[0] for part in (slice(half), slice(half, None)))
        exponent = np.polyfit(np.log(t), np.log(variance), 1)[0]
        return np.polyfit(t, variance, 1)[0] / 2.0, exponent, second / max(first, 1e-300)

    whole = fits(np.arange(len(paths)))
    picks = rng.integers(0, len(paths), (BOOTSTRAPS, len(paths)))
    low, high = np.quantile([fits(pick) for pick in picks], (0.025, 0.975), axis=0)
    parts = zip(whole, low, high, strict=True)
    return Diffusion(*(item for value, a, b in parts for item in (float(value), (float(a), float(b)))))


def horizon(times: np.ndarray, errors: np.ndarray, tolerance: float) -> tuple[float, bool]:
    """The first time at which the RMS error over trials (trials, times) passes the tolerance; (the last time, True)
    if it never does: the horizon is then censored, not reached.

    >>> horizon(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 0.1, 0.4]]), 0.2)
    (2.0, False)
    >>> horizon(np.array([0.0, 1.0, 2.0]), np.zeros((1, 3)), 0.2)
    (2.0, True)
    """
    beyond = np.sqrt((errors**2).mean(axis=0)) > tolerance
    return (float(times[beyond.argmax()]), False) if beyond.any() else (float(times[-1]), True)


def _meets(interval: tuple[float, float], allowed: tuple[float, float]) -> bool:
    return interval[0] <= allowed[1] and interval[1] >= allowed[0]
