"""k-contraction at the corners of the slope box, in P = I, in metrics from the spectrum, and in an optimised metric.

``s_k(T J(D) T^-1)`` is convex in D, so its maximum over the box is at a corner: for a given metric the test is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurolurie.certificates import metrics
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import Finding

MOST_FREE = 16
CORNERS_AT_ONCE = 4096


def applies(box: SlopeBox, k: int) -> str | None:
    free = int((box.high > box.low).sum())
    if free > MOST_FREE:
        return f"{free} free slopes have too many corners (at most {MOST_FREE})"
    if 2**free * box.n**3 > 3e9:
        return f"{2**free} corners of {box.n} states take too long"
    return None


def search(box: SlopeBox, k: int) -> Iterator[Finding]:
    """P = I, the modal and two Lyapunov metrics, then the best of them improved by optimisation."""
    tried = []
    for name, T in metrics.candidates(box):
        margin = check(box, k, {"T": T})
        tried.append((margin, T))
        yield Finding(f"vertices, P = {name}", margin, {"kind": "vertices", "T": T})
    if box.n == 1 or k == box.n or (box.high > box.low).sum() > 12 or box.n > 40:
        return
    J = box.jacobian(box.vertices())
    starts = sorted(tried, key=lambda one: -one[0])[:2]
    for margin, T in starts:
        start = np.eye(box.n) if T is None else T
        T, value = metrics.optimise(J, start, k, until=-1e-3 * abs(margin))
        if -value > margin:
            yield Finding("vertices, optimised P", -value, {"kind": "vertices", "T": T})


def check(box: SlopeBox, k: int, witness) -> float:
    """``-max_D s_k(T J T^-1)`` over all corners (1/s)."""
    corners = box.vertices()
    highest = -np.inf
    for start in range(0, len(corners), CORNERS_AT_ONCE):
        J = box.jacobian(corners[start : start + CORNERS_AT_ONCE])
        highest = max(highest, float(metrics.worst(J, witness.get("T"), k).max()))
    return -highest
