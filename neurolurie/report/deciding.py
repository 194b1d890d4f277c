"""Figures of decisions: evidence growing to a threshold, psychometric and reaction-time curves beside the optimum."""

from __future__ import annotations

import numpy as np
from scipy import special

from neurolurie.analysis.memory import wilson_interval
from neurolurie.report.drawing import BLUE, GREY, INK, ORANGE, Drawing, look, new_figure, png
from neurolurie.result import Run

SHOWN = 7  # trials drawn for each of two coherences


def draw_decisions(run: Run, prefix: str = "") -> Drawing:
    """Single trials on the way to a decision; how often which answer; how long it took."""
    arrays, metrics = run.findings.arrays, run.findings.metrics
    with look():
        figure = new_figure(3.5)
        axes = figure.subplots(1, 3, width_ratios=[1.1, 1.0, 1.0])
        figure.subplots_adjust(left=0.075, right=0.99, bottom=0.27, top=0.9, wspace=0.36)
        _trials(axes[0], arrays)
        _psychometric(axes[1], arrays)
        _reaction_times(axes[2], arrays)
        _legend(figure)
        content = png(figure)
    caption = (
        "Left: the difference of the two pools in single trials, until it reaches the threshold (dashed), for the "
        "strongest "
        "evidence and for the weakest. Middle: how often the right-hand answer is given, with 95 % intervals and the "
        "fitted "
        f"psychometric function. Right: the mean time to decide, with its standard error. The optimal integrator sees "
        f"the same evidence with the same noise, sums it without leak, and stops at the bound that makes it as fast on "
        f"average ({metrics['rt_mean_s']:.2f} s): it is right in {100 * metrics['optimal_accuracy']:.1f} % of trials, "
        "the "
        f"circuit in {100 * metrics['accuracy']:.1f} %."
    )
    return Drawing(f"{prefix}decisions.png", "From evidence to decision", caption, run.findings.sentence, content)


def _trials(axis, arrays: dict) -> None:
    times, difference, threshold = arrays["times"], arrays["difference"], float(arrays["threshold"])
    levels = arrays["levels"]
    for level, colour in ((levels[0], GREY), (levels[-1], BLUE)):
        for sign in (-1.0, 1.0) if level else (1.0,):
            for trial in np.flatnonzero(arrays["coherence"] == sign * level)[:SHOWN]:
                stop = min(int(np.searchsorted(times, arrays["when"][trial])) + 1, len(times))
                axis.plot(times[:stop], difference[trial, :stop], color=colour, linewidth=0.8, alpha=0.8)
                if np.isfinite(arrays["when"][trial]):
                    axis.plot(times[stop - 1], difference[trial, stop - 1], ".", color=colour, markersize=6)
        axis.plot([], [], color=colour, label=f"coherence {f'{level:g}' if level == 0 else f'±{level:g}'}")
    for side in (-1, 1):
        axis.axhline(side * threshold, color=INK, linestyle="--", linewidth=1)
    axis.set_xlim(0, times[-1])
    axis.set_ylim(-1.5 * threshold, 1.5 * threshold)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("pool 1 − pool 2 (state units)")
    axis.set_title("Single trials")
    axis.legend(loc="upper right", fontsize=8, handlelength=1.2, borderaxespad=0.0)


def _psychometric(axis, arrays: dict) -> None:
    signed = arrays["signed"]
    fine = np.linspace(signed[0], signed[-1], 200)
    for answer, fit, colour, marker in (
        ("best_answer", "fit_optimal", ORANGE, "s"), ("answer", "fit_circuit", BLUE, "o")
    ):  # fmt: skip
        slope, bias = arrays[fit]
        axis.plot(fine, 100 * special.ndtr(slope * (fine - bias)), color=colour)
        for level in signed:
            chosen = arrays[answer][arrays["coherence"] == level] > 0
            low, high = wilson_interval(int(chosen.sum()), len(chosen))
            axis.plot([level] * 2, [100 * low, 100 * high], color=colour, linewidth=1)
            axis.plot(level, 100 * chosen.mean(), marker, color=colour, markersize=4)
    axis.axhline(50, color=GREY, linewidth=0.6)
    axis.axvline(0, color=GREY, linewidth=0.6)
    axis.set_ylim(-3, 103)
    axis.set_xticks(
        [signed[0], 0.0, signed[-1]],
        [f"{level:g}".replace("-", "\N{MINUS SIGN}") for level in (signed[0], 0, signed[-1])],
    )
    axis.set_xlabel("signed coherence")
    axis.set_ylabel("answers for pool 1 (%)")
    axis.set_title("Psychometric curve")


def _reaction_times(axis, arrays: dict) -> None:
    levels, strength = arrays["levels"], np.abs(arrays["coherence"])
    place = np.arange(len(levels))
    for when, colour, marker in (("best_when", ORANGE, "s"), ("when", BLUE, "o")):
        times = np.minimum(arrays[when], arrays["times"][-1])
        means = np.array([times[strength == level].mean() for level in levels])
        errors = np.array([times[strength == level].std() / np.sqrt((strength == level).sum()) for level in levels])
        axis.errorbar(place, means, errors, color=colour, marker=marker, markersize=5, linewidth=1.2)
    axis.set_xticks(place, [f"{level:g}".removeprefix("0") or "0" for level in levels])
    axis.set_ylim(0, None)
    axis.set_xlabel("coherence, either sign")
    axis.set_ylabel("mean time to decide (s)")
    axis.set_title("Reaction times")


def _legend(figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=BLUE, marker="o", label="circuit"),
        Line2D([], [], color=ORANGE, marker="s", label="optimal integrator, as fast"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, bbox_to_anchor=(0.68, 0.0))
