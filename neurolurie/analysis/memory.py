"""How close states are to stored patterns, and confidence intervals for rates."""

from __future__ import annotations

import numpy as np


def overlap(x: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """``m = sign(x) . xi / N`` of every state (..., N) with every pattern (count, N): shape (..., count).

    >>> overlap(np.array([0.3, -2.0, 0.1]), np.array([[1.0, -1.0, -1.0]]))
    array([0.33333333])
    """
    return np.sign(x) @ np.sign(patterns).T / patterns.shape[1]


def nearest(cues: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Number of the pattern nearest to every cue in Euclidean distance: the baseline a memory must be held against."""
    squared = (cues**2).sum(1)[:, None] - 2.0 * cues @ patterns.T + (patterns**2).sum(1)
    return squared.argmin(axis=1)


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's 95 % interval for a rate (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson_interval(190, 200)]
    [0.9104, 0.9726]
    """
    rate, scale = successes / trials, 1.0 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z * np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / scale
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
