"""The whole thing: a scenario's file becomes a result. Read `run_variant` to see the house from front to back."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.certify import certify
from neurolurie.certificates.measured import Measured, measure
from neurolurie.certificates.steps import StepBound, step_bound
from neurolurie.errors import BackendError, NeurolurieError, SpecError, did_you_mean, lookup
from neurolurie.library import find, names
from neurolurie.network.circuits import build_circuit
from neurolurie.network.lurie import LurieNetwork, load_network
from neurolurie.result import Expectation, Result, Run
from neurolurie.simulation.backends import BACKENDS, load_backend
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.simulation.simulate import parity, solve
from neurolurie.simulation.windows import solve_until
from neurolurie.spec.circuit import CircuitSpec
from neurolurie.spec.model import parse
from neurolurie.spec.scenario import Scenario
from neurolurie.spec.source import Source, key_of, read_yaml, with_settings, with_value
from neurolurie.tasks import load_task
from neurolurie.tasks.experiment import Experiment, build
from neurolurie.tasks.task import Trials

Progress = Callable[[str, int, int], None]
SCENARIO_KEYS = {"kind", "simulate", "name", "trials", "expect", "seed", "data"}  # a circuit's file has none of these
MEASURED_STATES = 256  # up to this size the contraction along a run is measured
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}  # of parity between backends


class NotCertified(NeurolurieError):
    """``on_fail: stop`` and the claim could not be certified."""

    exit_code = 1


def run(
    scenario: str | Path,
    *,
    backend: str | None = None,
    device: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    progress: Progress | None = None,
) -> Result:
    """Run a scenario, by path or by name: build, certify, simulate, measure, compare with what it expects.

    ``settings`` are words such as ``"circuits.memory.with.gain=2"``; ``backend``, ``device``, ``seed`` override the
    file. ``Result.save(folder)`` writes it.

    >>> result = run("opinion", backend="reference", settings=["trials=2"])
    >>> result.expect_met
    True
    """
    return run_source(load_scenario(scenario, backend=backend, device=device, seed=seed, settings=settings), progress)


def run_source(source: Source, progress: Progress | None = None) -> Result:
    """Run a scenario that `load_scenario` has read: all its variants, their metrics, and what it expects of them."""
    began = time.perf_counter()
    runs = tuple(run_variant(name, each, progress) for name, each in variants(source))
    metrics = {
        f"{run.variant}.{name}" if run.variant else name: value
        for run in runs for name, value in run.findings.metrics.items()
    }  # fmt: skip
    spec = parse(Scenario, source)
    expectations = tuple(
        Expectation(name, low, high, metrics.get(name), _nearest(name, metrics))
        for name, (low, high) in spec.expect.items()
    )
    return Result(spec.name, source.data, runs, metrics, expectations, _provenance(runs, began))


def run_variant(variant: str, source: Source, progress: Progress | None = None) -> Run:
    """One variant from its source to its findings."""
    scenario = parse(Scenario, source)
    task = load_task(scenario.kind, source.where("kind"))
    experiment = build(scenario, source)
    trials = task.draw(experiment)
    certificate = _certify(experiment)
    step = None if progress is None else lambda done, total: progress(variant or "simulate", done, total)
    problem = experiment.pose(trials.x0, step)
    if task.foresee is not None:
        trials = replace(trials, regions=task.foresee(experiment))
    problem, trajectory = _simulated(experiment, trials, problem)
    findings = task.measure(experiment, trials, problem, trajectory)
    measured, bound = _against_certificate(certificate, problem, trajectory)
    return Run(variant, experiment, trials, problem, trajectory, findings, certificate, measured, bound)


def _simulated(experiment: Experiment, trials: Trials, problem: Problem) -> tuple[Problem, Trajectory]:
    """The whole run, or with ``stop: certified`` until every trial is where its end is proved."""
    simulate = experiment.scenario.simulate
    keep = simulate.diverged == "count"
    if simulate.stop == "end":
        return problem, solve(problem, simulate.backend, keep)
    regions = trials.regions
    if regions is None:
        raise SpecError(
            "'certified' needs regions that are certified before the run: a scenario of kind 'recall' without noise "
            "and inputs.", experiment.source.where("simulate", "stop"),
        )  # fmt: skip
    return solve_until(
        problem, simulate.backend, lambda x: bool((regions.which(x, proved_only=True) >= 0).all()), keep_diverged=keep
    )


def load_scenario(
    name: str | Path,
    *,
    backend: str | None = None,
    device: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
) -> Source:
    """The source of a scenario with ``--set`` and the other options laid over it, validated."""
    source = with_settings(read_yaml(find("scenarios", str(name))), settings)
    options = {("simulate", "backend"): backend, ("simulate", "device"): device, ("seed",): seed}
    for key, value in options.items():
        if value is not None:
            source = with_value(source, key, value, f"--{key[-1]}")
    spec = parse(Scenario, source)
    lookup("backend", spec.simulate.backend, BACKENDS, source.where("simulate", "backend"))
    return source


def variants(source: Source) -> list[tuple[str, Source]]:
    """The scenario as written, or each of its ``variants:`` laid over it (keys are paths, as for ``--set``)."""
    changes = source.data.get("variants") or {}
    if not changes:
        return [("", source)]
    out = []
    for name, settings in changes.items():
        variant = source
        for path, value in settings.items():
            place = source.where("variants", name, path)
            variant = with_value(variant, key_of(variant, path), value, place.file, place.line)
        out.append((name, variant))
    return out


def check(path: str | Path) -> str:
    """Validate a circuit or a scenario without running it; returns a sentence that says what it is."""
    source, experiment = load_target(path)
    if experiment is None:
        network = network_of_circuit(source)
        return f"{path}: a circuit with {network.n} states and {network.m} preactivations; nothing wrong was found."
    for _, each in variants(load_scenario(path)):
        scenario = parse(Scenario, each)
        task = load_task(scenario.kind, each.where("kind"))
        each_experiment = build(scenario, each)
        problem = each_experiment.pose(task.draw(each_experiment).x0)
        reason = load_backend(scenario.simulate.backend).unsupported(problem)
        if reason:
            raise BackendError(reason, each.where("simulate", "backend"))
    network = experiment.network
    return (
        f"{path}: a scenario of kind '{experiment.scenario.kind}', {len(network.parts)} circuits with {network.n} "
        f"states in all, {experiment.scenario.trials} trials of {problem.steps} steps; nothing wrong was found."
    )


def compare(scenario: str | Path, backends: Sequence[str], settings: Sequence[str] = ()) -> dict[str, Any]:
    """Run the same trials on several backends: ``{max_gap, tolerance, pairs, ...}``.

    The gap of a pair is ``max |xa - xb| / max |xa|`` over all recorded states of the run.
    """
    if len(backends) < 2:
        raise SpecError(f"compare needs at least two backends, got {', '.join(backends) or 'none'}.")
    source = load_scenario(scenario, settings=settings)
    for name in backends:
        lookup("backend", name, BACKENDS)
    _, source = variants(source)[0]
    spec = parse(Scenario, source)
    task = load_task(spec.kind, source.where("kind"))
    experiment = build(spec, source)
    problem = experiment.pose(task.draw(experiment).x0)
    runs = {name: solve(problem, name, keep_diverged=spec.simulate.diverged == "count") for name in backends}
    first = backends[0]
    pairs = [
        {
            "a": first, "b": name, "gap": parity(runs[first].states, runs[name].states),
            "build_seconds": runs[name].build_seconds, "run_seconds": runs[name].run_seconds, "code": runs[name].code,
        }
        for name in backends[1:]
    ]  # fmt: skip
    return {
        "max_gap": max(pair["gap"] for pair in pairs), "tolerance": TOLERANCE[spec.simulate.dtype], "pairs": pairs,
        "first": {
            "name": first, "build_seconds": runs[first].build_seconds, "run_seconds": runs[first].run_seconds,
            "code": runs[first].code,
        },
    }  # fmt: skip


def load_target(name: str | Path, settings: Sequence[str] = ()) -> tuple[Source, Experiment | None]:
    """A circuit's source (and None), or a scenario's source and its experiment, by path or by name."""
    text = str(name)
    for kind in ("scenarios", "circuits"):
        try:
            path = find(kind, text)
        except SpecError:
            continue
        source = with_settings(read_yaml(path), settings)
        if SCENARIO_KEYS & set(source.data):
            parse(Scenario, source)
            _, source = variants(source)[0]
            return source, build(parse(Scenario, source), source)
        return source, None
    raise SpecError(did_you_mean("circuit or scenario", text, [*names("circuits"), *names("scenarios")]))


def target_network(target: str, phi: str | None = None, settings: Sequence[str] = ()) -> LurieNetwork:
    """The network to certify: of a circuit, of a scenario, or of an ``.npz`` with A, B, C (bx, by) and ``phi``."""
    if target.endswith(".npz"):
        if settings:
            raise SpecError("--set belongs to a circuit or a scenario, not to an .npz target.")
        return load_network(target, phi)
    if phi is not None:
        raise SpecError("--phi belongs to an .npz target; a circuit's file names its own phi.")
    source, experiment = load_target(target, settings)
    return network_of_circuit(source) if experiment is None else experiment.network


def network_of_circuit(source: Source) -> LurieNetwork:
    """The network of a circuit's source."""
    return build_circuit(source, parse(CircuitSpec, source), lambda value, where: value, 0)


