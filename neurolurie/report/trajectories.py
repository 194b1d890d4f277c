"""Figures of trajectories: the phase portrait with its equilibria, and states against time."""

from __future__ import annotations

import textwrap
import warnings

import numpy as np

from neurolurie.analysis.equilibria import newton, stability
from neurolurie.analysis.motion import distinct
from neurolurie.network.lurie import LurieNetwork
from neurolurie.report.drawing import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILLION,
    Drawing,
    look,
    new_figure,
    png,
    time_unit,
)
from neurolurie.result import Run
from neurolurie.simulation.problem import Problem

MOST_LINES = 60  # trials drawn; more only darken the figure
MOST_STATES = 8  # states of one trial drawn into one panel
MARKS = {
    "stable": ("o", GREEN, "stable equilibrium"),
    "unstable": ("X", VERMILLION, "unstable equilibrium"),
    "neutral": ("D", ORANGE, "equilibrium, undecided (a centre or a fold)"),
}
END = {"linestyle": "", "marker": "o", "color": INK, "markeredgecolor": "white", "markeredgewidth": 0.9}
CYCLES = 6  # periods shown at the beginning and at the end of a long oscillation


def draw_portrait(run: Run, prefix: str = "") -> Drawing | None:
    """Trajectories in the plane of the two states that show the motion best, and in space if there are three."""
    states, labels = run.trajectory.states, _labels(run)
    if len(labels) < 2 or states.shape[1] < 2:
        return None
    shown = states[:MOST_LINES]
    box = _box(run, shown)
    clipped = _clipped(shown, box)
    pair = best_plane(clipped, int(run.findings.arrays.get("watched", 0)))
    equilibria = _equilibria(run, box)
    spatial = len(labels) == 3
    with look():
        figure = new_figure(5.0)
        words = _heading(figure, run)
        bottom, top = 0.2, words - 0.02
        if spatial:
            axes = figure.add_axes([0.0, bottom - 0.06, 0.48, top - bottom + 0.08], projection="3d")
            _space(axes, clipped, labels, box, equilibria)
        axes = figure.add_axes([0.58, bottom, 0.39, top - bottom] if spatial else [0.2, bottom, 0.6, top - bottom])
        _plane(axes, clipped, pair, labels, box, equilibria)
        _portrait_legend(figure, {kind for _, kind in equilibria} if equilibria else set(), clipped)
        content = png(figure)
    i, j = pair
    escaped = int((~run.findings.arrays["finite"]).sum())
    some = "" if len(states) <= MOST_LINES else f" (the first {MOST_LINES} of {len(states)})"
    caption = (
        f"Each line is the path of one trial{some}, seen in the states {labels[i]} and {labels[j]}"
        + (" (right) and in all three states (left)" if spatial else "")
        + ". A small ring marks its start, a dot its end; the last quarter of the run is drawn darker. "
        + _equilibrium_words(equilibria)
    )
    if _noisy(run):
        caption += " There is noise in this run, so paths wander"
        caption += " and do not come to rest; equilibria are those without noise." if equilibria else "."
    if escaped:
        caption += f" {escaped} of {len(states)} trials left every bound; their paths are cut at the edge."
    return Drawing(f"{prefix}portrait.png", "Paths of the state", caption,
                   f"Phase portrait. {run.findings.sentence}.", content)  # fmt: skip


