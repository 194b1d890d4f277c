"""Experiment: a scenario made concrete. Its data loaded, its circuits composed, its inputs and noise laid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from neurolurie.certificates.certificate import CLAIMS
from neurolurie.data import PARTS, Dataset, find_patterns, load_data
from neurolurie.errors import SpecError, Where, did_you_mean, lookup, placed
from neurolurie.network.circuits import build_graph
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lesion import lesioned
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.parts import find_part, inner_names
from neurolurie.simulation.inputs import input_table
from neurolurie.simulation.problem import Problem, count_steps, parse_record, pose, require_device
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
        """What a circuit named in the scenario owns; ``outer.inner`` or ``outer/inner`` if it is nested.

        SpecError at ``key`` if there is none of that name.
        """
        path = name.replace(".", "/").split("/")
        part = find_part(self.network, path)
        if part is None:
            inside = inner_names(self.network, path[:-1]) if len(path) > 1 else []
            raise SpecError(did_you_mean("circuit", name, inside or self.graph.graph), self.source.where(*key))
        return part

    def rng(self, stream: int) -> np.random.Generator:
        """The generator for one purpose (cues, initial states); noise during a run has its own."""
        return np.random.default_rng([self.scenario.seed, stream])

    def pose(self, x0: np.ndarray, progress: Callable[[int, int], None] | None = None) -> Problem:
        """The problem this experiment puts to a backend, from these initial states."""
        run, place = self.scenario.simulate, self.source.where
        record = run.record.model_dump()
        with placed(place("simulate", "device")):
            require_device(run.device)
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
    known = {"recalled": ("sign",), "amplitude_of": network.states}
    for name, value in scenario.measures.items():
        choices = lookup("measure", name, known, source.where("measures", name))
        if value not in choices:
            raise SpecError(did_you_mean(name, value, choices), source.where("measures", name))
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
    """Each input of the scenario becomes the one column of E that it feeds; columns that nothing feeds are left out."""
    network, entries = experiment.network, experiment.scenario.inputs
    columns = np.zeros((network.n, len(entries)))
    signals = []
    for number, entry in enumerate(entries):
        key = ("inputs", number)
        part = experiment.part(entry.circuit, *key, "circuit")
        columns[part.states, number] = _column(experiment, entry, number, part)
        signal = entry.model_dump(exclude={"circuit", "to", "pattern"}, exclude_none=True)
        if entry.file is not None:
            signal["file"] = str(experiment.source.folder_of(*key, "file") / entry.file)
        with experiment.source.blaming(key, signal, experiment.source.where(*key)):
            input_table([signal], 1, 0, 1, 1.0)
        signals.append(signal)
    E = sparse.csr_array(columns) if sparse.issparse(network.E) else columns
    return _changed(experiment, network=network.replace(E=E), inputs=tuple(signals))


def _column(experiment: Experiment, entry: InputSpec, number: int, part: Part) -> np.ndarray:
    """What one unit of an input does to the rates of the circuit it goes to."""
    if entry.to == "rate":
        return _pattern(experiment, entry, number, part.states.stop - part.states.start, "states")
    size = part.inputs.stop - part.inputs.start
    if not size:
        where = experiment.source.where("inputs", number, "to")
        raise SpecError(f"circuit '{entry.circuit}' has no inputs of its own; use 'to: rate'.", where)
    return experiment.network.E[part.states, part.inputs] @ _pattern(experiment, entry, number, size, "inputs")


def _pattern(experiment: Experiment, entry: InputSpec, number: int, size: int, what: str) -> np.ndarray:
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
        raise SpecError(f"the pattern has {len(values)} weights, circuit '{entry.circuit}' has {size} {what}.", where)
    return values


def _changed(experiment: Experiment, **changes) -> Experiment:
    from dataclasses import replace

    return replace(experiment, **changes)
