"""falsify: look for a reachable state whose Jacobian's k largest real parts sum above zero (theory 0, F3).

Such a state refutes k-contraction in every constant metric and every norm on the compound, because in any metric P the
sum of the k largest eigenvalues of ``sym(P^1/2 J P^-1/2)`` is at least the sum of the k largest real parts of J.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.certificates.box import SlopeBox
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import Nonlinearity

MOST_STATES = 1500  # beyond this size dense eigenvalues take minutes


@dataclass(frozen=True, eq=False)
class Counterexample:
    """The worst state found: ``total`` is the sum of the k largest real parts of its Jacobian's eigenvalues (1/s)."""

    k: int
    state: np.ndarray
    total: float
    eigenvalues: np.ndarray

    @property
    def scale(self) -> float:
        """The size of the Jacobian's spectrum, against which ``total`` is small or not."""
        return float(np.abs(self.eigenvalues).max(initial=0.0))


def top_real_sums(J: np.ndarray) -> np.ndarray:
    """Sums of the k largest real parts of the eigenvalues, for every k; shape (..., n).

    >>> top_real_sums(np.array([[0.0, 1.0], [-1.0, -1.0]])).round(6)
    array([-0.5, -1. ])
    """
    values = np.linalg.eigvals(J).real
    return np.cumsum(np.sort(values, axis=-1)[..., ::-1], axis=-1)


def worst_slopes(box: SlopeBox, k: int, seed: int = 0, starts: int = 8) -> tuple[float, np.ndarray]:
    """Slopes in the box with a large sum of the k largest real parts: corners where few, and ascent from random ones.

    The sum's gradient is ``Re sum_{i<=k} (w_i^H b_j) (c_j v_i) / (w_i^H v_i)``; each step jumps to the corner it
    points at.
    """
    low, high = box.low, np.where(np.isfinite(box.high), box.high, np.maximum(box.low, 0) + 1e3)
    box = SlopeBox(box.A, box.B, box.C, np.where(np.isfinite(low), low, -1e3), high)
    rng = np.random.default_rng(seed)
    free = box.high > box.low
    if free.sum() <= (10 if box.n <= 8 else 4):
        slopes = box.vertices()
    else:
        coins = rng.random((starts, box.m)) < 0.5
        slopes = np.concatenate([box.high[None], box.low[None], box.middle[None], np.where(coins, box.high, box.low)])
    totals = _sums(box, slopes, k)
    best, value = slopes[totals.argmax()], totals.max()
    for place in np.argsort(totals)[::-1][: 1 + starts // 2]:
        d, here = slopes[place], totals[place]
        for _ in range(10):
            slope = _gradient(box, d, k)
            move = np.where(free, np.where(slope > 0, box.high, box.low), d)
            tries = np.stack([move, 0.5 * (d + move)])
            sums = _sums(box, tries, k)
            if sums.max() <= here + 1e-12 * abs(here):
                break
            d, here = tries[sums.argmax()], sums.max()
        if here > value:
            best, value = d, here
    return float(value), best


def _sums(box: SlopeBox, slopes: np.ndarray, k: int) -> np.ndarray:
    return np.concatenate(
        [top_real_sums(box.jacobian(slopes[i : i + 4096]))[:, k - 1] for i in range(0, len(slopes), 4096)]
    )


def _gradient(box: SlopeBox, d: np.ndarray, k: int) -> np.ndarray:
    values, right = np.linalg.eig(box.jacobian(d))
    top = np.argsort(values.real)[::-1][:k]
    try:
        left = np.linalg.inv(right)
    except np.linalg.LinAlgError:
        return np.zeros(box.m)
    return np.real(np.sum((left[top] @ box.B) * (box.C @ right[:, top]).T, axis=0))


def falsify(network: LurieNetwork, k: int, seed: int = 0, effort: int = 1) -> Counterexample | None:
    """The worst reachable state found for order k: from the worst slopes, random states and simulated trajectories.

    None for networks of more than 1500 states. ``total > 0`` refutes k-contraction (up to rounding: `certify` proves
    it).

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> round(falsify(net, 1).total, 6)
    0.5
    """
    if network.n > MOST_STATES:
        return None
    network = network.dense()
    states = [_realise(network, *one) for one in _targets(network, k, seed, 8 * effort)]
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(8 * effort, network.n)) * 10.0 ** rng.uniform(-2, 1, (8 * effort, 1))
    states = np.concatenate([np.array(states).reshape(-1, network.n), np.zeros((1, network.n)), spread])
    states = np.concatenate([states, *_wander(network, states[-min(len(states), 1 + 4 * effort) :])])
    states = states[_inside_domain(network, states)]
    if not len(states):
        return None
    J = np.stack([network.jacobian(x) for x in states])
    J, states = J[np.isfinite(J).all(axis=(1, 2))], states[np.isfinite(J).all(axis=(1, 2))]
    totals = top_real_sums(J)[:, k - 1]
    worst = int(totals.argmax())
    return Counterexample(k, states[worst], float(totals[worst]), np.linalg.eigvals(J[worst]))


