"""Figures of rates and ratios against how much was asked: denoising curves, and completion with parts missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolurie.analysis.denoising import CEILING_DB
from neurolurie.report.drawing import BLUE, CYCLE, GREY, INK, ORANGE, Drawing, look, new_figure, png
from neurolurie.result import Run

PATCH = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
NAMES = {"nearest": "nearest prototype", "gaussian": "Gaussian filter", "pca": "PCA, tuned K", "lmmse": "linear MMSE"}


def draw_ratios(runs: Sequence[Run]) -> Drawing:
    """Signal to error against the level of the noise and against the share of hidden pixels."""
    points = [
        (level, run, str(name))
        for run in runs
        for level, name in zip(run.findings.arrays["levels"], run.findings.arrays["conditions"], strict=True)
    ]
    spec, arrays = runs[0].experiment.scenario.denoise, runs[0].findings.arrays
    lines = [("nothing done", "input_db", GREY, {"linestyle": "--", "marker": "."})]
    lines += [
        (NAMES.get(name, name), f"{name}_db", CYCLE[1 + i], {"marker": "o", "markersize": 4})
        for i, name in enumerate(spec.baselines)
    ]
    exact = spec.readout == "sign"
    if not exact:
        lines.append(("circuit, each image: median", "snr_median_db", BLUE, {"linestyle": ":", "marker": ""}))
    lines.append(("circuit", "snr_db", BLUE, {"linewidth": 2.6, "marker": "o", "markersize": 6}))
    panels = [
        (column, label, chosen)
        for column, label in ((0, "noise: standard deviation (pixel values)"), (1, "hidden pixels (%)"))
        if (chosen := [point for point in points if point[0][column] > 0])
    ]
    values = np.array([_value(run, name, key) for _, run, name in points for _, key, _, _ in lines])
    with look():
        figure = new_figure(6.2)
        axes = figure.subplots(2, len(panels), sharey="row", sharex="col", squeeze=False, height_ratios=[1.5, 1.0])
        figure.subplots_adjust(left=0.085, right=0.985, bottom=0.19, top=0.965, wspace=0.06, hspace=0.1)
        for (upper, lower), panel in zip(axes.T, panels, strict=True):
            _levels(upper, panel, lines, values)
            (_exact if exact else _against_linear)(lower, panel, spec.baselines)
            lower.set_xlabel(panel[1])
        axes[0, 0].set_ylabel("signal to error (dB)")
        axes[1, 0].set_ylabel("every pixel right (%)" if exact else "above linear MMSE (dB)")
        entries = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1], strict=True))
        entries |= dict(zip(*axes[1, 0].get_legend_handles_labels()[::-1], strict=True))
        figure.legend(entries.values(), entries.keys(), loc="lower center", ncols=4, bbox_to_anchor=(0.53, 0.0))
        content = png(figure)
    low, high = arrays["range"]
    behind = [_words(run, name) for _, run, name in points if _value(run, name, "over_best_db") < 0]
    caption = (
        "Higher is cleaner: the power of the images about the training mean over the power of the remaining error, "
        "pooled "
        f"over {len(arrays['clean'])} images whose pixels go from {low:g} to {high:g}; 0 dB is what answering with "
        f"the mean image scores. "
    )
    caption += (
        f"The circuit loses to the best baseline at {', '.join(behind)}."
        if behind
        else "No baseline beats the circuit."
    )
    if (values >= CEILING_DB).any():
        caption += " A triangle at the top: every pixel of every image was right."
    caption += (
        " Below: the share of images in which every pixel is right." if exact else
        " Below: the distance to the linear minimum mean-square estimator; the dashed line is that estimator clipped "
        "to the "
        "range of the pixels, as the circuit's answer is."
    )  # fmt: skip
    alt = "Signal to error in decibels against noise and masking; " + "; ".join(run.findings.sentence for run in runs)
    return Drawing("curves.png", "How clean the images become", caption, alt, content)


def _levels(axis, panel, lines, values: np.ndarray) -> None:
    """All estimators against the level; what has no error at all stands as a triangle at the top."""
    chosen = panel[2]
    levels, top = _places(panel), 1.15 * values[values < CEILING_DB].max()
    for place, (name, key, colour, style) in enumerate(lines):
        heights = np.array([_value(run, condition, key) for _, run, condition in chosen])
        perfect = heights >= CEILING_DB
        axis.plot(levels, np.minimum(heights, 1.5 * top), color=colour, label=name, **style)
        aside = (place - len(lines) + 1) * 0.03 * (levels[-1] - levels[0])  # two triangles must not hide each other
        axis.plot(levels[perfect] + aside, np.full(perfect.sum(), top), "^", color=colour, markersize=7, clip_on=False)
    axis.set_xticks(levels, [f"{level:g}" for level in levels])
    axis.axhline(0.0, color=GREY, linewidth=0.6)
    axis.set_ylim(min(0.0, values.min()) - 1.0, top)


def _against_linear(axis, panel, baselines: Sequence[str]) -> None:
    levels = _places(panel)
    axis.axhline(0.0, color=CYCLE[1 + list(baselines).index("lmmse")], linewidth=1.5)
    for key, style in (("lmmse_read_db", {"linestyle": "--", "color": INK, "label": "linear MMSE, clipped"}),
                       ("snr_db", {"color": BLUE, "linewidth": 2.6, "marker": "o"})):  # fmt: skip
        axis.plot(
            levels, [_value(run, name, key) - _value(run, name, "lmmse_db") for _, run, name in panel[2]], **style
        )


def _exact(axis, panel, baselines: Sequence[str]) -> None:
    levels = _places(panel)
    for place, name in enumerate(baselines):
        rates = [100 * _value(run, condition, f"{name}_exact_rate") for _, run, condition in panel[2]]
        axis.plot(levels, rates, color=CYCLE[1 + place], marker="o", markersize=4)
    rates = [100 * _value(run, condition, "exact_rate") for _, run, condition in panel[2]]
    axis.plot(levels, rates, color=BLUE, linewidth=2.6, marker="o")
    axis.set_ylim(0, 105)


def _places(panel) -> np.ndarray:
    column, _, chosen = panel
    return np.array([point[0][column] for point in chosen]) * (100.0 if column else 1.0)


def draw_lesions(runs: Sequence[Run]) -> Drawing:
    """How often each area ends at its half of the pair, whole and with parts cut away."""
    metrics = [run.findings.metrics for run in runs]
    count = len(runs[0].findings.arrays["target"])
    with look():
        figure = new_figure(0.62 * len(runs) + 1.3)
        height = figure.get_figheight()
        axis = figure.add_axes([0.2, 0.55 / height, 0.76, 1 - 0.95 / height])
        for row, each in enumerate(metrics):
            axis.barh(row - 0.19, each["cued_recall_rate"], 0.34, color=ORANGE)
            axis.barh(row + 0.19, each["completion_rate"], 0.34, color=BLUE)
            low, high = each["completion_ci_low"], each["completion_ci_high"]
            axis.plot([low, high], [row + 0.19] * 2, color=INK, linewidth=1.4)
            for name, place in (("cued_recall_rate", -0.19), ("completion_rate", 0.19)):
                edge = max(each[name], high) if name == "completion_rate" else each[name]
                axis.text(edge + 0.012, row + place, f"{100 * each[name]:.1f} %", va="center", fontsize=9, bbox=PATCH)
        axis.axvline(metrics[0]["chance"], color=GREY, linestyle="--", linewidth=1.2, zorder=0)
        axis.set_yticks(range(len(runs)), [run.variant.replace("-", " ") or "as written" for run in runs])
        axis.set_ylim(len(runs) - 0.5, -0.5)
        axis.set_xlim(0, 1.09)
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axis.set_xlabel("share of trials (%)")
        axis.tick_params(axis="y", length=0)
        _legend(figure)
        content = png(figure)
    rates = ", ".join(
        f"{run.variant or 'as written'} {100 * m['completion_rate']:.1f} %"
        for run, m in zip(runs, metrics, strict=True)
    )
    caption = (
        f"The share of {count} trials in which each area ended at its half of the pair, every pixel right; the bar on "
        "the "
        f"blue is the 95 % interval. The dashed line is one in {1 / metrics[0]['chance']:.0f}, a guess among the "
        "stored "
        f"partners; an area that nobody tells anything does worse than that, because it often ends at none of them. "
        f"Looking the nearest prototype's partner up in a table scores {100 * metrics[0]['baseline_lookup']:.1f} %."
    )
    return Drawing("lesions.png", "What each part is needed for", caption, f"Completion: {rates}.", content)


def _legend(figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=ORANGE, label="cued area recalled"), Patch(color=BLUE, label="other area completed"),
        Line2D([], [], color=GREY, linestyle="--", label="chance"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="upper center", ncols=3, bbox_to_anchor=(0.58, 1.0))


def _value(run: Run, name: str, key: str) -> float:
    metrics = run.findings.metrics
    return metrics.get(f"{name}.{key}", metrics.get(key, np.nan))


def _words(run: Run, name: str) -> str:
    best = max(run.experiment.scenario.denoise.baselines, key=lambda each: _value(run, name, f"{each}_db"))
    return f"{name} ({NAMES.get(best, best)}, by {-_value(run, name, 'over_best_db'):.2f} dB)"
