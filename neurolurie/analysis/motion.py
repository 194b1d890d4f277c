"""Whether and when trajectories come to rest, and how they move if they do not."""

from __future__ import annotations

import numpy as np

from neurolurie.network.lurie import LurieNetwork

# A state counts as at rest when it moves by less than this share of a unit in one time constant.
REST = 1e-3


def time_constant(network: LurieNetwork) -> float:
    """The slowest leak, ``1 / min |A_ii|`` over the states that have one, in seconds."""
    rates = np.abs(network.A.diagonal())
    return float(1.0 / rates[rates > 0].min()) if (rates > 0).any() else 1.0


def speeds(network: LurieNetwork, states: np.ndarray) -> np.ndarray:
    """``max_i |dx_i/dt|`` of every state (..., n), without input."""
    return np.abs(network.field(states)).max(axis=-1)


def settling_times(times: np.ndarray, speed: np.ndarray, threshold: float) -> np.ndarray:
    """For every trial the first time after which its speed (trials, times) stays below the threshold; inf if never.

    >>> settling_times(np.arange(4.0), np.array([[9.0, 0.1, 0.1, 0.1], [0.1, 9.0, 0.1, 9.0]]), 1.0)
    array([ 1., inf])
    """
    quiet = np.logical_and.accumulate((speed < threshold)[:, ::-1], axis=1)[:, ::-1]
    return np.where(quiet[:, -1], times[quiet.argmax(axis=1)], np.inf)


def amplitude(signal: np.ndarray) -> np.ndarray:
    """Half the distance between the highest and the lowest value along the last axis."""
    return (signal.max(axis=-1) - signal.min(axis=-1)) / 2.0


def period(times: np.ndarray, signal: np.ndarray) -> float:
    """Mean time between upward crossings of the middle of the signal; nan with fewer than two crossings.

    >>> t = np.linspace(0, 20, 4001)
    >>> round(period(t, np.sin(2 * np.pi * t / 3.0)), 6)
    3.0
    """
    centred = signal - (signal.max() + signal.min()) / 2.0
    up = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    if len(up) < 2:
        return float("nan")
    share = -centred[up] / (centred[up + 1] - centred[up])
    crossings = times[up] + share * (times[up + 1] - times[up])
    return float(np.diff(crossings).mean())


def distinct(points: np.ndarray, tolerance: float) -> np.ndarray:
    """Representatives of groups of points (count, n) that lie within ``tolerance`` of one another, in order."""
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.abs(point - other).max() > tolerance for other in kept):
            kept.append(point)
    return np.array(kept).reshape(len(kept), points.shape[1])
