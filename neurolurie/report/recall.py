"""Figures of a recall: images through time, overlap and energy, several storage rules side by side, resemblance."""

from __future__ import annotations

import numpy as np

from neurolurie.report.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    VERMILLION,
    WIDTH,
    Drawing,
    dots,
    frame,
    look,
    mosaic,
    new_figure,
    png,
    time_unit,
)  # fmt: skip
from neurolurie.result import Run

SPURIOUS = "ended at none of the stored"
MOMENTS = 5  # states shown between the cue and the end


def choose_trials(run: Run, count: int, failures: int = 2) -> np.ndarray:
    """Which trials to show, ordered by pattern: at most ``failures`` failed ones, the rest recalled, of many patterns.

    Where nothing (or everything) failed, the other kind fills up.
    """
    arrays = run.findings.arrays
    exact, target = arrays["exact"], arrays["target"]
    failed = _in_turn(np.flatnonzero(~exact), target)
    wrong = np.array([verdict(run, trial) != SPURIOUS for trial in failed], bool)
    failed = np.concatenate([failed[wrong][:1], failed[~wrong], failed[wrong][1:]])  # one of each sort first
    good = _in_turn(np.flatnonzero(exact), target)
    failed = failed[: max(failures, count - len(good))]
    needed = max(count - len(failed), 0)
    fresh = [trial for trial in good if target[trial] not in target[failed]][: len(np.unique(target))]
    if len(fresh) > needed:
        good = np.array(fresh)[np.linspace(0, len(fresh) - 1, needed).round().astype(int)]
    chosen = np.concatenate([failed, good[:needed]])[:count]
    return chosen[np.lexsort((chosen, target[chosen]))]


