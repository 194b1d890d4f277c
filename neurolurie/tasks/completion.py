"""Completion: one area is cued with half of a pair, another must come up with the other half."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.memory import nearest, overlap, wilson_interval
from neurolurie.data import find_patterns
from neurolurie.errors import SpecError
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks import recall
from neurolurie.tasks.experiment import START_STREAM, Experiment
from neurolurie.tasks.task import Findings, Task, Trials


def draw(experiment: Experiment) -> Trials:
    """Cues as in a recall; the completing circuit starts near zero, at random, knowing nothing."""
    scenario, source = experiment.scenario, experiment.source
    wanted = scenario.completion
    if wanted is None:
        raise SpecError("a scenario of kind 'completion' needs a completion.", source.where("completion"))
    trials = recall.draw(experiment)
    states = experiment.part(wanted.circuit, "completion", "circuit").states
    cued = find_patterns(scenario.cue.patterns, experiment.data, source.where("cue", "from"))
    partners = find_patterns(wanted.patterns, experiment.data, source.where("completion", "from"))
    if len(cued.values) != len(partners.values):
        raise SpecError(
            f"{len(cued.values)} patterns are cued and {len(partners.values)} complete them: pairs are needed.",
            source.where("completion", "from"),
        )
    if partners.values.shape[1] != states.stop - states.start:
        raise SpecError(
            f"the patterns have {partners.values.shape[1]} units, circuit '{wanted.circuit}' has "
            f"{states.stop - states.start} states.",
            source.where("completion", "from"),
        )
    x0 = trials.x0.copy()
    x0[:, states] = experiment.rng(START_STREAM).uniform(
        -wanted.start, wanted.start, (len(x0), partners.values.shape[1])
    )
    return Trials(x0, trials.notes)


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """How often each area ends at its pattern of the pair, and when; beside it, looking the pair up in a table."""
    cue, wanted = experiment.scenario.cue, experiment.scenario.completion
    cued, partners = (find_patterns(entry.patterns, experiment.data) for entry in (cue, wanted))
    target, count = trials.notes["target"], len(trials.x0)
    first, second = experiment.part(cue.circuit).states, experiment.part(wanted.circuit).states
    final = trajectory.final[:, second]
    complete = (np.sign(final) == np.sign(partners.values[target])).all(axis=1)
    recalled = (np.sign(trajectory.final[:, first]) == np.sign(cued.values[target])).all(axis=1)
    at_end = overlap(final, partners.values)
    low, high = wilson_interval(int(complete.sum()), count)
    metrics = {
        "completion_rate": complete.mean(), "completion_ci_low": low, "completion_ci_high": high,
        "cued_recall_rate": recalled.mean(),
        "completed_given_recalled": complete[recalled].mean() if recalled.any() else 0.0,
        "wrong_rate": ((at_end >= 1.0 - 1e-12).any(axis=1) & ~complete).mean(),
        "completion_overlap": at_end[np.arange(count), target].mean(),
        "chance": 1.0 / len(partners.values),
        "baseline_lookup": (nearest(trials.notes["cues"], cued.values) == target).mean(),
    }  # fmt: skip
    arrays = {
        "cues": trials.notes["cues"], "target": target, "final": final, "final_cued": trajectory.final[:, first],
        "complete": complete, "patterns": partners.values, "cued_patterns": cued.values, "labels": partners.labels,
        "cued_labels": cued.labels, "image_shape": np.array(partners.shape), "times": problem.times(),
    }  # fmt: skip
    if len(problem.record.states) == experiment.network.n:
        rows = np.arange(count)
        for name, slot, patterns in (("overlap_cued", first, cued), ("overlap_completed", second, partners)):
            arrays[name] = overlap(trajectory.states[:, :, slot], patterns.values)[rows, :, target]
        arrays["states_completed"] = trajectory.states[:, :, second]
        done = (arrays["overlap_completed"] >= 1.0 - 1e-12) & complete[:, None]
        if complete.any():
            metrics["completion_time_s"] = np.median(problem.times()[done.argmax(axis=1)[complete]])
    sentence = (
        f"completed {round(metrics['completion_rate'] * count)} of {count} pairs "
        f"({100 * metrics['completion_rate']:.1f} %, "
        f"95 % interval {100 * low:.1f} to {100 * high:.1f} %); the cued area recalled {100 * recalled.mean():.1f} %; "
        f"nearest prototype and a table of pairs {100 * metrics['baseline_lookup']:.1f} %"
    )
    return Findings({name: float(value) for name, value in metrics.items()}, sentence, arrays)


TASK = Task(draw, measure, "One area is cued with half of a pair, the other area completes it.")
