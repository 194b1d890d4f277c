"""Larger networks: every nonzero of the matrices is a synapse in every trial, and sums over synapses are the products.

Neurons are the states and the preactivations of all trials, trial after trial; the diagonal of A is a parameter of the
states. The generated code depends on neither the size nor the pattern, so Cython compiles it once for all networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from neurolurie.network.nonlinearity import nonlinearity
from neurolurie.network.phi import Phi
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.problem import Problem

STATES, PREACTIVATIONS, INPUTS = "neurolurie_states", "neurolurie_preactivations", "neurolurie_inputs"
MONITOR = "neurolurie_record"
# matrix: (name of its synapses, source, variable read, target, variable summed, order within a tick)
PROJECTIONS = {
    "C": ("neurolurie_C", STATES, "z", PREACTIVATIONS, "y", 1),
    "A": ("neurolurie_A", STATES, "z", STATES, "coupling", 3),
    "B": ("neurolurie_B", PREACTIVATIONS, "f", STATES, "drive", 3),
    "E": ("neurolurie_E", INPUTS, "u", STATES, "stimulus", 3),
}


@dataclass(frozen=True)
class Connections:
    """Synapses from neuron ``sources`` to neuron ``targets``, in all trials."""

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Synaptic:
    """What the objects depend on: shapes, kinds of phi, the synapses, and what is recorded."""

    trials: int
    n: int
    channels: int
    phi: Phi
    recorded: np.ndarray | None
    connections: dict[str, Connections] = field(repr=False)

    @classmethod
    def of(cls, problem: Problem) -> Synaptic:
        network, record, trials = problem.network, problem.record, problem.trials
        phi = network.phi
        trial = np.arange(trials)[:, None]
        states = trial * network.n + np.arange(network.n)
        preactivations = _places(phi, trials)
        channels = np.broadcast_to(np.arange(network.E.shape[1]), (trials, network.E.shape[1]))
        A = sparse.coo_array(network.A)
        off = A.coords[0] != A.coords[1]
        A = sparse.coo_array((A.data[off], tuple(axis[off] for axis in A.coords)), shape=A.shape)
        ends = {
            "A": (A, states, states), "B": (network.B, preactivations, states),
            "C": (network.C, states, preactivations), "E": (network.E, channels, states),
        }  # fmt: skip
        return cls(
            trials, network.n, network.E.shape[1], phi,
            None if record.every is None else np.unique(record.states),
            {name: _connections(matrix, sources, targets) for name, (matrix, sources, targets) in ends.items()},
        )  # fmt: skip

    def __repr__(self) -> str:
        """Everything a compiled program depends on, the places of the synapses as a digest."""
        hasher = hashlib.sha256()
        for name, ends in sorted(self.connections.items()):
            hasher.update(f"{name} {len(ends.sources)}".encode())
            hasher.update(ends.sources.tobytes() + ends.targets.tobytes())
        recorded = None if self.recorded is None else self.recorded.tolist()
        return (
            f"Synaptic({self.trials}, {self.n}, {self.channels}, {self.blocks()}, {recorded}, "
            f"{hasher.hexdigest()})"
        )

    def blocks(self) -> list[tuple[str, int, int]]:
        """(kind of phi, first neuron, last neuron + 1): preactivations of one kind lie together."""
        counts = np.bincount(self.phi.index, minlength=len(self.phi.kinds)) * self.trials
        ends = np.cumsum(counts)
        return [
            (kind.name, int(end - count), int(end))
            for kind, count, end in zip(self.phi.kinds, counts, ends, strict=True)
            if count
        ]

    def numbers(self, problem: Problem) -> np.ndarray:
        return schedule.tableau_numbers(problem)

    def values(self, problem: Problem, first_trial: int) -> dict[str, np.ndarray]:
        """Initial values, parameters and weights, by group and variable; trials are counted from ``first_trial``."""
        network, trials = problem.network, self.trials
        x0 = problem.x0.ravel()
        found = {
            f"{STATES}.x": x0, f"{STATES}.z": x0,
            f"{STATES}.diagonal": np.tile(network.A.diagonal(), trials), f"{STATES}.bx": np.tile(network.bx, trials),
            f"{STATES}.size": np.tile(problem.step_sizes(), trials),
            f"{STATES}.amplitude": np.tile(schedule.amplitude(problem), trials),
            f"{STATES}.trial": np.repeat(np.arange(first_trial, first_trial + trials, dtype=np.int32), self.n),
            f"{STATES}.state": np.tile(np.arange(self.n, dtype=np.int32), trials),
        }  # fmt: skip
        if self.phi.size:
            by = np.empty(self.phi.size * trials)
            by[_places(self.phi, trials)] = network.by
            found[f"{PREACTIVATIONS}.by"] = by
        for name, ends in self.connections.items():
            if len(ends.weights):
                found[f"{PROJECTIONS[name][0]}.w"] = ends.weights
        return found

    def build(self, functions: dict, clock, record_clock, copying) -> dict:
        """The Brian2 objects by name. ``copying``: the code object class of the monitor (None: the device's)."""
        from brian2 import NeuronGroup, StateMonitor

        make = lambda size, variables, name: NeuronGroup(  # noqa: E731
            size, "\n".join(f"{v} : {kind}" for v, kind in variables.items()), clock=clock, name=name,
            namespace=functions,
        )  # fmt: skip
        own = ["z", "coupling", "drive", "stimulus", "diagonal", "bx", "size", "amplitude"]
        plain = dict.fromkeys([*schedule.variables(""), *own], "1") | {"trial": "integer", "state": "integer"}
        states = make(self.trials * self.n, plain, STATES)
        noise = "neurolurie_normal(step, trial, state, last*amplitude)"
        lines = [
            schedule.STAGE, schedule.QUEUED, "k = diagonal*z + coupling + drive + bx + stimulus",
            *schedule.advance("", "size", noise), "z = x + size*queue1",
        ]  # fmt: skip
        run = lambda group, code, order: group.run_regularly(  # noqa: E731
            code, when="groups", order=order, clock=clock, name=f"{group.name}_advance"
        )
        objects = {STATES: states, "advance": run(states, "\n".join(lines), 4)}
        if self.phi.size:
            objects[PREACTIVATIONS] = make(
                self.trials * self.phi.size, dict.fromkeys(["y", "by", "f"], "1"), PREACTIVATIONS
            )
            for kind, start, stop in self.blocks():
                block = objects[PREACTIVATIONS][start:stop]
                block.namespace = functions
                code = f"v = y + by\nf = {nonlinearity(kind).brian.format(y='v')}"
                objects[kind] = run(block, code, 2)
                objects[f"block {kind}"] = block
        if len(self.connections["E"].weights):
            objects[INPUTS] = make(self.channels, {"u": "1"}, INPUTS)
            code = schedule.STAGE + "u = neurolurie_input(step, node, i)"
            objects["inputs"] = run(objects[INPUTS], code, 0)
        for name, (title, source, read, target, summed, order) in PROJECTIONS.items():
            ends = self.connections[name]
            if len(ends.weights):
                objects[title] = _synapses(title, objects[source], read, objects[target], summed, order, ends)
        if self.recorded is not None:
            neurons = (np.arange(self.trials)[:, None] * self.n + self.recorded).ravel()
            objects[MONITOR] = StateMonitor(
                states, "x", record=neurons, clock=record_clock, when="start", name=MONITOR, codeobj_class=copying
            )
        return objects

    def results(self) -> list[tuple[str, str]]:
        """The arrays to be read after a run, as (object, variable)."""
        return [(STATES, "x")] + ([] if self.recorded is None else [(MONITOR, "x")])

    def final(self, read: Callable[[str, str], np.ndarray]) -> np.ndarray:
        """(trials, n), from a function that reads the array of an object's variable."""
        return read(STATES, "x").reshape(self.trials, self.n)

    def records(self, read: Callable[[str, str], np.ndarray], states: np.ndarray) -> np.ndarray:
        """(trials, times, states) of the monitor, without the last step."""
        kept = read(MONITOR, "x").reshape(-1, self.trials, len(self.recorded))
        return kept[:, :, np.searchsorted(self.recorded, states)].transpose(1, 0, 2)


def _synapses(title, source, read, target, summed, order, ends):
    from brian2 import Synapses

    synapses = Synapses(
        source, target, f"w : 1\n{summed}_post = w*{read}_pre : 1 (summed)", name=title, clock=target.clock,
        namespace={},
    )  # fmt: skip
    synapses.connect(i=ends.sources, j=ends.targets)
    synapses.summed_updaters[f"{summed}_post"].order = order
    return synapses


def _places(phi: Phi, trials: int) -> np.ndarray:
    """The neuron of every (trial, preactivation): kinds lie together, within a kind trial after trial."""
    places = np.empty((trials, phi.size), np.intp)
    start = 0
    for kind in range(len(phi.kinds)):
        here = np.flatnonzero(phi.index == kind)
        places[:, here] = start + np.arange(trials)[:, None] * len(here) + np.arange(len(here))
        start += trials * len(here)
    return places


def _connections(matrix, sources: np.ndarray, targets: np.ndarray) -> Connections:
    """``sources`` (trials, columns) and ``targets`` (trials, rows) number the neurons."""
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    keep = coo.data != 0.0
    rows, columns, weights = coo.coords[0][keep], coo.coords[1][keep], coo.data[keep]
    order = np.lexsort((rows, columns))  # neighbours add to different targets: no sum waits for the one before
    rows, columns, weights = rows[order], columns[order], np.tile(weights[order], len(sources))
    return Connections(
        sources[:, columns].ravel().astype(np.int32), targets[:, rows].ravel().astype(np.int32), weights
    )
