"""Figures of images that were completed or cleaned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolurie.report.drawing import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    VERMILLION,
    Drawing,
    dots,
    frame,
    look,
    new_figure,
    png,
    time_unit,
)
from neurolurie.report.recall import moments, rows_of_images
from neurolurie.result import Run

SHOWN = 8  # images in a row


def draw_pairs(run: Run, prefix: str = "") -> Drawing | None:
    """What was cued, what the cued area recalled, and how the other area came up with the partner."""
    arrays = run.findings.arrays
    shape, patterns, target = tuple(arrays["image_shape"]), arrays["patterns"], arrays["target"]
    if arrays["cues"].shape[1] != patterns.shape[1]:
        return None  # pictures of two sizes do not stand in one grid
    low, high = patterns.min(), patterns.max()
    failed = np.flatnonzero(~arrays["complete"])[:2]
    trials = np.concatenate([failed, np.flatnonzero(arrays["complete"])])[:6]
    trials = trials[np.argsort(target[trials], kind="stable")]
    states = arrays.get("states_completed")
    steps = [] if states is None or states.shape[1] < 2 else moments(states[trials], 3)
    factor, unit = time_unit(arrays["times"])
    signs = lambda values: np.where(values > 0, high, low)  # noqa: E731
    rows = [
        [image.reshape(shape) for image in (arrays["cues"][t], signs(arrays["final_cued"][t]),
         *(states[t, step] for step in steps), signs(arrays["final"][t]), patterns[target[t]])]
        for t in trials
    ]  # fmt: skip
    titles = [
        "cue",
        "recalled",
        *(f"{factor * arrays['times'][step]:.3g} {unit}" for step in steps),
        "completed",
        "partner",
    ]
    with look():
        figure, place = rows_of_images(rows, titles, low, high, label=1.6)
        axes = figure.axes[0]
        for r, t in enumerate(trials):
            good = bool(arrays["complete"][t])
            end = len(titles) - 2
            frame(axes, place(r, end), GREEN if good else VERMILLION, 2.2)
            dots(axes, place(r, end), np.sign(rows[r][end]) != np.sign(rows[r][end + 1]), VERMILLION)
            x, y, _, height = place(r, 0)
            words = f"{arrays['cued_labels'][target[t]]} is paired\nwith {arrays['labels'][target[t]]}"
            axes.text(x - 1, y + height / 2, words, ha="right", va="center", color=INK if good else VERMILLION)
        content = png(figure)
    count = len(target)
    caption = (
        f"Each row is one trial: the damaged cue, what the cued area recalled, the other area at "
        f"{len(steps)} times, what it ended at, and the stored partner. A green frame: complete; orange: not, with a "
        f"dot on every wrong pixel. {int((~arrays['complete']).sum())} of {count} trials were not completed."
    )
    alt = f"Rows of images from cue to completed partner; {int(arrays['complete'].sum())} of {count} trials completed."
    return Drawing(f"{prefix}pairs.png", "From cue to partner", caption, alt, content)


def draw_cleaned(run: Run, prefix: str = "") -> Drawing:
    """Clean images, what was shown of them, and what the circuit and the baselines made of it."""
    arrays = run.findings.arrays
    shape, (low, high) = tuple(arrays["image_shape"]), arrays["range"]
    names = [str(name) for name in arrays["conditions"]]
    kept = [names[i] for i in sorted({0, len(names) // 2, len(names) - 1})]
    baselines = run.experiment.scenario.denoise.baselines
    rows, labels = [arrays["clean"]], ["clean"]
    for name in kept:
        rows += [
            np.where(arrays[f"visible_{name}"], arrays[f"seen_{name}"], 0.5 * (low + high)),
            arrays[f"answer_{name}"],
        ]
        labels += [f"seen, {name}", "circuit"]
        for baseline in baselines:
            rows.append(arrays[f"{baseline}_{name}"])
            labels.append(baseline)
    images = [[image.reshape(shape) for image in row[:SHOWN]] for row in rows]
    with look():
        figure, place = rows_of_images(images, [""] * len(images[0]), low, high, label=1.9)
        for r, label in enumerate(labels):
            x, y, _, height = place(r, 0)
            bold, colour = ("bold", BLUE) if label == "circuit" else ("normal", INK)
            figure.axes[0].text(x - 1, y + height / 2, label, ha="right", va="center", fontweight=bold, color=colour)
        content = png(figure)
    some = "each condition" if len(kept) == len(names) else f"{len(kept)} of the conditions"
    makers = " and ".join(["what the circuit made of it", *(f"what {each} made of it" for each in baselines)])
    caption = f"Above the clean images; below, for {some}, what was shown of them (hidden pixels grey), {makers}."
    return Drawing(f"{prefix}cleaned.png", "Images before and after", caption,
                   f"Rows of images: {', '.join(labels)}.", content)  # fmt: skip


def draw_ratios(runs: Sequence[Run]) -> Drawing:
    """How much signal is left against error, for every variant and condition: circuit, baselines, doing nothing."""
    points = [(run, str(name)) for run in runs for name in run.findings.arrays["conditions"]]
    words = [run.variant if run.variant and len(run.findings.arrays["conditions"]) == 1 else
             f"{run.variant} {name}".strip() for run, name in points]  # fmt: skip
    sorts = [name.partition("-")[0] for _, name in points]  # noise, mask: no line leads from one to the other
    groups = [[i for i, each in enumerate(sorts) if each == sort] for sort in dict.fromkeys(sorts)]
    baselines = runs[0].experiment.scenario.denoise.baselines
    lines = [("nothing done", "input_db", GREY, "--"), ("circuit", "snr_db", BLUE, "-")]
    others = [colour for colour in CYCLE if colour != BLUE]
    lines += [(each, f"{each}_db", others[i % len(others)], "-") for i, each in enumerate(baselines)]
    with look():
        figure = new_figure(3.8)
        axes = figure.add_axes([0.08, 0.26, 0.72, 0.68])
        for label, key, colour, style in lines:
            strong = label == "circuit"
            size = {"linewidth": 3.4, "markersize": 8} if strong else {"linewidth": 1.3, "markersize": 4.5}
            heights = np.array([_ratio(run, name, key) for run, name in points])
            for number, group in enumerate(groups):
                axes.plot(
                    group, heights[group], style, color=colour, marker="o", label=label if not number else None, **size
                )
        axes.set_xticks(range(len(points)), words, rotation=25 if len(points) > 4 else 0)
        axes.set_xlim(-0.4, len(points) - 0.6)
        axes.set_xlabel("what was done to the images")
        axes.set_ylabel("signal to error (dB)")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        content = png(figure)
    caption = (
        "Higher is cleaner: the power of the images (about their mean) over that of the remaining error, in decibels. "
        "The blue line is the circuit; where another line is above it, the circuit loses. 100 dB: no error is left."
    )
    alt = "Signal to error in decibels; " + "; ".join(run.findings.sentence for run in runs)
    return Drawing("ratios.png", "How clean the images become", caption, alt, content)


def _ratio(run: Run, name: str, key: str) -> float:
    metrics = run.findings.metrics
    return metrics.get(f"{name}.{key}", metrics.get(key, np.nan))
