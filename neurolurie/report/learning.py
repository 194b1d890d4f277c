"""Pictures of a kind 'learn': errors of all models, learning curves, and runs of the models beside the truth."""

from __future__ import annotations

import numpy as np

from neurolurie.report.drawing import BLUE, GREY, INK, ORANGE, VERMILLION, Drawing, look, new_figure, png
from neurolurie.result import Run

FLOOR = "predict-the-mean.test_mean"


def draw_errors(run: Run, prefix: str = "") -> Drawing:
    """The test error of every model and seed, sorted, with what the other examinations gave."""
    arrays, metrics = run.findings.arrays, run.findings.metrics
    labels = sorted((str(label) for label in arrays["labels"]), key=lambda name: np.mean(arrays[f"{name}.test"]))
    others = [name for name in ("far", "long") if f"{labels[0]}.{name}" in arrays]
    with look():
        height = 0.34 * len(labels) + 1.1
        figure = new_figure(height)
        axes = figure.add_axes([0.19, 0.55 / height, 0.78, 1 - 1.0 / height])
        for row, name in enumerate(labels):
            values = arrays[f"{name}.test"]
            seen = values[np.isfinite(values) & (values > 0)]
            axes.plot(seen, np.full(len(seen), row), "o", color=BLUE, markersize=4.5, alpha=0.55, markeredgewidth=0)
            if len(seen):
                axes.plot([seen.mean()] * 2, [row - 0.33, row + 0.33], color=BLUE, linewidth=2.2)
            for colour, other in zip((VERMILLION, ORANGE), others, strict=False):
                values = arrays[f"{name}.{other}"]
                values = values[np.isfinite(values)]
                if len(values):
                    axes.plot(values.mean(), row, "|", color=colour, markersize=11, markeredgewidth=2)
        if FLOOR in metrics:
            axes.axvline(metrics[FLOOR], color=GREY, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_xscale("log")
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#e4e8eb", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.set_xlabel("mean squared error (square of a state's unit)")
        _legend(figure, others)
        content = png(figure)
    best = labels[0]
    caption = (
        f"A dot is a seed, the blue bar their mean, on test trajectories like those of training. "
        f"Lowest: {best}, {np.mean(arrays[f'{best}.test']):.3g} on average. The dashed line is the error of answering "
        f"with the mean trajectory whatever the initial state."
    )
    if others:
        names = {"far": "initial states outside the range of training", "long": "a longer horizon"}
        caption += f" The short ticks are means for {' and '.join(names[name] for name in others)}."
    alt = "; ".join(f"{name} {np.mean(arrays[f'{name}.test']):.3g}" for name in labels)
    title = "How far each model is from the truth"
    return Drawing(f"{prefix}errors.png", title, caption, f"Test errors: {alt}.", content)


def draw_curves(run: Run, prefix: str = "") -> Drawing:
    """Validation loss after every epoch, a panel for each model, a line for each seed."""
    arrays = run.findings.arrays
    labels = [str(label) for label in arrays["labels"]]
    curves = {name: arrays[f"{name}.validation"] for name in labels}
    curves = {name: np.where(np.isfinite(values), values, np.nan) for name, values in curves.items()}
    every = np.concatenate([values.ravel() for values in curves.values()])
    every = every[np.isfinite(every) & (every > 0)]
    with look():
        figure, panels = _panels(labels, "epoch", "validation loss")
        for name, axes in panels.items():
            for line in curves[name]:
                axes.plot(np.arange(1, len(line) + 1), line, color=BLUE, alpha=0.55, linewidth=0.9)
            axes.set_yscale("log")
            if len(every):
                axes.set_ylim(every.min() / 1.5, min(every.max(), np.quantile(every, 0.995) * 3) * 1.5)
        content = png(figure)
    ends = {name: float(np.nanmean(values[:, -1] / np.nanmin(values, axis=1))) for name, values in curves.items()}
    worst = max(ends, key=lambda name: ends[name])
    caption = (
        f"A line is a seed; all panels share their axes. A model is kept at its lowest point. The least stable end is "
        f"that of {worst}: its last epoch is {ends[worst]:.2g} times its lowest."
    )
    alt = f"Validation losses of {', '.join(labels)}."
    return Drawing(f"{prefix}curves.png", "Learning curves", caption, alt, content)


def draw_runs(run: Run, prefix: str = "") -> Drawing:
    """The first state of the first test trajectories: the truth, and the best seed of each model."""
    arrays = run.findings.arrays
    labels, truth, times = [str(label) for label in arrays["labels"]], arrays["truth"], arrays["times"]
    with look():
        low, high = truth[:, :, 0].min(), truth[:, :, 0].max()
        pad = 0.15 * (high - low) + 1e-9
        figure, panels = _panels(labels, "time (s)", "first state")
        for name, axes in panels.items():
            for real, learnt in zip(truth, arrays[f"{name}.runs"], strict=False):
                axes.plot(times, real[:, 0], color=INK, linewidth=0.8)
                axes.plot(times, learnt[:, 0], color=VERMILLION, linewidth=1.1, linestyle=(0, (3, 1.5)))
            axes.set_ylim(low - pad, high + pad)
            axes.set_xlim(0, times[-1])
        content = png(figure)
    caption = (
        f"Black: the truth, {len(truth)} test trajectories. Red, dashed: the seed with the lowest validation loss of "
        f"every model, from the same start."
    )
    alt = "The first state over time, truth and models."
    return Drawing(f"{prefix}runs.png", "What the models do", caption, alt, content)


def _panels(labels: list[str], horizontal: str, vertical: str):
    """A figure with a small panel for each label, four in a row."""
    columns = min(4, len(labels))
    height = 1.55 * -(-len(labels) // columns) + 0.55
    figure, panels = new_figure(height), {}
    for number, name in enumerate(labels):
        row, column = divmod(number, columns)
        corner = (0.075 + column * 0.93 / columns, 1 - (1.55 * row + 1.5) / height)
        axes = panels[name] = figure.add_axes([*corner, 0.93 / columns - 0.035, 1.15 / height])
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8, labelleft=column == 0, labelbottom=number + columns >= len(labels))
    figure.text(0.5, 0.1 / height, horizontal, ha="center", color=INK)
    figure.text(0.008, 0.5, vertical, va="center", rotation=90, color=INK)
    return figure, panels


def _legend(figure, others: list[str]) -> None:
    from matplotlib.lines import Line2D

    words = {"far": "outside the range of training", "long": "longer horizon"}
    handles = [
        Line2D([], [], color=BLUE, marker="o", linestyle="", markersize=4.5, label="test, a seed"),
        Line2D([], [], color=GREY, linestyle=(0, (4, 2)), label="predict the mean"),
    ]
    for colour, name in zip((VERMILLION, ORANGE), others, strict=False):
        tick = {"color": colour, "marker": "|", "linestyle": "", "markersize": 10, "markeredgewidth": 2}
        handles.append(Line2D([], [], label=words[name], **tick))
    figure.legend(handles=handles, loc="upper center", ncols=len(handles), bbox_to_anchor=(0.55, 1.0))
