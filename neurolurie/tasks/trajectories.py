"""Trajectories: start a circuit from many states and see whether it rests, oscillates or escapes."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.motion import REST, amplitude, distinct, period, speeds, time_constant
from neurolurie.errors import SpecError, did_you_mean
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import START_STREAM, Experiment
from neurolurie.tasks.task import Findings, Task, Trials

# A trial oscillates if its amplitude is more than this, and the same in the last quarter as in the one before.
MOVING, SAME_AMPLITUDE = 1e-3, 0.05


def draw(experiment: Experiment) -> Trials:
    """Initial states as written, or uniform in a box."""
    start, n, where = experiment.scenario.start, experiment.network.n, experiment.source.where("start")
    if start is None:
        raise SpecError("a scenario of kind 'trajectories' needs a start.", where)
    if start.states is not None:
        x0 = np.array([row + [np.nan] * (n - len(row)) for row in start.states])
        if any(len(row) != n for row in start.states):
            raise SpecError(f"every initial state needs {n} numbers.", experiment.source.where("start", "states"))
        if experiment.scenario.trials not in (1, len(x0)):
            raise SpecError(
                f"{len(x0)} initial states are written, trials is {experiment.scenario.trials}.",
                experiment.source.where("trials"),
            )
        return Trials(x0)
    low, high = start.uniform
    if low >= high:
        raise SpecError(f"expected [low, high] with low below high, got {start.uniform}.", where)
    return Trials(experiment.rng(START_STREAM).uniform(low, high, (experiment.scenario.trials, n)))


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Rest, spread, oscillation (of the state named in ``measures: {amplitude_of: ...}``) and escape.

    Under noise nothing rests and every signal wavers: rest, rhythm and equilibria are then not judged.
    """
    network, times, states = experiment.network, problem.times(), trajectory.states
    watched = _watched(experiment, problem)
    finite = np.isfinite(trajectory.final).all(axis=1)
    metrics = {"diverged_fraction": 1.0 - finite.mean()}
    arrays = {"times": times, "x0": trials.x0, "finite": finite, "watched": np.array(watched)}
    if finite.any():
        final = trajectory.final[finite]
        tau = time_constant(network)
        quiet = speeds(network, final) < REST / tau
        signal = states[finite][:, :, watched]
        quarter = max(1, len(times) // 4)
        spans = ((quarter, 2 * quarter), (-2 * quarter, -quarter), (-quarter, None))
        early, before, last = (amplitude(signal[:, a:b]) for a, b in spans)
        moving = ~quiet & (last > MOVING) & (np.abs(last - before) <= SAME_AMPLITUDE * np.maximum(last, before))
        ends = distinct(final[quiet], 1e-2 * max(1.0, float(np.abs(final).max())))
        metrics |= {
            "amplitude": np.median(last), "amplitude_ratio": np.median(last / np.maximum(early, 1e-300)),
            "end_norm": np.median(np.linalg.norm(final, axis=1)),
            "spread_start": _spread(trials.x0[finite]), "spread_end": _spread(final),
        }  # fmt: skip
        half = len(times) // 2
        periods = np.array([period(times[half:], row[half:]) for row in signal[moving]])
        if problem.sigma is None:
            metrics["settled_fraction"] = quiet.sum() / len(finite)
            metrics["oscillating_fraction"] = moving.sum() / len(finite)
            metrics["equilibria"] = len(ends)
            if np.isfinite(periods).any():
                metrics["period_s"] = np.nanmedian(periods)
        if network.n <= 12:
            metrics |= {f"end_{label}": np.median(final[:, i]) for i, label in enumerate(network.states)}
        arrays |= {"ends": ends, "moving": moving}
    metrics = {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
    return Findings(metrics, _sentence(metrics, len(trials.x0), network.states[problem.record.states[watched]]), arrays)


def _watched(experiment: Experiment, problem: Problem) -> int:
    """The place, among the recorded states, of the one whose amplitude is measured; the first unless named."""
    name = experiment.scenario.measures.get("amplitude_of")
    labels = [experiment.network.states[i] for i in problem.record.states]
    if name is None:
        return 0
    if name not in labels:
        raise SpecError(
            did_you_mean("recorded state", name, labels), experiment.source.where("measures", "amplitude_of")
        )
    return labels.index(name)


def _spread(points: np.ndarray) -> float:
    """The side of the smallest box around the points: how far trials differ in the state that differs most."""
    return float((points.max(axis=0) - points.min(axis=0)).max())


def _sentence(metrics: dict, count: int, label: str) -> str:
    words = []
    for name, verb in (("settled_fraction", "came to rest"), ("oscillating_fraction", "keep oscillating")):
        if metrics.get(name):
            words.append(f"{round(metrics[name] * count)} of {count} {verb}")
    if metrics.get("equilibria") and metrics.get("settled_fraction"):
        words[0] += f" at {metrics['equilibria']:.0f} equilibri{'um' if metrics['equilibria'] == 1 else 'a'}"
    if "period_s" in metrics:
        words.append(f"{label} swings with amplitude {metrics['amplitude']:.4g} and period {metrics['period_s']:.4g} s")
    if metrics["diverged_fraction"]:
        words.append(f"{round(metrics['diverged_fraction'] * count)} of {count} escaped")
    if "settled_fraction" not in metrics and metrics["diverged_fraction"] < 1:
        words.append(
            f"{count} noisy runs: {label} wavers by {metrics['amplitude']:.4g}; rest and rhythm are not judged"
        )
    return "; ".join(words) or f"none of {count} came to rest or kept a steady rhythm"


TASK = Task(draw, measure, "Trajectories from many initial states: rest, oscillation, escape.")
