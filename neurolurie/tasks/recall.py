"""Recall: stored patterns, damaged cues as initial states, and what the memory makes of them."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.memory import nearest, overlap, wilson_interval
from neurolurie.analysis.motion import REST, settling_times, speeds, time_constant
from neurolurie.certificates.energy import energy_of
from neurolurie.data import find_patterns
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import CUE_STREAM, Experiment
from neurolurie.tasks.regions import Regions, certify_regions, entry_times
from neurolurie.tasks.task import Findings, Task, Trials

NEAR = 0.95  # an overlap from here on counts as nearly recalled


def draw(experiment: Experiment) -> Trials:
    """Trial i is cued with pattern i modulo their number, exactly ``flip`` of its units turned, ``mask`` of them
    zero."""
    scenario, source = experiment.scenario, experiment.source
    if scenario.cue is None:
        raise SpecError(f"a scenario of kind '{scenario.kind}' needs a cue.", source.where("cue"))
    patterns = find_patterns(scenario.cue.patterns, experiment.data, source.where("cue", "from"))
    states = experiment.part(scenario.cue.circuit, "cue", "circuit").states
    size, damage, rng = patterns.values.shape[1], scenario.cue.corrupt, experiment.rng(CUE_STREAM)
    if size != states.stop - states.start:
        raise SpecError(
            f"the patterns have {size} units, circuit '{scenario.cue.circuit}' has "
            f"{states.stop - states.start} states.",
            source.where("cue", "from"),
        )
    if damage.flip > size:
        raise SpecError(f"{damage.flip} of {size} units cannot be flipped.", source.where("cue", "corrupt", "flip"))
    target = np.arange(scenario.trials) % len(patterns.values)
    cues = patterns.values[target].copy()
    for cue in cues:
        cue[rng.choice(size, damage.flip, replace=False)] *= -1.0
        cue[rng.choice(size, round(damage.mask * size), replace=False)] = 0.0
    x0 = np.zeros((scenario.trials, experiment.network.n))
    x0[:, states] = cues
    return Trials(x0, {"target": target, "cues": cues})


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Every number of the recall, the energy along the way, and when each trial entered a certified region."""
    cue = experiment.scenario.cue
    patterns = find_patterns(cue.patterns, experiment.data)
    slot = experiment.part(cue.circuit).states
    target, count, times = trials.notes["target"], len(trials.x0), problem.times()
    regions = trials.regions if trials.regions is not None else foresee(experiment)
    final = trajectory.final[:, slot]
    stopped = problem.steps * problem.dt < experiment.scenario.simulate.duration * (1 - 1e-9)
    if stopped:  # every trial is where its end is proved: it is judged by that end
        final = regions.equilibria[regions.which(trajectory.final, proved_only=True)][:, slot]
    at_end = overlap(final, patterns.values)
    own = at_end[np.arange(count), target]
    exact = (np.sign(final) == np.sign(patterns.values[target])).all(axis=1)
    other = at_end.copy()
    other[np.arange(count), target] = -np.inf
    wrong = (other >= 1.0 - 1e-12).any(axis=1)
    spurious = ~exact & ~wrong
    baseline = nearest(trials.notes["cues"], patterns.values) == target
    low, high = wilson_interval(int(exact.sum()), count)
    pairs = overlap(patterns.values, patterns.values)[~np.eye(len(patterns.values), dtype=bool)]
    metrics = {
        "recall_rate": exact.mean(), "recall_ci_low": low, "recall_ci_high": high,
        "near_rate": (own >= NEAR).mean(), "wrong_rate": wrong.mean(), "spurious_rate": spurious.mean(),
        "baseline_nearest": baseline.mean(),
        "overlap_start": overlap(trials.notes["cues"], patterns.values)[np.arange(count), target].mean(),
        "overlap_end": own.mean(),
        "prototype_overlap_mean": pairs.mean(), "prototype_overlap_max": pairs.max(),
    }  # fmt: skip
    arrays = {
        "cues": trials.notes["cues"], "target": target, "final": final, "exact": exact,
        "patterns": patterns.values, "labels": patterns.labels, "image_shape": np.array(patterns.shape), "times": times,
    }  # fmt: skip
    if len(problem.record.states) == experiment.network.n:  # the whole state was recorded
        _add_motion(experiment.network, trajectory.states, times, metrics, arrays, stopped)
        arrays["overlap"] = np.stack(
            [overlap(trajectory.states[:, :, slot], patterns.values[[p]])[..., 0] for p in range(len(patterns.values))],
            axis=-1,
        )[np.arange(count), :, target]
        if regions is not None:
            _add_regions(regions, trajectory.states, times, metrics, arrays)
    return Findings(
        {name: float(value) for name, value in metrics.items()}, _sentence(metrics, count, len(times) > 1),
        arrays, {} if regions is None else regions.named(),
    )  # fmt: skip


def foresee(experiment: Experiment) -> Regions | None:
    """The certified region around every state that a stored pattern leads to; None under noise or input, of which the
    certificates do not speak."""
    if experiment.sigma.any() or experiment.scenario.inputs:
        return None
    cue = experiment.scenario.cue
    patterns = find_patterns(cue.patterns, experiment.data)
    starts = np.zeros((len(patterns.values), experiment.network.n))
    starts[:, experiment.part(cue.circuit).states] = patterns.values
    return certify_regions(experiment.network, starts, [str(label) for label in patterns.labels])


def _add_motion(
    network: LurieNetwork, states: np.ndarray, times: np.ndarray, metrics: dict, arrays: dict, stopped: bool
) -> None:
    if not stopped:
        settled = settling_times(times, speeds(network, states), REST / time_constant(network))
        metrics["unsettled_fraction"] = np.isinf(settled).mean()
        metrics["settling_time_s"] = np.median(settled) if np.isfinite(np.median(settled)) else times[-1]
    energy = energy_of(network)
    if energy is not None:
        arrays["energy"] = energy.value(states)


def _add_regions(regions: Regions, states: np.ndarray, times: np.ndarray, metrics: dict, arrays: dict) -> None:
    """When each trial entered the certified region around a state that a stored pattern leads to."""
    entered = entry_times(regions, times, states)
    metrics["certified_fraction"] = np.isfinite(entered).mean()
    if np.isfinite(entered).any():
        metrics["certified_time_s"] = np.median(entered[np.isfinite(entered)])
    arrays["entered"] = entered


def _sentence(metrics: dict, count: int, timed: bool) -> str:
    recalled = round(metrics["recall_rate"] * count)
    text = (
        f"recalled {recalled} of {count} ({100 * metrics['recall_rate']:.1f} %, 95 % interval "
        f"{100 * metrics['recall_ci_low']:.1f} to {100 * metrics['recall_ci_high']:.1f} %)"
    )
    if "certified_fraction" in metrics:
        held = round(metrics["certified_fraction"] * count)
        text += f"; {held} entered a certified region around where a stored pattern leads"
        if "certified_time_s" in metrics:
            text += f", half of them from {1000 * metrics['certified_time_s']:.0f} ms on"
    return f"{text}; nearest prototype {100 * metrics['baseline_nearest']:.1f} %"


TASK = Task(draw, measure, "Stored patterns are recalled from damaged cues.", foresee)
