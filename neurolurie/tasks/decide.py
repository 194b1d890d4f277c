"""Decide: noisy evidence for one of two answers, a circuit that makes up its mind, and the best that could be done."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.decisions import bound_for_mean_time, first_crossing, fit_psychometric, integrated_evidence
from neurolurie.errors import SpecError
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import Experiment
from neurolurie.tasks.task import Findings, Task, Trials


def draw(experiment: Experiment) -> Trials:
    """Every signed coherence in turn, held by the evidence circuit for the whole trial; the pools start undecided."""
    spec, source = experiment.scenario.decide, experiment.source
    if spec is None:
        raise SpecError("a scenario of kind 'decide' needs a decide.", source.where("decide"))
    for key, size in (("circuit", 2), ("evidence", 1)):
        states = experiment.part(getattr(spec, key), "decide", key).states
        if states.stop - states.start != size:
            raise SpecError(
                f"'{getattr(spec, key)}' has {states.stop - states.start} states, expected {size}.",
                source.where("decide", key),
            )
    signed = np.unique(np.concatenate([np.array(spec.coherences), -np.array(spec.coherences)]))
    coherence = signed[np.arange(experiment.scenario.trials) % len(signed)]
    x0 = np.zeros((len(coherence), experiment.network.n))
    x0[:, experiment.part(spec.evidence).states] = coherence[:, None]
    return Trials(x0, {"coherence": coherence})


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Psychometric and reaction-time curves of the circuit.

    Beside them an integrator of the very same evidence, bounded so that it takes the same mean time.
    """
    spec, coherence = experiment.scenario.decide, trials.notes["coherence"]
    pools = experiment.part(spec.circuit).states
    places = [int(np.searchsorted(problem.record.states, state)) for state in range(pools.start, pools.stop)]
    every = problem.record.every
    if len(problem.record.states) != experiment.network.n or problem.steps % every:
        raise SpecError(
            "a decision needs all states recorded, at equal distances to the end.",
            experiment.source.where("simulate", "record"),
        )
    times = problem.times()
    difference = trajectory.states[:, :, places[0]] - trajectory.states[:, :, places[1]]
    answer, when = first_crossing(times, difference, spec.threshold)
    evidence = _evidence(experiment, problem, coherence)
    bound = bound_for_mean_time(times, evidence, float(np.minimum(when, times[-1]).mean()))
    best_answer, best_when = first_crossing(times, evidence, bound)
    at_the_end = np.sign(evidence[:, -1])
    informed = coherence != 0
    levels = np.unique(np.abs(coherence))
    fits = {"circuit": fit_psychometric(coherence, answer > 0), "optimal": fit_psychometric(coherence, best_answer > 0)}
    right = lambda given: (given == np.sign(coherence))[informed].mean()  # noqa: E731
    metrics = {
        "accuracy": right(answer), "optimal_accuracy": right(best_answer),
        "accuracy_of_all_evidence": right(at_the_end),
        "psychometric_slope": fits["circuit"].slope, "psychometric_slope_error": fits["circuit"].slope_error,
        "optimal_slope": fits["optimal"].slope, "slope_ratio": fits["circuit"].slope / fits["optimal"].slope,
        "bias": fits["circuit"].bias, "undecided_fraction": np.isinf(when).mean(),
        "rt_mean_s": np.minimum(when, times[-1]).mean(), "optimal_rt_mean_s": np.minimum(best_when, times[-1]).mean(),
        "rt_weakest_s": _mean_time(when, times, np.abs(coherence) == levels[0]),
        "rt_strongest_s": _mean_time(when, times, np.abs(coherence) == levels[-1]),
        "accuracy_strongest": (answer == np.sign(coherence))[np.abs(coherence) == levels[-1]].mean(),
        "optimal_bound": bound,
    }  # fmt: skip
    signed = np.unique(coherence)
    arrays = {
        "times": times, "coherence": coherence, "difference": difference, "evidence": evidence, "answer": answer,
        "when": when, "best_answer": best_answer, "best_when": best_when, "signed": signed, "levels": levels,
        "threshold": np.array(spec.threshold), "bound": np.array(bound),
        "fit_circuit": np.array([fits["circuit"].slope, fits["circuit"].bias]),
        "fit_optimal": np.array([fits["optimal"].slope, fits["optimal"].bias]),
    }  # fmt: skip
    sentence = (
        f"{100 * metrics['accuracy']:.1f} % right in {metrics['rt_mean_s']:.2f} s on average; the optimal integrator "
        "of the "
        f"same evidence, as fast, {100 * metrics['optimal_accuracy']:.1f} %; psychometric slope "
        f"{metrics['psychometric_slope']:.2f} per unit of coherence (optimal {metrics['optimal_slope']:.2f})"
    )
    return Findings({name: float(value) for name, value in metrics.items()}, sentence, arrays)


def _evidence(experiment: Experiment, problem: Problem, coherence: np.ndarray) -> np.ndarray:
    spec, network = experiment.scenario.decide, experiment.network.dense()
    pools, source = experiment.part(spec.circuit).states, experiment.part(spec.evidence).states
    drift = coherence[:, None] * network.A[pools, source][:, 0]
    return integrated_evidence(
        drift, experiment.sigma[pools], range(pools.start, pools.stop), problem.seed, problem.stream, problem.steps,
        problem.dt, problem.record.every,
    )  # fmt: skip


def _mean_time(when: np.ndarray, times: np.ndarray, chosen: np.ndarray) -> float:
    return float(np.minimum(when[chosen], times[-1]).mean())


TASK = Task(
    draw, measure, "Noisy evidence is weighed until a threshold: accuracy, reaction times, the optimal integrator."
)
