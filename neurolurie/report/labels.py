"""Words in a drawing of discs and arrows: made to fit into a disc, or put beside an arrow where they cover least.

Everything is in inches: the axes cover the figure, and one unit of theirs is one inch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from neurolurie.report.drawing import GREY, INK

SMALLEST = 5.5  # points; what is still too wide at this size is cut
SHARES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73)  # where along an arrow its words may stand, the best first


def extent(text) -> np.ndarray:
    """Width and height of a matplotlib text (inches)."""
    box = text.get_window_extent()
    return np.array([box.width, box.height]) / text.figure.dpi


def fit(axes, text: str, place: np.ndarray, width: float, points: float, **style):
    """The text, centred, in the largest size up to ``points`` in which it is no wider than ``width``, or else cut."""
    drawn = axes.text(*place, text, ha="center", va="center", fontsize=points, **style)
    while extent(drawn)[0] > width and drawn.get_fontsize() > SMALLEST:
        drawn.set_fontsize(max(drawn.get_fontsize() - 0.5, SMALLEST))
    while extent(drawn)[0] > width and len(text) > 1:
        text = text[:-1]
        drawn.set_text(f"{text}…")
    return drawn


def halves(name: str, longest: int) -> list[str]:
    """A long name in two lines, broken behind the sign ``_ - . /`` that is nearest to its middle.

    >>> halves("thalamus_relay_cells", 12), halves("gate", 12)
    (['thalamus_', 'relay_cells'], ['gate'])
    """
    cuts = [found.end() for found in re.finditer(r"[_\-./]", name[:-1])]
    if len(name) <= longest or not cuts:
        return [name]
    cut = min(cuts, key=lambda at: abs(at - len(name) / 2))
    return [name[:cut], name[cut:]]


def stack(axes, centre: np.ndarray, radius: float, lines: Sequence[tuple[str, float, bool]]) -> None:
    """Lines (text, points, bold) one below the other in a disc, each as wide as the disc is there at most."""
    heights = [1.3 * points / 72 for _, points, _ in lines]
    top = sum(heights) / 2
    for (text, points, bold), height in zip(lines, heights, strict=True):
        reach = min(max(abs(top), abs(top - height)), 0.95 * radius)
        width = 2 * np.sqrt(radius**2 - reach**2) - 0.06
        fit(axes, text, centre + [0, top - height / 2], width, points, zorder=4,
            fontweight="bold" if bold else "normal", color=INK if bold else GREY)  # fmt: skip
        top -= height


def beside(axes, text: str, curve: np.ndarray, taken: list[np.ndarray], discs: np.ndarray, radius: float,
           lines: np.ndarray, points: float) -> None:  # fmt: skip
    """Words beside a curve (points, 2): of all places and both sides the one that covers least, near its middle.

    ``taken`` are boxes (left, bottom, right, top) of words already there, and gets this one too; ``discs`` are the
    centres of the circuits, ``lines`` points on all arrows, (any, 2).
    """
    drawn = axes.text(0, 0, text, ha="center", va="center", fontsize=points, color=INK, zorder=5, linespacing=1.2)
    size = extent(drawn)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    best, best_cost = None, np.inf
    for rank, share in enumerate(SHARES):
        at = round(share * (len(curve) - 1))
        along = curve[min(at + 1, len(curve) - 1)] - curve[max(at - 1, 0)]
        across = np.array([-along[1], along[0]]) / np.hypot(*along)
        for side in (1.0, -1.0):
            off = 0.05 + 0.5 * float(np.abs(across) @ size)
            place = curve[at] + side * across * off
            place = np.clip(place, [left, bottom] + size / 2 + 0.03, [right, top] - size / 2 - 0.03)
            box = np.concatenate([place - size / 2, place + size / 2])
            near = np.clip(discs, box[:2], box[2:])
            cost = 0.02 * rank + 0.001 * (across[1] * side < 0)
            cost += 40.0 * sum(_shared(box, other) for other in taken)
            cost += 5.0 * np.clip(radius + 0.02 - np.hypot(*(discs - near).T), 0, None).sum()
            cost += 0.03 * ((lines > box[:2] - 0.01) & (lines < box[2:] + 0.01)).all(axis=1).sum()
            if cost < best_cost:
                best, best_cost = (place, box), cost
    place, box = best
    drawn.set_position(place)
    drawn.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8})
    taken.append(box)


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """The area that two boxes share."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.clip(sides, 0, None).prod())
