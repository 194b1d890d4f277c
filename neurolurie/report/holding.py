"""Figures of held numbers: what is read from the circuit through the delay, and how its spread grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolurie.report.drawing import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILLION,
    Drawing,
    look,
    new_figure,
    png,
    time_unit,
)
from neurolurie.result import Run

SHOWN = 24  # trials drawn as lines


def draw_held(runs: Sequence[Run]) -> Drawing:
    """One row for every variant: the number through time, and its error or its variance beside the theory."""
    with look():
        figure = new_figure(1.75 * len(runs) + 0.55)
        axes = figure.subplots(len(runs), 2, squeeze=False, width_ratios=[1.25, 1.0])
        bottom = 0.62 / figure.get_figheight()
        figure.subplots_adjust(left=0.09, right=0.985, bottom=bottom, top=1 - 0.28 / figure.get_figheight(),
                               hspace=0.75, wspace=0.24)  # fmt: skip
        for (left, right), run in zip(axes, runs, strict=True):
            _traces(left, run)
            _spread(right, run)
        content = png(figure)
    pinned = [run.variant for run in runs if run.findings.metrics.get("pinned")]
    caption = (
        "Left: the number read from the circuit, one line for each of some trials; in the grey time the pulse puts it "
        "in, "
        "then it is on its own. Right: without noise, how far trials have drifted since then; with noise, the "
        "variance over trials, and, dashed, what theory says before anything is run: the noise along the adjoint zero "
        "mode, "
        "and for the line the leak of the one slow eigenvalue."
    )
    if pinned:
        caption += f" {', '.join(pinned)}: the variance does not grow in proportion to time, the number is pinned."
    return Drawing("held.png", "A number held", caption, "; ".join(run.findings.sentence for run in runs), content)


def _traces(axis, run: Run) -> None:
    arrays, spec = run.findings.arrays, run.experiment.scenario.hold
    factor, unit = time_unit(arrays["times"])
    times, decoded, angular = factor * arrays["times"], arrays["decoded"], spec.read == "angle"
    chosen = np.linspace(0, len(decoded) - 1, min(SHOWN, len(decoded))).round().astype(int)
    held = decoded[:, arrays["start"] :]
    begin = times[arrays["start"]]
    for trial in chosen:
        value = decoded[trial]
        if angular:  # the branch on which the held angle lies in [-180, 180)
            value = np.degrees(value - 2.0 * np.pi * np.round(held[trial, 0] / (2.0 * np.pi)))
        axis.plot(times[1:], value[1:], color=BLUE, linewidth=0.7, alpha=0.75)
    axis.axvspan(0, begin, color=PALE, alpha=0.6, linewidth=0)
    axis.set_xlim(0, times[-1])
    if angular:
        axis.set_ylim(-190, 190)
        axis.set_yticks([-180, 0, 180])
    axis.set_ylabel("angle (degrees)" if angular else "value")
    axis.set_xlabel(f"time ({unit})")
    axis.set_title(run.variant.replace("-", " ") or run.experiment.scenario.title, fontsize=10)


def _spread(axis, run: Run) -> None:
    arrays, spec = run.findings.arrays, run.experiment.scenario.hold
    factor, unit = time_unit(arrays["times"])
    start, angular = int(arrays["start"]), spec.read == "angle"
    axis.set_xlabel(f"delay ({unit})")
    if "variance" not in arrays:
        held = arrays["decoded"][:, start:]
        drift = np.sqrt(((held - held[:, :1]) ** 2).mean(axis=0))
        delay = factor * (arrays["times"][start:] - arrays["times"][start])
        axis.semilogy(delay[1:], np.maximum(drift[1:], 1e-17), color=VERMILLION, linewidth=1.8)
        axis.axhline(spec.tolerance, color=GREY, linestyle=":", linewidth=1)
        axis.set_ylim(1e-17, 10)
        axis.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
        axis.set_xlim(0, delay[-1])
        axis.set_ylabel("drift, rms (rad)" if angular else "drift, rms")
        mantissa, _, exponent = f"{drift[-1]:.1e}".partition("e")
        size = f"{drift[-1]:.2g}" if drift[-1] > 1e-3 else f"${mantissa} \\cdot 10^{{{int(exponent)}}}$"
        axis.set_title(f"no noise: {size}{' rad' if angular else ''} in {delay[-1]:g} {unit}", fontsize=10)
        return
    times = factor * arrays["var_times"]
    axis.plot(times, 1e3 * arrays["variance"], color=ORANGE, linewidth=2.0, label="measured")
    axis.plot(times, 1e3 * arrays["variance_theory"], color=INK, linestyle="--", linewidth=1.3, label="theory")
    axis.set_xlim(0, times[-1])
    axis.set_ylim(0, None)
    axis.set_ylabel("variance\n($10^{-3}$ rad$^2$)" if angular else "variance ($10^{-3}$)")
    metrics = run.findings.metrics
    if metrics.get("pinned"):
        axis.set_title("pinned: no diffusion", fontsize=10)
    elif angular:
        ratio = metrics["diffusion_ratio"]
        axis.set_title(f"diffusion {metrics['diffusion_per_s']:.2g} rad$^2$/s, {ratio:.2f} of theory", fontsize=10)
    else:
        axis.set_title(
            f"leak {metrics['leak_per_s']:.3g} /s, theory {metrics['leak_theory_per_s']:.3g} /s", fontsize=10
        )
    axis.legend(loc="upper left", fontsize=8, handlelength=1.6, borderaxespad=0.1)
