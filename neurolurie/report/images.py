"""Figures of images that were completed or cleaned."""

from __future__ import annotations

import numpy as np

from neurolurie.report.drawing import (
    BLUE,
    GREEN,
    INK,
    VERMILLION,
    Drawing,
    dots,
    frame,
    look,
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
