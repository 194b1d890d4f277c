"""A set around an equilibrium from which every run provably ends at that equilibrium.

**Core.** Box ``X = {low <= x <= high}`` with weights w > 0 and, over the slopes ``d`` that occur for x in X,

    M_ii = max_d J_ii,   M_ij = max_d |J_ij|,   J = A + B diag(d) C.

If ``M w <= -eta w`` with eta > 0, distances ``max_i |x_i - x'_i| / w_i`` shrink at rate eta while both runs stay in X
(X is convex). X is forward invariant if dx/dt points inwards on every face. Then X holds exactly one equilibrium and
everything in X ends there (Brouwer; theory 3, k = 1). The true equilibrium need not be known: it is within
``max_i |f_i(c)| / w_i / eta`` of any c in X.

**Layers.** Boxes X = X_0 in X_1 in ... in X_L. If, for x in X_l with x_i between high_i of X_(l-1) and high_i of X_l,
always ``f_i < 0``, and ``f_i > 0`` likewise below, then the smallest s with ``x in X_(l-1) + s (X_l - X_(l-1))``
falls at a positive speed, so every run in X_l enters X_(l-1) in finite time, and all of X_L belongs to the basin. On
a face, ``f_i`` is bounded by interval arithmetic or, around c in X, by the mean value theorem, whichever is better:

    f_i(x) <= f_i(c) + M_ii (x_i - c_i) + sum_{j != i} M_ij max(high_j - c_j, c_j - low_j).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork

SAFETY = 1 - 1e-3  # the core that is kept is a little smaller than the largest that passed
LAYER = 0.03  # relative growth from one layer to the next
MOST_LAYERS = 200


def equilibrium_near(network: LurieNetwork, x: np.ndarray, steps: int = 50) -> np.ndarray:
    """Newton's method from x, to rounding.

    Raises SpecError if it does not converge: the start is not near an equilibrium.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> equilibrium_near(net, np.full(3, 0.8)).round(6)
    array([0.790284, 0.790284, 0.790284])
    """
    x = np.array(x, float)
    if x.shape != (network.n,) or not np.isfinite(x).all():
        raise SpecError(f"an equilibrium is {network.n} finite numbers; got an array of shape {x.shape}.")
    for _ in range(steps):
        try:
            step = np.linalg.solve(network.jacobian(x), network.field(x))
        except np.linalg.LinAlgError:
            break
        x = x - min(1.0, 1.0 / max(np.abs(step).max(), 1e-300)) * step
        if np.abs(step).max() <= 1e-14 * (1 + np.abs(x).max()):
            break
    scale = np.abs(network.A).sum(axis=1).max() * (1 + np.abs(x).max()) + np.abs(network.B).sum(axis=1).max() + 1.0
    if not np.isfinite(x).all() or np.abs(network.field(x)).max() > 1e-9 * scale:
        raise SpecError("no equilibrium was found near the given state (Newton's method did not converge).")
    return x


def error_of(network: LurieNetwork, x: np.ndarray) -> np.ndarray:
    """``|dx/dt|`` at x and more than its rounding: over the rate of contraction, how far the true equilibrium is."""
    v = network.phi(network.preactivation(x))
    terms = np.abs(network.A) @ np.abs(x) + np.abs(network.B) @ (np.abs(v) + 1) + np.abs(network.bx)
    steep = np.abs(network.B) @ (np.abs(network.C) @ np.abs(x) + np.abs(network.by))
    return np.abs(network.field(x)) + 1e-13 * (terms + steep)


def majorant(network: LurieNetwork, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """``M`` of a box (1/s): entry by entry the exact bound for the slopes that can occur in it."""
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    y, reach = network.preactivation(centre), np.abs(network.C) @ half
    least, most = network.phi.slope_on(y - reach, y + reach)
    middle = network.jacobian_for(0.5 * (least + most))
    spread = (np.abs(network.B) * (0.5 * (most - least))) @ np.abs(network.C)
    M = np.abs(middle)
    np.fill_diagonal(M, middle.diagonal())
    return M + spread


@dataclass(frozen=True, eq=False)
class Box:
    """``low <= x <= high``."""

    low: np.ndarray
    high: np.ndarray


def inwards(network: LurieNetwork, centre: np.ndarray, inner: Box, outer: Box, M: np.ndarray | None) -> float:
    """The slowest speed at which a run in ``outer`` beyond a face of ``inner`` moves back (not positive: may not).

    With ``inner`` equal to ``outer``: how fast dx/dt points inwards on the faces. M, the majorant of the outer box,
    adds the mean-value bound; None leaves it out.
    """
    A, B, C = network.A, network.B, network.C
    diagonal = A.diagonal()
    middle, half = 0.5 * (outer.low + outer.high), 0.5 * (outer.high - outer.low)
    y, span = network.preactivation(middle), np.abs(C) @ half
    v, v_half = image(network, y, span)
    off = A - np.diag(diagonal)
    base = off @ middle + B @ v + network.bx
    wide = np.abs(off) @ half + np.abs(B) @ v_half
    down = -(np.maximum(diagonal * inner.high, diagonal * outer.high) + base + wide)
    up = np.minimum(diagonal * inner.low, diagonal * outer.low) + base - wide
    if M is not None:
        reach = np.maximum(outer.high - centre, centre - outer.low)
        rest, own = network.field(centre), M.diagonal()
        side = M @ reach - own * reach
        above, below = inner.high - centre, centre - inner.low
        far_above, far_below = outer.high - centre, centre - outer.low
        down = np.maximum(down, -(rest + np.maximum(own * above, own * far_above) + side))
        up = np.maximum(up, rest - np.maximum(own * below, own * far_below) - side)
    return float(min(down.min(), up.min()))


def image(network: LurieNetwork, y: np.ndarray, span: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half width of phi on ``y +- span``; exact where phi does not decrease."""
    least, most = network.phi.slope_on(y - span, y + span)
    low, high = network.phi(y - span), network.phi(y + span)
    steep = np.maximum(np.abs(least), np.abs(most)) * span
    rising = least >= 0
    return np.where(rising, 0.5 * (low + high), network.phi(y)), np.where(rising, 0.5 * (high - low), steep)


