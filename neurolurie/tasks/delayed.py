"""Delayed recall: a damaged cue, a long delay full of distractors, and what is left of the memory at every delay."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.equilibria import relax
from neurolurie.analysis.memory import nearest, overlap, wilson_interval
from neurolurie.data import find_patterns
from neurolurie.errors import SpecError
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks import recall
from neurolurie.tasks.experiment import Experiment
from neurolurie.tasks.task import Findings, Task, Trials

KEPT = 0.95  # a mean overlap below this counts as forgotten


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Overlap with the cued pattern against the delay, recall at its end, and how long the memory was kept."""
    cue, inputs = experiment.scenario.cue, experiment.scenario.inputs
    patterns = find_patterns(cue.patterns, experiment.data)
    slot, target, count = experiment.part(cue.circuit).states, trials.notes["target"], len(trials.x0)
    if len(problem.record.states) != experiment.network.n:
        raise SpecError("a delayed recall needs all states recorded.", experiment.source.where("simulate", "record"))
    times, rows = problem.times(), np.arange(count)
    own = np.stack(
        [overlap(x, patterns.values)[rows, target] for x in trajectory.states[:, :, slot].swapaxes(0, 1)], axis=1
    )
    # What is recalled is where the circuit settles when noise and distractors have stopped.
    settled = relax(experiment.network, trajectory.final, steps=2000)
    final = settled[:, slot]
    exact = (np.sign(final) == np.sign(patterns.values[target])).all(axis=1)
    others = overlap(final, patterns.values)
    others[rows, target] = -np.inf
    low, high = wilson_interval(int(exact.sum()), count)
    mean = own.mean(axis=0)
    onset = min((entry.on for entry in inputs if entry.on is not None), default=0.0)
    delayed = np.flatnonzero(times >= onset)
    lost = delayed[mean[delayed] < KEPT]
    metrics = {
        "recall_rate": exact.mean(), "recall_ci_low": low, "recall_ci_high": high, "overlap_end": own[:, -1].mean(),
        "overlap_before": mean[delayed[0]], "overlap_lowest": mean[delayed].min(),
        "delay_s": times[-1] - onset, "steps": float(problem.steps),
        "kept_s": (times[lost[0]] if len(lost) else times[-1]) - onset, "kept_censored": float(not len(lost)),
        "wrong_rate": (others >= 1.0 - 1e-12).any(axis=1).mean(),
        "baseline_nearest": (nearest(trials.notes["cues"], patterns.values) == target).mean(),
    }  # fmt: skip
    arrays = {
        "times": times, "overlap": own, "target": target, "cues": trials.notes["cues"], "final": final, "exact": exact,
        "patterns": patterns.values, "labels": patterns.labels, "image_shape": np.array(patterns.shape),
        "onset": np.array(onset),
    }  # fmt: skip
    kept = f"for all {metrics['kept_s']:.4g} s" if not len(lost) else f"for {metrics['kept_s']:.4g} s"
    sentence = (
        f"recalled {round(metrics['recall_rate'] * count)} of {count} after a delay of {metrics['delay_s']:.4g} s "
        f"({problem.steps} steps); the mean overlap stays above {KEPT:g} {kept}; nearest prototype at the cue "
        f"{100 * metrics['baseline_nearest']:.1f} %"
    )
    return Findings({name: float(value) for name, value in metrics.items()}, sentence, arrays)


TASK = Task(recall.draw, measure, "A cue, a long delay with distractors, and what is left of the memory.")
