"""The coupling rule `distance`: weights that depend on how far two units are apart, on a ring or along a line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError, lookup
from neurolurie.network.families.checks import number, positive
from neurolurie.network.lurie import Matrix


def _gaussian(d, strength, width, surround_strength, surround_width):
    return strength * np.exp(-0.5 * (d / width) ** 2)


def _difference(d, strength, width, surround_strength, surround_width):
    return _gaussian(d, strength, width, None, None) - _gaussian(d, surround_strength, surround_width, None, None)


def _cosine(d, strength, width, surround_strength, surround_width):
    return strength * np.cos(d)


SHAPES: dict[str, Callable[..., np.ndarray]] = {
    "gaussian": _gaussian, "difference-of-gaussians": _difference, "cosine": _cosine,
}  # fmt: skip
# The parameters a shape uses besides its strength; every other one must be left out.
USED = {
    "gaussian": ("width",), "difference-of-gaussians": ("width", "surround_strength", "surround_width"), "cosine": (),
}  # fmt: skip
PLACES: dict[str, Callable[[int], np.ndarray]] = {
    "ring": lambda size: 2 * np.pi * np.arange(size) / size, "line": lambda size: (np.arange(size) + 0.5) / size,
}  # fmt: skip


def distance(
    rows: int, columns: int, rng: np.random.Generator, shape: str = "gaussian", on: str = "ring", strength: float = 1.0,
    width: float | None = None, surround_strength: float | None = None, surround_width: float | None = None,
    baseline: float = 0.0, reach: float | None = None,
) -> Matrix:  # fmt: skip
    """``W_ij = (k(d_ij) + baseline) / columns`` with d the distance of unit i of the target from unit j of the source.

    ``on: ring``: unit i of N stands at the angle ``2 pi i / N`` and d is the angle between the two, 0 to pi.
    ``on: line``: it stands at ``(i + 1/2) / N`` on a line of length 1 and d is ``|p_i - p_j|``.

    ``gaussian``: ``strength exp(-d^2 / (2 width^2))``; ``difference-of-gaussians``: that minus the same with
    ``surround_strength`` and ``surround_width`` (Amari 1977); ``cosine``: ``strength cos d`` (Ben-Yishai et al. 1995),
    on a ring only. Beyond ``reach`` weights are 0, the baseline too, and the matrix is sparse; all units reach all
    others if it is not given. The division by the number of source units keeps the field when units are added.

    >>> distance(4, 4, None, shape="cosine", strength=4.0, baseline=-1.0)[0].round(12).tolist()
    [0.75, -0.25, -1.25, -0.25]
    """
    kernel = lookup("shape", shape, SHAPES)
    shape = shape.replace("_", "-")
    places = lookup("place", on, PLACES)
    if shape == "cosine" and on != "ring":
        raise SpecError("shape 'cosine' needs a ring; on a line use 'gaussian' or 'difference-of-gaussians'.")
    given = {"width": width, "surround_strength": surround_strength, "surround_width": surround_width}
    for name, value in given.items():
        if (value is not None) != (name in USED[shape]):
            raise SpecError(f"shape '{shape}' {'has no' if value is not None else 'needs a'} parameter '{name}'.")
    for name in ("width", "surround_width"):
        if given[name] is not None:
            positive(name, given[name])
    if surround_strength is not None:
        number("surround_strength", surround_strength)
    number("strength", strength)
    target, source = places(rows), places(columns)
    base = number("baseline", baseline)
    if reach is None:
        d = _apart(target[:, None], source[None, :], on)
        return (kernel(d, strength, width, surround_strength, surround_width) + base) / columns
    i, j = _within(target, columns, positive("reach", reach), on)
    d = _apart(target[i], source[j], on)
    values = (kernel(d, strength, width, surround_strength, surround_width) + base) / columns
    return sparse.csr_array((values, (i, j)), shape=(rows, columns))


def _apart(p: np.ndarray, q: np.ndarray, on: str) -> np.ndarray:
    d = np.abs(p - q)
    return np.minimum(d, 2 * np.pi - d) if on == "ring" else d


def _within(target: np.ndarray, columns: int, reach: float, on: str) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (i, j) at most ``reach`` apart, found without the full matrix."""
    spacing, first = (2 * np.pi / columns, 0.0) if on == "ring" else (1.0 / columns, 0.5 / columns)
    slack = 1e-12  # a unit exactly at the reach belongs to it
    low = np.ceil((target - reach - first) / spacing - slack).astype(np.int64)
    high = np.floor((target + reach - first) / spacing + slack).astype(np.int64)
    if on == "ring":
        high = np.minimum(high, low + columns - 1)
    else:
        low, high = np.maximum(low, 0), np.minimum(high, columns - 1)
    counts = np.maximum(high - low + 1, 0)
    i = np.repeat(np.arange(len(target)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return i, (np.repeat(low, counts) + np.arange(len(i)) - before) % columns
