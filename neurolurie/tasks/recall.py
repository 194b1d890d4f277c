"""Recall: stored patterns, damaged cues as initial states, and what the memory makes of them."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.equilibria import find_equilibrium
from neurolurie.analysis.memory import nearest, overlap, wilson_interval
from neurolurie.analysis.motion import REST, settling_times, speeds, time_constant
from neurolurie.certificates.certify import certify
from neurolurie.certificates.energy import energy_of
from neurolurie.data import Patterns, find_patterns
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import CUE_STREAM, Experiment
from neurolurie.tasks.task import Findings, Task, Trials

NEAR = 0.95  # an overlap from here on counts as nearly recalled
HELD = ("proved", "numerical")  # statuses of a certificate that may be relied on, each under its own name


def draw(experiment: Experiment) -> Trials:
    """Trial i is cued with pattern i modulo their number, exactly ``flip`` of its units turned, ``mask`` of them zero."""
    scenario, source = experiment.scenario, experiment.source
    if scenario.cue is None:
        raise SpecError(f"a scenario of kind '{scenario.kind}' needs a cue.", source.where("cue"))
    patterns = find_patterns(scenario.cue.patterns, experiment.data, source.where("cue", "from"))
    states = experiment.part(scenario.cue.circuit, "cue", "circuit").states
    size, damage, rng = patterns.values.shape[1], scenario.cue.corrupt, experiment.rng(CUE_STREAM)
    if size != states.stop - states.start:
        raise SpecError(
            f"the patterns have {size} units, circuit '{scenario.cue.circuit}' has {states.stop - states.start} states.",
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
    target, count = trials.notes["target"], len(trials.x0)
    final, times = trajectory.final[:, slot], problem.times()
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
    certificates: dict = {}
    if len(problem.record.states) == experiment.network.n:  # the whole state was recorded
        _add_motion(experiment.network, trajectory.states, times, metrics, arrays)
        arrays["overlap"] = np.stack(
            [overlap(trajectory.states[:, :, slot], patterns.values[[p]])[..., 0] for p in range(len(patterns.values))],
            axis=-1,
        )[np.arange(count), :, target]
        certificates = _add_boxes(experiment, patterns, slot, trajectory, times, metrics, arrays)
    return Findings(
        {name: float(value) for name, value in metrics.items()}, _sentence(metrics, count, len(times) > 1),
        arrays, certificates,
    )  # fmt: skip


def _add_motion(network: LurieNetwork, states: np.ndarray, times: np.ndarray, metrics: dict, arrays: dict) -> None:
    tau = time_constant(network)
    settled = settling_times(times, speeds(network, states), REST / tau)
    metrics["unsettled_fraction"] = np.isinf(settled).mean()
    metrics["settling_time_s"] = np.median(settled) if np.isfinite(np.median(settled)) else times[-1]
    energy = energy_of(network)
    if energy is not None:
        arrays["energy"] = energy.value(states)


def _add_boxes(
    experiment: Experiment, patterns: Patterns, slot: slice, trajectory: Trajectory, times: np.ndarray,
    metrics: dict, arrays: dict,
) -> dict:  # fmt: skip
    """Certify a region around every stored equilibrium and note when each trial enters one."""
    network, states = experiment.network, trajectory.states
    inside = np.zeros(states.shape[:2], dtype=bool)
    certificates, equilibria = {}, np.full((len(patterns.values), network.n), np.nan)
    for number, pattern in enumerate(patterns.values):
        start = np.zeros(network.n)
        start[slot] = pattern
        equilibrium = find_equilibrium(network, start)
        if equilibrium is None:
            continue
        equilibria[number] = equilibrium
        certificate = certify(network, claim="basin", equilibrium=equilibrium)
        certificates[str(patterns.labels[number])] = certificate
        if certificate.status in HELD:
            inside |= certificate.contains(states)
    entered = np.where(inside.any(axis=1), times[inside.argmax(axis=1)], np.inf)
    metrics["certified_fraction"] = np.isfinite(entered).mean()
    if np.isfinite(entered).any():
        metrics["certified_time_s"] = np.median(entered[np.isfinite(entered)])
    arrays["entered"], arrays["equilibria"] = entered, equilibria
    return certificates


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


TASK = Task(draw, measure, "Stored patterns are recalled from damaged cues.")