def _in_turn(trials: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first trial of every pattern, then the second of every pattern, and so on."""
    rank = np.array([np.count_nonzero(target[trials[:i]] == target[trial]) for i, trial in enumerate(trials)], int)
    return trials[np.lexsort((target[trials], rank))]


def memory_states(run: Run) -> np.ndarray | None:
    """The recorded states of the cued circuit (trials, times, units); None if not all of them were recorded."""
    if "overlap" not in run.findings.arrays:
        return None
    return run.trajectory.states[:, :, run.experiment.part(run.experiment.scenario.cue.circuit).states]


def verdict(run: Run, trial: int) -> str:
    """What became of a trial, in words."""
    arrays = run.findings.arrays
    if arrays["exact"][trial]:
        return "recalled"
    same = (np.sign(arrays["final"][trial]) == np.sign(arrays["patterns"])).all(axis=1)
    return f"recalled {arrays['labels'][same.argmax()]} instead" if same.any() else SPURIOUS


def draw_moments(run: Run, prefix: str = "") -> Drawing:
    """Stored pattern, cue, states through time and recalled image of several trials, failed ones included."""
    arrays = run.findings.arrays
    shape, patterns = tuple(arrays["image_shape"]), arrays["patterns"]
    low, high = patterns.min(), patterns.max()
    trials = choose_trials(run, 6)
    states = memory_states(run)
    steps = [] if states is None or len(arrays["times"]) < 2 else moments(states, MOMENTS)
    factor, unit = time_unit(arrays["times"])
    rows = []
    for trial in trials:
        recalled = np.where(arrays["final"][trial] > 0, high, low)
        flat = [patterns[arrays["target"][trial]], arrays["cues"][trial], *(states[trial, step] for step in steps)]
        rows.append([image.reshape(shape) for image in (*flat, recalled)])
    titles = ["stored", "cue", *(f"{factor * arrays['times'][step]:.3g} {unit}" for step in steps), "recalled"]
    with look():
        figure, place = rows_of_images(rows, titles, low, high, label=1.9)
        axes = figure.axes[0]
        for r, trial in enumerate(trials):
            stored = patterns[arrays["target"][trial]].reshape(shape)
            good = bool(arrays["exact"][trial])
            dots(axes, place(r, 1), np.sign(rows[r][1]) != np.sign(stored), ORANGE)
            dots(axes, place(r, len(titles) - 1), np.sign(rows[r][-1]) != np.sign(stored), VERMILLION)
            frame(axes, place(r, len(titles) - 1), GREEN if good else VERMILLION, 2.2)
            x, y, _, height = place(r, 0)
            colour = INK if good else VERMILLION
            axes.text(x - 1, y + height * 0.36, f"cued with {arrays['labels'][arrays['target'][trial]]}", ha="right",
                      va="center", color=colour, fontsize=10, fontweight="bold")  # fmt: skip
            axes.text(x - 1, y + height * 0.66, verdict(run, trial), ha="right", va="center", color=colour, fontsize=8)
        content = png(figure)
    failed = int((~arrays["exact"][trials]).sum())
    between = (
        "the columns between show the memory's state at those times, dark where a unit is active" if steps else
        "the states between were not recorded"
    )  # fmt: skip
    caption = (
        f"Each row is one trial. Yellow dots mark the pixels of the cue that were damaged; {between}. The last image "
        f"is what was recalled: framed green if it equals the stored image, orange if not, with a dot on every wrong "
        f"pixel. "
        f"{failed} of the {len(trials)} "
        f"trials shown failed, {int((~arrays['exact']).sum())} of all {len(arrays['exact'])}."
    )
    if not steps:
        caption = caption.replace("the columns between show the memory's state at those times, dark where a unit is "
                                  "active", "the states between were not recorded")  # fmt: skip
    words = "; ".join(f"{arrays['labels'][arrays['target'][trial]]}: {verdict(run, trial)}" for trial in trials)
    alt = f"Rows of small images from the stored pattern over the cue to the recalled image. {words}."
    return Drawing(f"{prefix}moments.png", "From damaged cue to recalled image", caption, alt, content)


def draw_course(run: Run, prefix: str = "") -> Drawing | None:
    """Overlap with the cued pattern and energy against time, and when trials entered their certified region."""
    arrays = run.findings.arrays
    if "overlap" not in arrays or len(arrays["times"]) < 2:
        return None
    factor, unit = time_unit(arrays["times"])
    times, exact = factor * arrays["times"], arrays["exact"]
    entered = arrays.get("entered")
    panels = [("overlap", "overlap with the cued pattern")]
    if "energy" in arrays:
        panels.append(("energy", "energy (1/s)"))
    with look():
        figure = new_figure(3.7)
        for number, (name, label) in enumerate(panels):
            axes = figure.add_axes([0.07 + 0.525 * number, 0.25, 0.385 if len(panels) == 2 else 0.9, 0.68])
            lines = arrays[name]
            for mask, colour, weight in ((exact, BLUE, 20), (~exact, VERMILLION, 12)):
                axes.plot(
                    times,
                    lines[mask].T,
                    color=colour,
                    linewidth=0.7,
                    alpha=float(np.clip(weight / max(mask.sum(), 1), 0.1, 0.5)),
                )
            axes.plot(times, np.median(lines, axis=0), color=INK, linewidth=2.4)
            if entered is not None and np.isfinite(entered).any():
                who = np.flatnonzero(np.isfinite(entered))
                step = np.searchsorted(arrays["times"], entered[who])
                axes.plot(
                    times[step], lines[who, step], "o", color=GREEN, markersize=3.4, alpha=0.55, markeredgewidth=0
                )
            axes.set_xlabel(f"time ({unit})")
            axes.set_ylabel(label)
            axes.set_xlim(0, times[-1])
        _legend(figure, entered is not None and bool(np.isfinite(entered).any()))
        content = png(figure)
    median = np.median(arrays["overlap"], axis=0)
    caption = (
        f"Every thin line is a trial: blue if it was recalled, orange if not; the black line is the median. An overlap "
        f"of 1 means that every pixel is right; the cues start at {median[0]:.2f}, the median ends at {median[-1]:.2f}."
    )
    if "energy" in arrays:
        caption += " The energy never rises while input is constant and there is no noise."
    if entered is not None:
        held = np.isfinite(entered)
        caption += (
            f" A green dot marks when a trial entered a certified region around the resting state that a stored "
            f"pattern leads to ({held.sum()} of {len(held)} did): undisturbed, it can only end there."
        )
    alt = f"Overlap with the cued pattern over time: the median rises from {median[0]:.2f} to {median[-1]:.2f}"
    alt += "; the energy of every trial falls." if "energy" in arrays else "."
    return Drawing(f"{prefix}course.png", "How trials come to rest", caption, alt, content)


def moments(states: np.ndarray, count: int) -> list[int]:
    """Recorded times at which to look: when 1/(count+1), 2/(count+1), ... of all motion has happened, never twice.

    >>> moments(np.linspace(0, 1, 11)[None, :, None], 4)
    [2, 4, 6, 8]
    """
    share = motion(states)
    steps = [int(np.searchsorted(share, (i + 1) / (count + 1) - 1e-9)) for i in range(count)]
    return list(dict.fromkeys(step for step in steps if 0 < step < states.shape[1]))


def motion(states: np.ndarray) -> np.ndarray:
    """The share of all motion that has happened at each recorded time, from 0 to 1, mean of all trials and units."""
    moved = np.abs(np.diff(states, axis=1)).mean(axis=(0, 2))
    total = np.concatenate([[0.0], np.cumsum(moved)])
    return total / total[-1] if total[-1] > 0 else np.linspace(0.0, 1.0, len(total))


def rows_of_images(rows, titles: list[str], low: float, high: float, label: float):
    """A figure with rows of images, a title over every column, and ``label`` inches on the left for words."""
    height, width = rows[0][0].shape
    columns = max(len(row) for row in rows)
    cell = (WIDTH - label - 0.1) / (columns * (width + 1.5) - 1.5)  # inches for one pixel
    body = cell * (len(rows) * (height + 1.5) - 1.5)
    figure = new_figure(body + 0.4)
    axes = figure.add_axes([label / WIDTH, 0.05 / (body + 0.4), 1 - (label + 0.1) / WIDTH, body / (body + 0.4)])
    place = mosaic(axes, rows, low, high)
    for column, title in enumerate(titles):
        x, _, w, _ = place(0, column)
        weight = "bold" if column in (0, 1, columns - 1) else "normal"
        axes.text(x + w / 2, -0.9, title, ha="center", va="bottom", fontsize=10, fontweight=weight)
    return figure, place


def _legend(figure, certified: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=BLUE, alpha=0.6, label="trial, recalled"),
        Line2D([], [], color=VERMILLION, alpha=0.8, label="trial, not recalled"),
        Line2D([], [], color=INK, linewidth=2.4, label="median of all"),
    ]
    if certified:
        handles.append(
            Line2D([], [], color=GREEN, marker="o", linestyle="", markersize=5, label="entered a certified region")
        )
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), bbox_to_anchor=(0.5, 0.0))