def check(network: LurieNetwork, centre: np.ndarray, box: Box, weights: np.ndarray) -> float:
    """The rate eta (1/s) that a core proves; not positive if it proves nothing."""
    M = majorant(network, box.low, box.high)
    eta = float(-((M @ weights) / weights).max())
    return eta if eta <= 0 or inwards(network, centre, box, box, M) > 0 else 0.0


def search(network: LurieNetwork, equilibrium: np.ndarray) -> dict | None:
    """The witness of a basin: its core with weights and rate, and its layers; None if there is no core.

    Sides on which phi gets flatter are pushed far out where the preactivations are single states: only the steep sides
    limit the basin. ``radius`` is that of the largest sup-norm ball about the true equilibrium inside it.
    """
    network = network.dense()
    centre = equilibrium_near(network, equilibrium)
    ones = np.ones(network.n)
    perron = _perron(majorant(network, centre, centre))
    tries = [(weights, flat) for weights in (ones, perron) for flat in _flat_sides(network, centre)]
    found = [core for weights, flat in tries if (core := _core(network, centre, weights, flat))]
    if not found:
        return None
    grown = [_grow(network, core) for core in found]
    best = max(grown, key=lambda witness: witness["radius"])
    return best


def _perron(M: np.ndarray) -> np.ndarray:
    """Positive weights w with ``M w`` about ``lambda w`` for the Metzler matrix M, largest weight 1."""
    shift = np.abs(M.diagonal()).max() + 1e-9
    w = np.ones(len(M))
    for _ in range(200):
        w = (M + shift * np.eye(len(M))) @ w + 1e-3 * shift * w.max()
        w /= w.max()
    return w


def _flat_sides(network: LurieNetwork, centre: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """How far the low and the high sides are pushed out: not at all, or, towards flatter phi, by several distances."""
    zero = np.zeros(network.n)
    pushes = [(zero, zero)]
    reads = np.abs(network.C)
    if network.n == network.m and not (reads - np.diag(reads.diagonal())).any() and network.phi.bounded:
        y, step = network.preactivation(centre), 1e-3
        flatter_up = network.phi.derivative(y + step) < network.phi.derivative(y - step)
        upwards = flatter_up == (network.C.diagonal() > 0)
        for far in (2.0, 8.0, 64.0):
            distance = far * (1 + np.abs(centre).max())
            pushes.append((np.where(upwards, 0.0, distance), np.where(upwards, distance, 0.0)))
    return pushes


def _sides(centre, weights, r, flat) -> Box:
    return Box(centre - np.maximum(r * weights, flat[0]), centre + np.maximum(r * weights, flat[1]))


def _core(network, centre, weights, flat) -> dict | None:
    """The largest core with these weights and flat sides."""
    works = lambda r: check(network, centre, _sides(centre, weights, r, flat), weights) > 0  # noqa: E731
    good = next((r for r in 10.0 ** np.arange(-8.0, 0.0) if works(r)), None)
    if good is None:
        return None
    bad = good
    while bad < 1e6:
        bad *= 2
        if not works(bad):
            break
        good = bad
    for _ in range(30):
        middle = 0.5 * (good + bad)
        good, bad = (middle, bad) if works(middle) else (good, middle)
    core = _sides(centre, weights, SAFETY * good, flat)
    rate = check(network, centre, core, weights)
    if rate <= 0:
        return None
    return {"centre": centre, "weights": weights, "size": SAFETY * good, "flat": flat, "core": core, "rate": rate}


def _grow(network, core) -> dict:
    """Layers around a core until a face no longer points inwards."""
    centre, weights, r, flat = (core[key] for key in ("centre", "weights", "size", "flat"))
    layers, inner = [core["core"]], core["core"]
    growth = LAYER
    while len(layers) < MOST_LAYERS and growth > LAYER / 50 and r < 1e6:
        outer = _sides(centre, weights, r * (1 + growth), flat)
        if inwards(network, centre, inner, outer, majorant(network, outer.low, outer.high)) > 0:
            layers.append(outer)
            inner, r = outer, r * (1 + growth)
        else:
            growth /= 2
    within = float(min((inner.high - centre).min(), (centre - inner.low).min()))
    away = float((error_of(network, centre) / weights).max() * weights.max() / core["rate"])  # of the true equilibrium
    return {
        "centre": centre,
        "weights": weights,
        "rate": core["rate"],
        "radius": within * (1 - 1e-12) - 3 * away,
        "layers": [{"low": layer.low, "high": layer.high} for layer in layers],
        "boxes": [{"low": inner.low, "high": inner.high}],
    }
