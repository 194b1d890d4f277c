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
    "diverged_fraction": "left every bound",
    "settled_fraction": "came to rest",
    "oscillating_fraction": "kept oscillating",
    "amplitude": "amplitude of the watched state, median",
    "amplitude_ratio": "amplitude at the end against that at the beginning",
    "swing": "amplitude of the watched state, median",
    "swing_ratio": "amplitude at the end against that at the beginning",
    "period_s": "period of the watched state, median",
    "equilibria": "different resting states reached",
    "end_norm": "distance of the end from the origin, median",
    "spread_start": "how far trials differ at the start",
    "spread_end": "how far trials differ at the end",
}
BASELINES = {"recall_rate": "baseline_nearest"}  # a metric and the one that it must be held against


def meaning(name: str) -> str:
    """A metric in plain words; the name itself where there are none.

    >>> meaning("end_agents.x1"), meaning("period_s")
    ('state agents.x1 at the end, median', 'period of the watched state, median')
    """
    if name in MEANING:
        return MEANING[name]
    if name.startswith("end_"):
        return f"state {name.removeprefix('end_')} at the end, median"
    return name.removesuffix("_s").replace("_", " ")


def quantity(name: str, value: float) -> str:
    """A value with its unit: shares in per cent, times in seconds or milliseconds, others to four digits.

    >>> quantity("recall_rate", 0.915), quantity("settling_time_s", 0.098), quantity("period_s", 6.388)
    ('91.5 %', '98 ms', '6.388 s')
    """
    plain = name.rpartition(".")[2] if name.rpartition(".")[2] in MEANING else name
    if plain.endswith(("_rate", "_fraction", "_nearest")) or plain.startswith("recall_ci"):
        return f"{round(100 * value, 4):.4g} %"
    if plain.endswith("_s"):
        return f"{1000 * value:.4g} ms" if abs(value) < 1 else f"{value:.4g} s"
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def interval(name: str, low: float, high: float) -> str:
    """The bounds of an expectation.

    >>> interval("recall_rate", 0.85, 1.0), interval("equilibria", 1, 1)
    ('85 % to 100 %', '1')
    """
    return quantity(name, low) if low == high else f"{quantity(name, low)} to {quantity(name, high)}"
