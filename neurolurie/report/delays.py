"""Figures of a delayed recall: what is left of the memory against the delay, with the distractors above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolurie.data import find_patterns
from neurolurie.report.drawing import CYCLE, INK, PALE, PIXELS, Drawing, look, new_figure, png, time_unit
from neurolurie.result import Run


def draw_delay(runs: Sequence[Run]) -> Drawing:
    """Mean overlap with the cued pattern through the delay, for every variant."""
    arrays = runs[0].findings.arrays
    factor, unit = time_unit(arrays["times"])
    times = factor * arrays["times"]
    shown = _distractors(runs[0])
    with look():
        figure = new_figure(4.3)
        axis = figure.add_axes([0.08, 0.26, 0.9, 0.54 if shown else 0.68])
        for image, on, off in shown:
            axis.axvspan(factor * on, factor * off, color=PALE, alpha=0.45, linewidth=0)
            _thumbnail(figure, axis, image, factor * on, factor * off, times[-1])
        for run, colour in zip(runs, CYCLE, strict=False):
            lines = run.findings.arrays["overlap"]
            label = run.variant.replace("-", " ") or "mean of trials"
            rate = f"{label}: {100 * run.findings.metrics['recall_rate']:.0f} % recalled afterwards"
            axis.plot(times, lines.mean(axis=0), color=colour, linewidth=2.2, label=rate, zorder=3)
            low, high = np.quantile(lines, (0.25, 0.75), axis=0)
            axis.fill_between(times, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.axhline(0, color=INK, linewidth=0.6)
        axis.set_xlim(0, times[-1])
        axis.set_ylim(-0.3, 1.05)
        axis.set_xlabel(f"time ({unit})")
        axis.set_ylabel("overlap with the cued pattern")
        figure.legend(*axis.get_legend_handles_labels(), loc="lower center", ncols=2, bbox_to_anchor=(0.53, 0.0))
        if shown:
            figure.text(0.08, 0.965, "shown meanwhile, none of them stored", fontsize=10, fontweight="bold")
        content = png(figure)
    steps = runs[0].problem.steps
    caption = (
        f"How much the state agrees with the cued pattern (1: every pixel), mean over {len(arrays['overlap'])} trials "
        "and "
        f"the range of the middle half, through {steps:,} steps. In the shaded times a distractor is shown. What is "
        f"recalled is read after noise and distractors have stopped and the circuit has come to rest."
    )
    return Drawing(
        "delay.png", "What is left of the memory", caption, "; ".join(run.findings.sentence for run in runs), content
    )


def _distractors(run: Run) -> list[tuple[np.ndarray, float, float]]:
    """Image, on and off of every input that shows one of the data's patterns."""
    experiment, out = run.experiment, []
    for entry in experiment.scenario.inputs:
        if isinstance(entry.pattern, str) and entry.on is not None and entry.off is not None:
            patterns = find_patterns(entry.pattern, experiment.data)
            out.append((patterns.values[0].reshape(patterns.shape), entry.on, entry.off))
    return out


def _thumbnail(figure, axis, image: np.ndarray, on: float, off: float, end: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    box = axis.get_position()
    height = 0.115
    width = height * figure.get_figheight() / figure.get_figwidth() * image.shape[1] / image.shape[0]
    middle = box.x0 + box.width * (on + off) / 2.0 / end
    small = figure.add_axes([middle - width / 2.0, box.y1 + 0.025, width, height])
    small.imshow(image, cmap=LinearSegmentedColormap.from_list("pixels", PIXELS), interpolation="nearest")
    small.set_xticks([])
    small.set_yticks([])
    small.spines[:].set_visible(True)
    small.spines[:].set_color(PALE)
