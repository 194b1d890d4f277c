"""Decisions: psychometric functions, and the optimal integrator that a decision circuit must be held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from neurolurie.simulation.noise import normals

CHUNK = 50  # steps whose random numbers are held in memory at once


@dataclass(frozen=True)
class Psychometric:
    """``P(right | c) = Phi(slope (c - bias))``, fitted by maximum likelihood: slope per unit of coherence."""

    slope: float
    slope_error: float
    bias: float

    def __call__(self, coherence: np.ndarray) -> np.ndarray:
        return special.ndtr(self.slope * (np.asarray(coherence) - self.bias))


def fit_psychometric(coherence: np.ndarray, right: np.ndarray) -> Psychometric:
    """The fit over trials; ``slope_error`` is the standard error from the curvature of the likelihood.

    >>> c = np.repeat([-1.0, 0.0, 1.0], 1000)
    >>> share = special.ndtr(1.5 * c)
    >>> right = np.concatenate([np.arange(1000) < 1000 * p for p in share[::1000]])
    >>> round(fit_psychometric(c, right).slope, 2)
    1.5
    """
    sign = np.where(right, 1.0, -1.0)

    def loss(p: np.ndarray) -> float:
        return -special.log_ndtr(sign * (p[0] * coherence + p[1])).sum()

    scale = 1.0 / max(float(np.abs(coherence).max()), 1e-12)
    found = optimize.minimize(loss, [scale, 0.0], method="Nelder-Mead", options={"xatol": 1e-6 * scale, "fatol": 1e-8})
    slope, offset = found.x
    step = 1e-3 * max(abs(slope), scale)
    ends = [loss(np.array([slope + way * step, offset])) for way in (-1.0, 1.0)]
    curvature = max((ends[0] + ends[1] - 2.0 * found.fun) / step**2, 1e-12)
    return Psychometric(float(slope), float(curvature**-0.5), float(-offset / slope) if slope else 0.0)


def first_crossing(times: np.ndarray, signal: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every trial (trials, times): the sign of the signal when its size first reaches the threshold, and that time.

    A trial that never does is decided by its last sign, at time inf.

    >>> first_crossing(np.arange(3.0), np.array([[0.0, -2.0, 5.0], [0.0, 0.1, 0.2]]), 1.0)
    (array([-1.,  1.]), array([ 1., inf]))
    """
    beyond = np.abs(signal) >= threshold
    crossed, place = beyond.any(axis=1), beyond.argmax(axis=1)
    place = np.where(crossed, place, signal.shape[1] - 1)
    return np.sign(signal[np.arange(len(signal)), place]), np.where(crossed, times[place], np.inf)


def integrated_evidence(
    drift: np.ndarray, sigma: np.ndarray, states: range, seed: int, stream: int, steps: int, dt: float, every: int
) -> np.ndarray:
    """The integral of the evidence that the circuit saw, the same noise included: (trials, steps // every + 1).

    ``drift`` (trials, 2) is what flows into the two pools per second, ``sigma`` (2,) the noise on ``states``; the
    evidence is the first pool's minus the second's, weighed as the likelihood ratio weighs them when both are alike.
    """
    total = np.zeros((len(drift), steps // every + 1))
    now = np.zeros(len(drift))
    chunk = every * max(1, CHUNK // every)
    for begin in range(0, steps - steps % every, chunk):
        stop = min(begin + chunk, steps - steps % every)
        z = normals(seed, stream, range(begin, stop), range(len(drift)), states)
        steps_in = dt * (drift[:, 0] - drift[:, 1]) + np.sqrt(dt) * (z * sigma) @ np.array([1.0, -1.0])
        path = now + np.cumsum(steps_in, axis=0)
        total[:, begin // every + 1 : stop // every + 1] = path[every - 1 :: every].T
        now = path[-1]
    return total


def bound_for_mean_time(times: np.ndarray, evidence: np.ndarray, mean_time: float) -> float:
    """The bound at which an integrator with that evidence (trials, times) decides in that mean time (undecided trials
    count with the last time): the fastest rule for its accuracy is a bound on the evidence (Wald 1945)."""

    def gap(bound: float) -> float:
        when = first_crossing(times, evidence, bound)[1]
        return float(np.minimum(when, times[-1]).mean()) - mean_time

    highest = float(np.abs(evidence).max())
    return optimize.brentq(gap, 0.0, highest, xtol=1e-6 * highest) if gap(highest) > 0 else highest