def draw_states(run: Run, prefix: str = "") -> Drawing | None:
    """The watched state of all trials against time, and all states of the first trial below it."""
    states, labels = run.trajectory.states, _labels(run)
    if states.shape[1] < 2:
        return None
    watched = int(run.findings.arrays.get("watched", 0))
    box = _box(run, states[:MOST_LINES])
    clipped = _clipped(states[:MOST_LINES], box)
    factor, unit = time_unit(run.problem.times())
    times = factor * run.problem.times()
    windows = _windows(times, factor * run.findings.metrics.get("period_s", np.inf))
    one = _typical(clipped[..., watched])
    both = 2 <= len(labels) <= MOST_STATES
    with look():
        figure = new_figure(5.4 if both else 3.4)
        top = _heading(figure, run) - 0.02 - 0.045 * (len(windows) - 1)
        low = 0.11 if both else 0.17
        height = (top - low - (0.16 if both else 0.0)) / (2 if both else 1)
        width = (0.885 - 0.04 * (len(windows) - 1)) / len(windows)
        for column, (start, stop) in enumerate(windows):
            inside = (times >= start) & (times <= stop)
            left = 0.085 + column * (width + 0.04)
            axes = figure.add_axes([left, top - height, width, height])
            axes.plot(times[inside], clipped[:, inside, watched].T, color=SKY, alpha=0.45, linewidth=0.8)
            axes.plot(times[inside], clipped[one, inside, watched], color=BLUE, linewidth=2.0)
            _time_axes(axes, (start, stop), box[:, watched], unit, f"{labels[watched]} (state units)", column)
            if len(windows) == 2:
                axes.set_title(("beginning", "end")[column], fontweight="normal")
            if both:
                axes = figure.add_axes([left, low, width, height])
                for place, label in enumerate(labels):
                    # Later lines are thinner, so that equal states do not hide one another.
                    style = {
                        "linewidth": 3.4 - 2.4 * place / len(labels),
                        "linestyle": "-" if place < len(CYCLE) else "--",
                    }
                    colour = CYCLE[place % len(CYCLE)]
                    axes.plot(times[inside], clipped[one, inside, place], color=colour, label=label, **style)
                own = clipped[one][np.isfinite(clipped[one]).all(axis=1)]
                span = np.array([own.min(), own.max()]) + np.array([-0.06, 0.06]) * np.ptp(own) + [-1e-9, 1e-9]
                _time_axes(axes, (start, stop), span, unit, "all states (state units)", column)
                if column == 0:
                    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.98), ncols=len(labels), fontsize=8,
                                handlelength=1.2, columnspacing=1.2, borderaxespad=0.0)  # fmt: skip
        content = png(figure)
    caption = (
        f"{'Above: s' if both else 'S'}tate {labels[watched]} of {len(clipped)} trials, one of them drawn strong. "
    )
    if both:
        caption += "Below: all states of that one trial; where they coincide, a thin line lies on a thick one. "
    if len(windows) == 2:
        caption += f"The run has many cycles: only the first {CYCLES} and the last {CYCLES} are shown."
    return Drawing(f"{prefix}states.png", "States against time", caption.strip(),
                   f"State {labels[watched]} against time. {run.findings.sentence}.", content)  # fmt: skip


def best_plane(states: np.ndarray, watched: int) -> tuple[int, int]:
    """The watched state (the one that varies most, if it rests) and the state that varies most beside it.

    Varies beside it: after what is proportional to the first state has been taken out.

    >>> t = np.linspace(0, 6, 100)
    >>> best_plane(np.stack([np.sin(t), 2 * np.sin(t), np.cos(t)], axis=-1)[None], 0)
    (0, 2)
    """
    points = states.reshape(-1, states.shape[-1])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 2:
        return 0, 1
    centred = points - points.mean(axis=0)
    power = (centred**2).sum(axis=0)
    first = watched if power[watched] > 1e-6 * power.max() else int(power.argmax())
    along = centred[:, first] @ centred / max(power[first], 1e-300)
    rest = ((centred - np.outer(centred[:, first], along)) ** 2).sum(axis=0)
    rest[first] = -1.0
    return first, int(rest.argmax())


