"""What the numbers of a run are called on the page, and how they are written."""

from __future__ import annotations

MEANING = {
    "recall_rate": "recalled: every pixel right at the end",
    "recall_ci_low": "recalled, lower end of the 95 % interval (Wilson)",
    "recall_ci_high": "recalled, upper end of the 95 % interval (Wilson)",
    "near_rate": "nearly recalled: overlap of at least 0.95",
    "wrong_rate": "recalled another stored pattern",
    "spurious_rate": "ended at none of the stored patterns",
    "baseline_nearest": "baseline: nearest stored pattern, same cues",
    "overlap_start": "overlap of the cue with its pattern, mean",
    "overlap_end": "overlap at the end, mean",
    "prototype_overlap_mean": "overlap of two stored patterns, mean",
    "prototype_overlap_max": "overlap of two stored patterns, largest",
    "settling_time_s": "time until at rest, median",
    "unsettled_fraction": "not at rest at the end",
    "certified_fraction": "entered a certified region",
    "certified_time_s": "time of entering a certified region, median",
    "completion_rate": "completed: every pixel of the partner right at the end",
    "completion_ci_low": "completed, lower end of the 95 % interval (Wilson)",
    "completion_ci_high": "completed, upper end of the 95 % interval (Wilson)",
    "cued_recall_rate": "recalled in the cued area",
    "completed_given_recalled": "completed, among those recalled in the cued area",
    "completion_overlap": "overlap with the partner at the end, mean",
    "completion_time_s": "time until complete, median",
    "baseline_lookup": "baseline: nearest stored pattern, partner from a table",
    "chance": "by chance",
    "snr_db": "signal to error, all images together",
    "snr_median_db": "signal to error, median image",
    "input_db": "signal to error with nothing done",
    "gain_db": "gain over doing nothing",
    "over_best_db": "gain over the best baseline",
    "exact_rate": "every pixel right",
    "conditions_lost": "conditions in which a baseline is better",
    "lmmse_db": "signal to error of the linear MMSE estimator",
    "lmmse_read_db": "the same, clipped as the circuit's answer is",
    "over_lmmse_db": "gain over the linear MMSE estimator",
    "encoding_rms": "error when the delay begins, rms",
    "error_rms_end": "error at the end, rms",
    "drift_rms": "drift in the delay without noise, rms",
    "drift_rms_per_s": "drift for each second, rms",
    "diffusion_per_s": "diffusion, half the slope of the variance",
    "diffusion_low_per_s": "diffusion, lower end of the 95 % interval",
    "diffusion_high_per_s": "diffusion, upper end of the 95 % interval",
    "diffusion_theory_per_s": "diffusion by theory: half of sigma\N{SUPERSCRIPT TWO} |psi|\N{SUPERSCRIPT TWO}",
    "diffusion_ratio": "diffusion measured over theory",
    "variance_exponent": "the variance grows as time to this power",
    "variance_bend": "growth of the variance, second half over first",
    "pinned": "pinned: the variance is not linear in time",
    "horizon_s": "the number is good for (rms error within tolerance)",
    "horizon_censored": "good until the end: the horizon was not reached",
    "slow_rate_per_s": "eigenvalue of the slow mode",
    "leak_per_s": "leak, measured",
    "leak_theory_per_s": "leak by theory",
    "variance_end": "variance at the end",
    "variance_theory_end": "variance at the end by theory",
    "variance_ratio": "variance measured over theory",
    "accuracy": "right answers",
    "optimal_accuracy": "right answers of the optimal integrator, as fast",
    "accuracy_of_all_evidence": "right answers if all evidence were waited for",
    "accuracy_strongest": "right answers at the strongest coherence",
    "psychometric_slope": "slope of the psychometric curve, per unit of coherence",
    "psychometric_slope_error": "standard error of that slope",
    "optimal_slope": "slope for the optimal integrator",
    "slope_ratio": "slope over the optimal one",
    "rt_mean_s": "time to decide, mean",
    "optimal_rt_mean_s": "time to decide of the optimal integrator, mean",
    "rt_weakest_s": "time to decide at the weakest coherence, mean",
    "rt_strongest_s": "time to decide at the strongest coherence, mean",
    "undecided_fraction": "did not reach the threshold",
    "overlap_before": "overlap when the delay begins, mean",
    "overlap_lowest": "lowest mean overlap in the delay",
    "kept_s": "mean overlap stays above 0.95 for",
    "kept_censored": "kept until the end",
    "diverged_fraction": "left every bound",
    "settled_fraction": "came to rest",
    "oscillating_fraction": "kept oscillating",
    "amplitude": "amplitude of the watched state, median",
    "amplitude_ratio": "amplitude at the end against that at the beginning",
    "period_s": "period of the watched state, median",
    "equilibria": "different resting states reached",
    "end_norm": "distance of the end from the origin, median",
    "spread_start": "how far trials differ at the start",
    "spread_end": "how far trials differ at the end",
}
BASELINES = {
    "recall_rate": "baseline_nearest",
    "completion_rate": "baseline_lookup",
    "accuracy": "optimal_accuracy",
}  # a metric and the one that it must be held against

SHARES = (
    "_rate",
    "_fraction",
    "_ci_low",
    "_ci_high",
    "_given_recalled",
    "baseline_nearest",
    "baseline_lookup",
    "chance",
    "accuracy",
    "accuracy_of_all_evidence",
    "accuracy_strongest",
)


def meaning(name: str) -> str:
    """A metric in plain words; the name itself where there are none.

    >>> meaning("end_agents.x1"), meaning("period_s")
    ('state agents.x1 at the end, median', 'period of the watched state, median')
    >>> meaning("k2.noise_0.1_mean")
    'k2: noise 0.1 mean'
    """
    if name in MEANING:
        return MEANING[name]
    if name.startswith("end_"):
        return f"state {name.removeprefix('end_')} at the end, median"
    condition, dot, rest = name.partition(".")
    if dot and not rest[:1].isdigit():  # the dot of noise_0.1 divides nothing
        return f"{condition}: {meaning(rest)}"
    return name.removesuffix("_s").removesuffix("_db").replace("_", " ")


def quantity(name: str, value: float) -> str:
    """A value with its unit: shares in per cent, times in seconds or milliseconds, others to four digits.

    >>> quantity("recall_rate", 0.915), quantity("settling_time_s", 0.098), quantity("noise-50.snr_db", 12.0)
    ('91.5 %', '98 ms', '12 dB')
    """
    if name.endswith(SHARES):
        text = f"{round(100 * value, 4):.4g} %"
    elif name.endswith("_per_s"):
        text = f"{value:.4g} /s"
    elif name.endswith("_s"):
        text = f"{1000 * value:.4g} ms" if abs(value) < 1 else f"{value:.4g} s"
    elif name.endswith("_db"):
        text = f"{value:.4g} dB"
    else:
        text = f"{0.0 if abs(value) < 1e-15 else value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def interval(name: str, low: float, high: float) -> str:
    """The bounds of an expectation.

    >>> interval("recall_rate", 0.85, 1.0), interval("equilibria", 1, 1)
    ('85 % to 100 %', '1')
    """
    return quantity(name, low) if low == high else f"{quantity(name, low)} to {quantity(name, high)}"