def _targets(network, k, seed, starts):
    """Slopes worth reaching, as (slopes of all preactivations)."""
    low, high = network.phi.slope_range()
    used = network.B.any(axis=0) & network.C.any(axis=1)
    box = SlopeBox(network.A, network.B[:, used], network.C[used], low[used], high[used])
    full = np.where(np.isfinite(low), low, 0.0)
    for trial in range(2):
        slopes = full.copy()
        slopes[used] = worst_slopes(box, k, seed + trial, starts)[1]
        yield (slopes,)
    yield (np.where(np.isfinite(high), high, 1.0),)
    yield (full,)


def _realise(network: LurieNetwork, slopes: np.ndarray) -> np.ndarray:
    """A state whose preactivations have these slopes, as nearly as C allows."""
    y = np.empty(network.m)
    for place, kind in enumerate(network.phi.kinds):
        here = np.flatnonzero(network.phi.index == place)
        for j in here:
            y[j] = _where_slope(kind, float(slopes[j]), float(network.phi.domain[j]))
    wanted = y - network.by
    x = np.linalg.lstsq(network.C, wanted, rcond=None)[0]
    return x if np.isfinite(x).all() else np.zeros(network.n)


def _where_slope(kind: Nonlinearity, slope: float, domain: float) -> float:
    """A preactivation at which phi' is nearest to ``slope``: the smallest that comes close."""
    near = [0.0, *(at + side for at, _ in kind.turns for side in (-0.5, -1e-3, 0.0, 1e-3, 0.5))]
    size = np.concatenate([np.linspace(0.01, 10, 1000), 10.0 ** np.linspace(1, 8, 71)])
    grid = np.concatenate([near, size, -size])
    grid = grid[np.abs(grid) <= domain]
    kinks = [at for at, slopes in kind.turns if len(slopes) > 1]
    for at in kinks:
        grid = grid[grid != at]
    miss = np.abs(kind.derivative(grid) - slope)
    close = grid[miss <= miss.min() + 1e-15]
    return float(close[np.abs(close).argmin()])


def _wander(network: LurieNetwork, states: np.ndarray) -> list[np.ndarray]:
    """States along trajectories (Heun's method with a step the linear part allows)."""
    if network.n > 200:
        return []
    sizes = [np.abs(part).sum(axis=1).max(initial=0.0) for part in (network.A, network.B, network.C)]
    rate = sizes[0] + sizes[1] * sizes[2]
    step, seen, x = 0.3 / max(rate, 1e-12), [], states
    with np.errstate(all="ignore"):
        for turn in range(200):
            first = network.field(x)
            x = x + 0.5 * step * (first + network.field(x + step * first))
            if turn % 40 == 39:
                seen.append(x[np.isfinite(x).all(axis=1) & (np.abs(x).max(axis=1) < 1e6)])
    return seen


def _inside_domain(network: LurieNetwork, states: np.ndarray) -> np.ndarray:
    return (np.abs(network.preactivation(states)) <= network.phi.domain).all(axis=1)