def _typical(signal: np.ndarray) -> int:
    """The trial (trials, times) that moves by the median amount among those that stay in view."""
    size = np.std(signal, axis=1)
    kept = np.flatnonzero(np.isfinite(size))
    return int(kept[np.argsort(size[kept], kind="stable")[len(kept) // 2]]) if len(kept) else 0


def _noisy(run: Run) -> bool:
    return run.problem.sigma is not None and bool(np.any(run.problem.sigma))


def _labels(run: Run) -> list[str]:
    return [run.problem.network.states[place] for place in run.problem.record.states]


def _box(run: Run, states: np.ndarray) -> np.ndarray:
    """What is in view: (2, states), from the trials that stay finite, or around all starts if none does."""
    finite = np.isfinite(states).all(axis=(1, 2)) & run.findings.arrays["finite"][: len(states)]
    points = states[finite].reshape(-1, states.shape[-1]) if finite.any() else 3.0 * states[:, 0]
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.06 * np.maximum(high - low, 0.02 * (high - low).max() + 1e-9)
    return np.stack([low - room, high + room])


def _clipped(states: np.ndarray, box: np.ndarray) -> np.ndarray:
    """States outside the view are left out, so that an escaping trial does not flatten the others."""
    away = 0.5 * (box[1] - box[0])
    inside = ((states >= box[0] - away) & (states <= box[1] + away)).all(axis=-1, keepdims=True)
    return np.where(inside, states, np.nan)


def _equilibria(run: Run, box: np.ndarray) -> list[tuple[np.ndarray, str]] | None:
    """Equilibria in view with their stability; None if the input varies in time, or not all states were recorded."""
    network = _at_rest(run.problem)
    if network is None or network.n > 12 or len(run.problem.record.states) < network.n:
        return None
    states = run.trajectory.states
    starts = [
        np.zeros(network.n),
        *run.trajectory.final[:20],
        *states[:10, :: max(1, states.shape[1] // 8)].reshape(-1, network.n),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # scipy warns of nearly singular Jacobians; such steps are judged by where they lead
        found = [newton(network, start) for start in starts if np.isfinite(start).all()]
    wide = 0.5 * (box[1] - box[0])
    points = np.array([x for x in found if x is not None and (np.abs(x - box.mean(axis=0)) <= 2 * wide).all()])
    if not len(points):
        return []
    return [(point, stability(network, point)) for point in distinct(points, 1e-4 * max(1.0, np.abs(box).max()))]


def _at_rest(problem: Problem) -> LurieNetwork | None:
    """The network with its constant input taken into bx; None if the input varies in time."""
    if not problem.inputs.size:
        return problem.network
    u = problem.inputs[0, 0]
    if not (problem.inputs == u).all():
        return None
    return problem.network.replace(bx=problem.network.bx + problem.network.E @ u)


def _heading(figure, run: Run) -> float:
    """The scenario's title, and below it the certificate in words; returns where the panels may begin (0 to 1)."""
    scenario = run.experiment.scenario
    title = textwrap.wrap(f"{scenario.title or scenario.name}{f': {run.variant}' if run.variant else ''}", 94)
    inches = figure.get_size_inches()[1]
    figure.text(0.02, 1 - 0.12 / inches, "\n".join(title), fontsize=12, fontweight="bold", va="top", linespacing=1.3)
    used = 0.16 + 0.23 * len(title)
    if run.certificate is not None:
        sentence = run.certificate.sentence()
        lines = textwrap.wrap(sentence[0].upper() + sentence[1:], 145)
        place = 1 - (used + 0.04) / inches
        figure.text(0.02, place, "\n".join(lines), fontsize=8.5, color=GREY, va="top", linespacing=1.35)
        used += 0.1 + 0.17 * len(lines)
    if _noisy(run):
        strongest = f"{float(np.max(run.problem.sigma)):.3g}"
        words = f"Noise is on in this run: up to {strongest} state units per √s."
        figure.text(0.02, 1 - (used + 0.04) / inches, words, fontsize=8.5, color=VERMILLION, va="top")
        used += 0.24
    return 1 - (used + 0.12) / inches


def _plane(axes, states, pair, labels, box, equilibria) -> None:
    i, j = pair
    late = 3 * states.shape[1] // 4
    axes.plot(states[:, : late + 1, i].T, states[:, : late + 1, j].T, color=SKY, alpha=0.5, linewidth=0.8, zorder=2)
    axes.plot(states[:, late:, i].T, states[:, late:, j].T, color=BLUE, alpha=0.8, linewidth=1.2, zorder=3)
    axes.plot(
        states[:, 0, i], states[:, 0, j], "o", markerfacecolor="white", markeredgecolor=GREY, markersize=4, zorder=4
    )
    for point, kind in equilibria or ():
        marker, colour, _ = MARKS[kind]
        axes.plot(
            point[i],
            point[j],
            marker,
            color=colour,
            markersize=10,
            markeredgecolor="white",
            markeredgewidth=1.2,
            zorder=5,
        )
    axes.plot(states[:, -1, i], states[:, -1, j], markersize=5.5, zorder=6, **END)
    axes.set_xlim(*box[:, i])
    axes.set_ylim(*box[:, j])
    axes.set_xlabel(f"{labels[i]} (state units)")
    axes.set_ylabel(f"{labels[j]} (state units)")


def _space(axes, states, labels, box, equilibria) -> None:
    late = 3 * states.shape[1] // 4
    for trial in states:
        axes.plot(*trial[: late + 1].T, color=SKY, alpha=0.5, linewidth=0.7)
        axes.plot(*trial[late:].T, color=BLUE, alpha=0.8, linewidth=1.1)
    axes.computed_zorder = False  # or a line that is nearer to the eye hides the ends
    axes.plot(*states[:, 0].T, linestyle="", marker="o", markerfacecolor="white", markeredgecolor=GREY, markersize=3,
              zorder=4)  # fmt: skip
    for point, kind in equilibria or ():
        marker, colour, _ = MARKS[kind]
        axes.plot(*point[:, None], linestyle="", marker=marker, color=colour, markersize=8, markeredgecolor="white",
                  zorder=5)  # fmt: skip
    axes.plot(*states[:, -1].T, markersize=4.5, zorder=6, **END)
    for name, label, limits in zip("xyz", labels, box.T, strict=True):
        getattr(axes, f"set_{name}label")(label, fontsize=8.5, labelpad=-2)
        getattr(axes, f"set_{name}lim")(*limits)
        axis = getattr(axes, f"{name}axis")
        axis.set_pane_color((0.97, 0.97, 0.98, 1.0))
        axis.set_tick_params(labelsize=7, pad=-2)
        axis.set_major_locator(_few_ticks())
    axes.view_init(elev=24, azim=-58)


def _few_ticks():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _time_axes(axes, window, limits, unit: str, label: str, column: int) -> None:
    axes.set_xlim(*window)
    axes.set_ylim(*limits)
    axes.set_xlabel(f"time ({unit})")
    if column == 0:
        axes.set_ylabel(label)
    else:
        axes.tick_params(labelleft=False)


def _windows(times: np.ndarray, period: float) -> list[tuple[float, float]]:
    """The whole run, or its first and last cycles where there are many."""
    first, last = times[0], times[-1]
    if not np.isfinite(period) or last - first <= 3 * CYCLES * period:
        return [(first, last)]
    return [(first, first + CYCLES * period), (last - CYCLES * period, last)]


def _equilibrium_words(equilibria) -> str:
    if equilibria is None:
        return "Equilibria are not marked: the input varies in time, or the circuit has too many states."
    if not equilibria:
        return "No equilibrium lies in view."
    counts = {kind: sum(1 for _, each in equilibria if each == kind) for kind in MARKS}
    said = [
        f"{count} {kind if kind != 'neutral' else 'undecided to first order (a centre or a fold)'}"
        for kind, count in counts.items()
        if count
    ]
    return (
        f"{len(equilibria)} equilibri{'um was' if len(equilibria) == 1 else 'a were'} found in view "
        f"({', '.join(said)}): nearby paths approach a stable one and leave an unstable one."
    )


def _portrait_legend(figure, kinds: set[str], states: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=SKY, linewidth=1.4, label="path"),
        Line2D([], [], color=BLUE, linewidth=1.8, label="last quarter"),
        Line2D(
            [], [], linestyle="", marker="o", markerfacecolor="white", markeredgecolor=GREY, markersize=5, label="start"
        ),
    ]
    if np.isfinite(states[:, -1]).any():
        handles.append(Line2D([], [], markersize=6, label="end", **END))
    for kind, (marker, colour, label) in MARKS.items():
        if kind in kinds:
            handles.append(Line2D([], [], linestyle="", marker=marker, color=colour, markersize=8, label=label))
    columns = len(handles) if len(handles) <= 6 else 4  # seven do not fit side by side
    figure.legend(handles=handles, loc="lower center", ncols=columns, bbox_to_anchor=(0.5, 0.0), columnspacing=1.4)