def _certify(experiment: Experiment) -> Certificate | None:
    wanted = experiment.scenario.certify
    if wanted is None:
        return None
    try:
        certificate = certify(experiment.network, claim=wanted.claim, k=wanted.k)
    except SpecError as error:
        raise SpecError(error.message, experiment.source.where("certify")) from None
    if not certificate.holds and wanted.on_fail == "stop":
        raise NotCertified(
            f"the run was not started: {certificate.sentence()}.", experiment.source.where("certify", "on_fail")
        )
    return certificate


def _against_certificate(
    certificate: Certificate | None, problem: Problem, trajectory: Trajectory
) -> tuple[Measured | None, StepBound | None]:
    """The contraction that the run shows beside what was certified: a violation is an error of the program."""
    whole = len(problem.record.states) == problem.network.n <= MEASURED_STATES
    if certificate is None or not certificate.holds or certificate.claim != "k-contraction" or not whole:
        return None, None
    finite = np.isfinite(trajectory.states).all(axis=(1, 2))
    states = trajectory.states[finite]
    measured = measure(certificate, problem.network, problem.times(), states) if finite.any() else None
    return measured, step_bound(certificate, problem.network, problem.solver.name)


def _provenance(runs: tuple[Run, ...], began: float) -> dict[str, Any]:
    scenario = runs[0].experiment.scenario
    return {
        "neurolurie": version("neurolurie"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "backend": scenario.simulate.backend, "device": scenario.simulate.device, "dtype": scenario.simulate.dtype,
        "solver": scenario.simulate.solver, "seed": scenario.seed,
        "code": sorted({run.trajectory.code for run in runs}),
        "notes": sorted({note for run in runs for note in run.trajectory.notes}),
        "build_seconds": sum(run.trajectory.build_seconds for run in runs),
        "run_seconds": sum(run.trajectory.run_seconds for run in runs),
        "total_seconds": time.perf_counter() - began,
        "networks": {run.variant or scenario.name: run.experiment.network.digest() for run in runs},
        "versions": {"python": platform.python_version(), **_versions(scenario.simulate.backend)},
        "platform": platform.platform(),
        "data": {
            name: {"citation": data.citation, "licence": data.licence} for name, data in runs[0].experiment.data.items()
        },
    }  # fmt: skip


def _nearest(name: str, metrics: dict[str, float]) -> str | None:
    """The metric that a name which was not measured most resembles."""
    return None if name in metrics else next(iter(get_close_matches(name, metrics, n=1)), None)


def _versions(backend: str) -> dict[str, str]:
    """Versions of the libraries that took part: the backend's, and those imported by now."""
    out = {}
    for module, package in (("numpy", "numpy"), ("scipy", "scipy"), ("torch", "torch"), ("brian2", "Brian2")):
        if module in sys.modules or module == backend:
            try:
                out[module] = version(package)
            except PackageNotFoundError:
                out[module] = getattr(sys.modules[module], "__version__", "unknown")
    return out
