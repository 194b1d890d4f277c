"""Figures of several variants of a recall side by side, and why some of them fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolurie.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILLION,
    WIDTH,
    Drawing,
    frame,
    look,
    mosaic,
    new_figure,
    png,
)
from neurolurie.report.recall import choose_trials
from neurolurie.result import Run

# Patterns per unit that Hebb's rule holds if they are random: Amit, Gutfreund & Sompolinsky 1985.
HEBB_CAPACITY = 0.138


def draw_comparison(runs: Sequence[Run]) -> Drawing:
    """Storage rules side by side: outcomes of all trials beside the baseline, and what the same cues became."""
    cues = [run.findings.arrays["cues"] for run in runs]
    alike = all(np.array_equal(each, cues[0]) for each in cues)  # else there are no common rows to show
    with look():
        bars, examples = 0.62 * len(runs) + 1.35, WIDTH * 0.125 * (len(runs) + 2) + 0.35 if alike else 0.0
        height = bars + examples
        figure = new_figure(height)
        axes = figure.add_axes([0.16, 1 - (bars - 0.62) / height, 0.8, (bars - 1.15) / height])
        baselines = [run.findings.metrics["baseline_nearest"] for run in runs]
        kinds = (("recall_rate", "recalled", BLUE, "white"), ("wrong_rate", "another stored pattern", ORANGE, INK),
                 ("spurious_rate", "none of the stored patterns", PALE, INK))  # fmt: skip
        for row, run in enumerate(runs):
            left = 0.0
            for name, _, colour, ink in kinds:
                value = run.findings.metrics[name]
                axes.barh(row, value, left=left, color=colour, height=0.62)
                if value >= 0.06:
                    axes.text(
                        left + value / 2, row, f"{100 * value:.3g} %", ha="center", va="center", color=ink, fontsize=9
                    )
                left += value
            axes.plot(
                2 * [baselines[row]], [row - 0.5, row + 0.5], color=VERMILLION, linewidth=1.6, linestyle=(0, (4, 2))
            )
            axes.plot(
                run.findings.metrics["near_rate"], row + 0.31, "^", color=INK, markersize=7, clip_on=False, zorder=6
            )
        axes.set_yticks(range(len(runs)), [run.variant for run in runs])
        axes.set_ylim(len(runs) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axes.set_xlabel("share of trials (%)")
        axes.tick_params(axis="y", length=0)
        _comparison_legend(figure, kinds)
        if alike:
            _examples(figure, runs, (examples - 0.3) / height)
        content = png(figure)
    first = runs[0].findings
    units, stored = first.arrays["patterns"].shape[1], len(first.arrays["patterns"])
    mean, most = first.metrics["prototype_overlap_mean"], first.metrics["prototype_overlap_max"]
    rates = ", ".join(f"{run.variant} {100 * run.findings.metrics['recall_rate']:.1f} %" for run in runs)
    scores = " to ".join(f"{100 * score:.1f} %" for score in sorted({min(baselines), max(baselines)}))
    caption = (
        f"{f'The same {len(cues[0])} cues' if alike else 'The trials'} under every variant; recalled: {rates}. The "
        f"triangle under a bar marks how many came near (at least 95 % overlap), the dashed line is what plain "
        f"comparison with the stored images scores ({scores}). Why rules fail: the stored images resemble one another "
        f"(overlap {mean:.2f} on average, {most:.2f} at most; unrelated images have 0), and {stored} patterns on "
        f"{units} units are {stored / units:.3f} per unit, "
        f"{'more' if stored / units > HEBB_CAPACITY else 'fewer'} than the {HEBB_CAPACITY} that Hebb's rule can hold "
        f"even if they were unrelated."
    )
    if alike:
        caption += " Below, what some of the cues became; orange frames are wrong."
    return Drawing(
        "comparison.png", "Variants side by side", caption, f"Bars of outcomes for every variant; {rates}.", content
    )


def draw_resemblance(run: Run) -> Drawing:
    """How much the stored patterns resemble one another, and how full the memory is."""
    arrays = run.findings.arrays
    patterns, labels = np.sign(arrays["patterns"]), [str(label) for label in arrays["labels"]]
    overlaps, load = patterns @ patterns.T / patterns.shape[1], len(patterns) / patterns.shape[1]
    with look():
        figure = new_figure(4.0)
        axes = figure.add_axes([0.05, 0.12, 0.4, 0.8])
        shown = np.where(np.eye(len(patterns), dtype=bool), np.nan, overlaps)
        picture = axes.imshow(shown, cmap="cividis", vmin=min(0.0, np.nanmin(shown)), vmax=1.0)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(length=0)
        axes.set_xlabel("stored pattern")
        axes.set_ylabel("stored pattern")
        axes.spines[:].set_visible(False)
        if len(patterns) <= 12:
            for i, j in zip(*np.nonzero(np.isfinite(shown)), strict=True):
                ink = "white" if shown[i, j] < 0.6 else INK
                axes.text(
                    j, i, f"{shown[i, j]:.2f}".replace("0.", ".", 1), ha="center", va="center", fontsize=7.5, color=ink
                )
        bar = figure.colorbar(picture, cax=figure.add_axes([0.46, 0.12, 0.014, 0.8]))
        bar.set_label("overlap (1: the same image)")
        bar.outline.set_visible(False)
        axes = figure.add_axes([0.72, 0.36, 0.26, 0.3])
        axes.barh(
            [0, 1], [HEBB_CAPACITY, load], color=[GREY, VERMILLION if load > HEBB_CAPACITY else BLUE], height=0.55
        )
        axes.set_yticks([0, 1], ["Hebb's limit", "this memory"])
        axes.tick_params(axis="y", length=0)
        for row, value in enumerate((HEBB_CAPACITY, load)):
            axes.text(value, row, f" {value:.3f}", va="center", fontsize=9)
        axes.set_xlim(0, 1.3 * max(load, HEBB_CAPACITY))
        axes.set_xlabel("stored patterns per unit")
        axes.set_title("How full the memory is")
        content = png(figure)
    off = overlaps[~np.eye(len(patterns), dtype=bool)]
    caption = (
        f"Left: how much every two stored images agree, from 0 (unrelated) to 1 (the same); {off.mean():.2f} on "
        f"average. Right: {len(patterns)} patterns on {patterns.shape[1]} units, against the most that Hebb's rule can "
        f"hold when patterns are unrelated."
    )
    alt = f"Table of overlaps of the stored patterns, mean {off.mean():.2f}; load {load:.3f} patterns per unit."
    return Drawing("resemblance.png", "Why this memory is hard", caption, alt, content)


def _comparison_legend(figure, kinds) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=label) for _, label, colour, _ in kinds]
    handles.append(Line2D([], [], color=INK, marker="^", linestyle="", markersize=7, label="near"))
    handles.append(Line2D([], [], color=VERMILLION, linestyle=(0, (4, 2)), label="nearest prototype"))
    figure.legend(
        handles=handles, loc="upper center", ncols=len(handles), bbox_to_anchor=(0.55, 1.0), columnspacing=1.4
    )


def _examples(figure, runs: Sequence[Run], height: float) -> None:
    """Stored, cue, and the end under every variant for the same five trials."""
    arrays = runs[0].findings.arrays
    shape, patterns = tuple(arrays["image_shape"]), arrays["patterns"]
    low, high = patterns.min(), patterns.max()
    trials = choose_trials(runs[-1], 7, failures=1)
    image = lambda values: values.reshape(shape)  # noqa: E731
    rows = [[image(patterns[arrays["target"][t]]) for t in trials], [image(arrays["cues"][t]) for t in trials]]
    rows += [[image(np.where(run.findings.arrays["final"][t] > 0, high, low)) for t in trials] for run in runs]
    axes = figure.add_axes([0.16, 0.01, 0.8, height - 0.02])
    place = mosaic(axes, rows, low, high)
    axes.set_anchor("NW")
    for r, name in enumerate(("stored", "cue", *(run.variant for run in runs))):
        x, y, _, height = place(r, 0)
        axes.text(
            x - 1, y + height / 2, name, ha="right", va="center", fontsize=10, fontweight="bold" if r > 1 else "normal"
        )
    for r, run in enumerate(runs):
        for c, t in enumerate(trials):
            frame(axes, place(r + 2, c), GREEN if run.findings.arrays["exact"][t] else VERMILLION, 2.0)
