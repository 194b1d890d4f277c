"""Experiment: a scenario made concrete. Its data loaded, its circuits composed, its inputs and noise laid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurolurie.certificates.certificate import CLAIMS
from neurolurie.data import PARTS, Dataset, find_patterns, load_data
from neurolurie.errors import SpecError, Where, did_you_mean, lookup, placed
from neurolurie.network.circuits import build_graph
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lesion import lesioned
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.simulation.inputs import input_table
from neurolurie.simulation.problem import Problem, count_steps, parse_record, pose
from neurolurie.simulation.solvers import SOLVERS
from neurolurie.spec.scenario import InputSpec, Scenario
from neurolurie.spec.source import Source

# Streams keep the random numbers of different purposes apart under one seed. Noise of a run is stream 0.
CUE_STREAM, START_STREAM = 1, 2


@dataclass(frozen=True)
class Experiment:
    """A scenario, where it was written, and the arrays it stands for."""

    scenario: Scenario
    source: Source
    data: dict[str, Dataset]
    graph: CircuitGraph
    network: LurieNetwork
    inputs: tuple[dict[str, Any], ...]
    sigma: np.ndarray

    def part(self, name: str, *key: str | int) -> Part:
        """The states and preactivations of a circuit named in the scenario, ``outer/inner`` if it is nested.

        SpecError at ``key`` if there is none of that name.
        """
        if name in self.network.parts:
            return self.network.parts[name]
        if name not in self.graph.graph:
            raise SpecError(did_you_mean("circuit", name, self.graph.graph), self.source.where(*key))
        names = [part for part in self.network.parts if part == name or part.startswith(f"{name}/")]
        parts = [self.network.parts[part] for part in names] or list(self.network.parts.values())
        return Part(
            slice(parts[0].states.start, parts[-1].states.stop),
            slice(parts[0].preactivations.start, parts[-1].preactivations.stop),
        )

    def rng(self, stream: int) -> np.random.Generator:
        """The generator for one purpose (cues, initial states); noise during a run has its own."""
        return np.random.default_rng([self.scenario.seed, stream])

    def pose(self, x0: np.ndarray, progress: Callable[[int, int], None] | None = None) -> Problem:
        """The problem this experiment puts to a backend, from these initial states."""
        run, place = self.scenario.simulate, self.source.where
        record = run.record.model_dump()
        with placed(place("simulate", "duration")):
            count_steps(run.duration, run.dt)
        with placed(place("simulate", "record", "states")):
            parse_record(record, self.network)
        with placed(place("simulate")):
            return pose(
                self.network, x0, duration=run.duration, dt=run.dt, solver=run.solver, inputs=list(self.inputs),
                noise=self.sigma, seed=self.scenario.seed, record=record, dtype=run.dtype, device=run.device,
                progress=progress,
            )  # fmt: skip


def build(scenario: Scenario, source: Source) -> Experiment:
    """Load the data, build and compose the circuits; every wrong name or value is a SpecError with its place."""
    data = {
        name: load_data(spec, source.where("data", name, "source")) for name, spec in scenario.data.items()
    }
    graph = build_graph(source, scenario, _resolver(data), scenario.seed)
    network = graph.compose()
    lookup("solver", scenario.simulate.solver, SOLVERS, source.where("simulate", "solver"))
    wanted = scenario.certify
    if wanted is not None:
        if wanted.claim not in CLAIMS:
            raise SpecError(did_you_mean("claim", wanted.claim, CLAIMS), source.where("certify", "claim"))
        if (wanted.k or 1) > network.n:
            raise SpecError(f"k is {wanted.k}, the network has {network.n} states.", source.where("certify", "k"))
    experiment = Experiment(scenario, source, data, graph, network, (), np.zeros(network.n))
    experiment = _with_inputs(_with_noise(experiment))
    for number, name in enumerate(scenario.lesions):
        part = experiment.part(name, "lesions", number)
        experiment = _changed(experiment, network=lesioned(experiment.network, part))
    return experiment


def _resolver(data: dict[str, Dataset]) -> Callable[[Any, Where], Any]:
    """Words such as ``digits.prototypes`` become the patterns they name."""

    def resolve(value: Any, where: Where) -> Any:
        if not isinstance(value, str):
            return value
        name, what = (*value.split("."), "")[:2]
        # A misspelt name of data is told as such, not as a word that a builder cannot use.
        if name in data or (what in PARTS and data):
            return find_patterns(value, data, where).values
        return value

    return resolve


def _with_noise(experiment: Experiment) -> Experiment:
    sigma = np.zeros(experiment.network.n)
    for name, value in experiment.scenario.noise.sigma.items():
        sigma[experiment.part(name, "noise", "sigma", name).states] = value
    return _changed(experiment, sigma=sigma)


def _with_inputs(experiment: Experiment) -> Experiment:
    """Each input of the scenario becomes a column of E; circuits' own columns come first and carry no signal."""
    network, entries = experiment.network, experiment.scenario.inputs
    if not entries:
        return _changed(experiment, inputs=tuple({"kind": "constant", "amplitude": 0.0} for _ in range(network.E.shape[1])))
    columns = np.zeros((network.n, len(entries)))
    signals = []
    for number, entry in enumerate(entries):
        states = experiment.part(entry.circuit, "inputs", number, "circuit").states
        columns[states, number] = _pattern(experiment, entry, number, states.stop - states.start)
        signal = entry.model_dump(exclude={"circuit", "pattern"}, exclude_none=True)
        key = ("inputs", number)
        with experiment.source.blaming(key, signal, experiment.source.where(*key)):
            input_table([signal], 1, 0, 1, 1.0)
        signals.append(signal)
    silent = [{"kind": "constant", "amplitude": 0.0} for _ in range(network.E.shape[1])]
    own = network.E.toarray() if hasattr(network.E, "toarray") else network.E
    return _changed(
        experiment, network=network.replace(E=np.hstack([own, columns])), inputs=(*silent, *signals)
    )


def _pattern(experiment: Experiment, entry: InputSpec, number: int, size: int) -> np.ndarray:
    where = experiment.source.where("inputs", number, "pattern")
    if entry.pattern is None:
        return np.ones(size)
    if isinstance(entry.pattern, str):
        values = find_patterns(entry.pattern, experiment.data, where).values
        if len(values) != 1:
            raise SpecError(f"'{entry.pattern}' names {len(values)} patterns, an input has one.", where)
        values = values[0]
    else:
        values = np.array(entry.pattern)
    if values.shape != (size,):
        raise SpecError(f"the pattern has {len(values)} weights, circuit '{entry.circuit}' has {size} states.", where)
    return values


def _changed(experiment: Experiment, **changes) -> Experiment:
    from dataclasses import replace

    return replace(experiment, **changes)
