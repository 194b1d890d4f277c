"""Learn: fit models to the trajectories of a scenario's circuits, with one search budget for all, and examine them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from neurolurie.errors import SpecError, lookup
from neurolurie.network.connectivity import call_with
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.exact import exact, linear_form
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.simulation.simulate import solve
from neurolurie.spec.learn import Entry
from neurolurie.tasks.experiment import Experiment
from neurolurie.tasks.task import Findings, Task, Trials
from neurolurie.tasks.trajectories import draw as draw_starts

SAME_FORM = "same-form"  # the data's own circuits with their numbers forgotten: the upper bound of what can be learnt
FLOOR = "predict the mean"
EXAMINE_STREAM = 11


def draw(experiment: Experiment) -> Trials:
    """Initial states of all trajectories; refuses a ``learn:`` that cannot be carried out before anything runs."""
    learn, where = experiment.scenario.learn, experiment.source.where
    if learn is None:
        raise SpecError("a scenario of kind 'learn' needs 'learn:'.", where("learn"))
    if sum(learn.split) != experiment.scenario.trials:
        raise SpecError(
            f"split {learn.split} sums to {sum(learn.split)}, trials is {experiment.scenario.trials}.",
            where("learn", "split"),
        )
    from neurolurie.train.names import MODELS

    if learn.examine.out_of_distribution is not None:
        low, high = learn.examine.out_of_distribution
        if not 0 <= low < high:
            raise SpecError(
                f"expected sizes [low, high] with 0 <= low < high, got {learn.examine.out_of_distribution}.",
                where("learn", "examine", "out_of_distribution"),
            )
    for label, entry in learn.models.items():
        if entry.model != SAME_FORM:
            lookup("model", entry.model, MODELS, where("learn", "models", label, "model"))
        if "/" in label or "." in label:
            raise SpecError(f"a model's label has no '/' or '.', got '{label}'.", where("learn", "models", label))
        _candidate(experiment, label, entry, None)
    if learn.truth == "exact":
        try:
            linear_form(experiment.network)
        except SpecError as error:
            raise SpecError(error.message, where("learn", "truth")) from None
    return draw_starts(experiment)


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Fit every model with every seed; the table of errors, the curves, and the best of each as a circuit."""
    import torch

    from neurolurie.train.study import Clock, floor, paired, study

    learn, seed = experiment.scenario.learn, experiment.scenario.seed
    folder = Path(learn.checkpoints) / f"{experiment.scenario.name}-{seed}"
    states = exact(problem) if learn.truth == "exact" else trajectory.states
    sets = {"same": _data(experiment, trials.x0, states)}
    if any(entry.data == "euler" for entry in learn.models.values()):
        crude = _solved(experiment, trials.x0, 1, "euler")
        sets["euler"] = _data(experiment, trials.x0, crude, "euler")
    candidates = [_candidate(experiment, label, entry, sets[entry.data]) for label, entry in learn.models.items()]
    epochs = sum(
        len(each.seeds) * each.settings.epochs + (len(each.search) > 1) * len(each.search) * each.search_epochs
        for each in candidates
    )
    watch = _watch(Clock(epochs), problem.progress)
    rows = [study(each, folder, watch) for each in candidates]
    ground = floor(sets["same"])
    reference = learn.reference or rows[0].label
    base = next(row for row in rows if row.label == reference)
    metrics: dict[str, float] = {f"{FLOOR}.{name}_mean".replace(" ", "-"): value for name, value in ground.items()}
    files, certificates, orders = {}, {}, {}
    arrays: dict[str, np.ndarray] = {"labels": np.array([row.label for row in rows]), "times": problem.times()}
    for row, candidate in zip(rows, candidates, strict=True):
        model = row.fits[row.best].model
        network = None if not hasattr(model, "freeze") else _frozen(model)
        orders[row.label] = model.order
        if network is not None:
            files[f"models/{row.label}.yaml"] = circuit_text(network, row.label, experiment.scenario.name, model.order)
            certificates |= _certificate(row.label, network, model)
        metrics |= _metrics(row, paired(row.errors["test"], base.errors["test"]), reference)
        for name in ("training", "validation"):
            arrays[f"{row.label}.{name}"] = np.array([getattr(each, name) for each in row.fits])
        for name, values in row.errors.items():
            arrays[f"{row.label}.{name}"] = np.array(values)
        count = min(3, len(candidate.data.test))
        shown = candidate.data.test[:count].to(next(model.parameters()).dtype)
        with torch.no_grad():
            settings = candidate.settings
            steps = (shown.shape[1] - 1) * settings.every
            run = model.run(shown[:, 0], steps=steps, dt=settings.dt, solver=settings.solver, every=settings.every)
        arrays[f"{row.label}.runs"] = run.numpy()
        arrays["truth"] = sets["same"].test[:count].numpy()
    finite = {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
    text = table(rows, ground, orders, reference, learn.k)
    return Findings(finite, text, arrays, certificates, files)


def table(rows, ground: dict[str, float], orders: dict[str, int | None], reference: str, k: int) -> str:
    """The rows as text. The column K says for which K the best seed's network is K-contracting as a whole."""
    from neurolurie.train.study import paired

    names = list(ground)
    width = max(len(row.label) for row in rows)
    width = max(width, len(FLOOR))
    head = f"{'model':{width}} {'true K':>6} {'size':>6} {'test MSE, mean +- std':>24} {'best':>10}"
    head += "".join(f" {name:>12}" for name in names[1:]) + f" {'s/fit':>7}  difference to {reference} (95 %)"
    lines = [f"mean squared errors; k asked for: {k}; true K: the whole is K-contracting", head]
    base = next(row for row in rows if row.label == reference)
    for row in sorted(rows, key=lambda row: np.mean(row.errors["test"])):
        values = np.array(row.errors["test"])
        deviation = values.std(ddof=1) if len(values) > 1 else 0.0
        order = orders[row.label]
        line = f"{row.label:{width}} {'-' if order is None else order:>6} {row.size:>6}"
        line += f" {values.mean():>12.4g} +- {deviation:<8.2g} {values.min():>10.4g}"
        line += "".join(f" {np.mean(row.errors[name]):>12.4g}" for name in names[1:])
        line += f" {np.mean(row.seconds):>7.1f}"
        if row is not base:
            mean, low, high = paired(row.errors["test"], base.errors["test"])
            line += f"  {mean:+.3g} ({low:+.3g} to {high:+.3g})" if np.isfinite(low) else f"  {mean:+.3g}"
        lines.append(line)
    line = f"{FLOOR:{width}} {'-':>6} {0:>6} {ground['test']:>12.4g} {'':11} {ground['test']:>10.4g}"
    lines.append(line + "".join(f" {ground[name]:>12.4g}" for name in names[1:]))
    return "\n".join(lines)


def circuit_text(network: LurieNetwork, label: str, scenario: str, order: int | None) -> str:
    """A circuit's file with the matrices written out, which every other command accepts."""
    rows = lambda matrix: "[" + ", ".join("[" + ", ".join(repr(float(x)) for x in row) + "]" for row in matrix) + "]"  # noqa: E731
    numbers = lambda values: "[" + ", ".join(repr(float(x)) for x in values) + "]"  # noqa: E731
    names = sorted(set(network.phi.names))
    promise = f"made to be {order}-contracting as a whole" if order is not None else "made without a promise"
    phi = names[0] if len(names) == 1 else "[" + ", ".join(network.phi.names) + "]"
    lines = [
        "schema: 1", f"title: The best {label} learnt from {scenario}", f"notes: {promise}",
        f"A: {rows(network.A)}", f"B: {rows(network.B)}", f"C: {rows(network.C)}",
        f"bx: {numbers(network.bx)}", f"by: {numbers(network.by)}", f"phi: {phi}",
    ]  # fmt: skip
    if np.isfinite(network.phi.domain).all():
        lines.append(f"domain: {numbers(network.phi.domain)}")
    return "\n".join(lines) + "\n"


def _candidate(experiment: Experiment, label: str, entry: Entry, data):
    from neurolurie.train.loop import Settings
    from neurolurie.train.study import Candidate, require_times

    learn, run, where = experiment.scenario.learn, experiment.scenario.simulate, experiment.source.where
    crude = entry.data == "euler"
    settings = Settings(
        epochs=learn.epochs, batch=learn.batch, optimiser=learn.optimiser, schedule=learn.schedule,
        growing=learn.growing, dtype=learn.dtype,
        solver="euler" if crude else learn.solver, dt=run.dt if crude else learn.dt,
    )  # fmt: skip
    try:
        settings = require_times(settings, run.dt * run.record.every)
        make = _maker(experiment.network, entry, entry.k or learn.k)
        make(0)
    except SpecError as error:
        raise SpecError(error.message, where("learn", "models", label)) from None
    pairs = tuple(product(learn.search.lr, learn.search.weight_decay))
    return Candidate(
        label, make, data, settings, tuple(learn.seeds if entry.seeds is None else entry.seeds),
        pairs if entry.search else pairs[:1], learn.search.epochs or learn.epochs, learn.search.seed,
    )  # fmt: skip


def _maker(network: LurieNetwork, entry: Entry, k: int) -> Callable[[int], Any]:
    """seed -> a fresh model of the entry."""
    if entry.model == SAME_FORM:
        from neurolurie.train.comparisons import SameForm

        return lambda seed: call_with(SameForm, {**entry.parameters, "seed": seed}, SAME_FORM, network)
    from neurolurie.train import PARAMETRISATIONS

    cls = lookup("model", entry.model, PARAMETRISATIONS)
    given = {"n": network.n, "k": k, **entry.parameters}
    return lambda seed: call_with(cls, {**given, "seed": seed}, f"model '{entry.model}'")


def _data(experiment: Experiment, x0: np.ndarray, states: np.ndarray, solver: str | None = None):
    """The split, and the examinations, whose truths are simulated as the training data were."""
    import torch

    from neurolurie.train.study import Data

    learn, rng = experiment.scenario.learn, experiment.rng(EXAMINE_STREAM)
    first, second, third = learn.split
    count = third
    parts = [torch.as_tensor(part) for part in np.split(states, [first, first + second])]
    tensor = lambda array: torch.as_tensor(np.ascontiguousarray(array))  # noqa: E731
    others = {}
    if learn.examine.out_of_distribution is not None:
        low, high = learn.examine.out_of_distribution
        far = rng.uniform(low, high, (count, x0.shape[1])) * rng.choice([-1.0, 1.0], (count, x0.shape[1]))
        truth = _solved(experiment, far, 1, solver)
        others["far"] = (tensor(far), tensor(truth))
    test = states[first + second :]
    for level in learn.examine.noise:
        seen = test[:, 0] + rng.normal(0.0, level, test[:, 0].shape)
        others[f"noise_{level:g}"] = (tensor(seen), parts[2])
    if learn.examine.horizon is not None:
        truth = _solved(experiment, x0[first + second :], learn.examine.horizon, solver)
        others["long"] = (tensor(truth[:, 0]), tensor(truth))
    return Data(*parts, others)


def _solved(experiment: Experiment, x0: np.ndarray, times: int, solver: str | None) -> np.ndarray:
    """States from x0 over ``times`` the scenario's duration, by that solver or, where it is None, the scenario's truth.

    Trials that leave the finite numbers are an error.
    """
    from dataclasses import replace

    from neurolurie.simulation.solvers import SOLVERS

    problem = experiment.pose(x0)
    problem = replace(problem, progress=None, steps=problem.steps * times, inputs=problem.inputs.repeat(times, axis=0))
    if solver is not None:
        problem = replace(problem, solver=SOLVERS[solver])
    elif experiment.scenario.learn.truth == "exact":
        return exact(problem)
    return solve(problem, experiment.scenario.simulate.backend).states


def _frozen(model) -> LurieNetwork | None:
    """The network, or None for a model that is not of Lurie form."""
    from neurolurie.train.neural_ode import NeuralODE

    return None if isinstance(model, NeuralODE) else model.freeze()


def _certificate(label: str, network: LurieNetwork, model) -> dict[str, Any]:
    """What is proved of the best network, for its order or the smallest that can be; small ones only."""
    from neurolurie.certificates.certify import certify

    if network.n > 6:
        return {}
    return {label: certify(network, k=model.order)}


def _metrics(row, gap: tuple[float, float, float], reference: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, values in row.errors.items():
        values = np.array(values)
        out[f"{row.label}.{name}_mean"], out[f"{row.label}.{name}_best"] = values.mean(), values.min()
        if len(values) > 1 and np.isfinite(values).all():
            out[f"{row.label}.{name}_std"] = values.std(ddof=1)
    out[f"{row.label}.size"], out[f"{row.label}.seconds"] = row.size, float(np.mean(row.seconds))
    out[f"{row.label}.lr"], out[f"{row.label}.weight_decay"] = row.lr, row.weight_decay
    out[f"{row.label}.skipped"] = sum(each.skipped for each in row.fits)
    last = np.array([each.validation[-1] for each in row.fits])
    out[f"{row.label}.last_to_best"] = float(np.mean(last / np.array([each.best for each in row.fits])))
    if row.label != reference:
        for name, value in zip(("mean", "low", "high"), gap, strict=True):
            out[f"{row.label}.difference_{name}"] = value
    return out


def _watch(clock, progress: Callable[[int, int], None] | None):
    """Lines on standard error: loss, rate, remaining time; often on a terminal, now and then into a file."""
    pause = 2.0 if sys.stderr.isatty() else 30.0
    said = [time.perf_counter()]

    def watch(label: str, words: str, done: int, total: int, training: float, validation: float) -> None:
        rate, left = clock.tick()
        if progress is not None:
            progress(min(clock.done, clock.total), clock.total)
        if time.perf_counter() - said[0] >= pause:
            said[0] = time.perf_counter()
            sys.stderr.write(
                f"{label}, {words}: epoch {done}/{total}, loss {training:.3g}, validation {validation:.3g}; "
                f"{rate:.1f} epochs/s, {_span(left)} left\n"
            )

    return watch


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


TASK = Task(draw, measure, "Models are fitted to trajectories and examined on others.")
