"""Small networks: every term of every equation is written out; trials are the neurons of one group.

The code depends on which entries of A, B, C and E are not zero; their values are data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from neurolurie.network.nonlinearity import nonlinearity
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.problem import Problem

STATES, MONITOR = "neurolurie_states", "neurolurie_record"
Pattern = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Unrolled:
    """What the code depends on: shapes, the places of the nonzeros, phi, and what is recorded."""

    trials: int
    n: int
    phi: tuple[str, ...]
    A: Pattern
    B: Pattern
    C: Pattern
    E: Pattern
    recorded: tuple[int, ...] | None

    @classmethod
    def of(cls, problem: Problem) -> Unrolled:
        network, record = problem.network, problem.record
        return cls(
            problem.trials, network.n, network.phi.names,
            *(_pattern(matrix) for matrix in (network.A, network.B, network.C, network.E)),
            recorded=None if record.every is None else tuple(sorted({int(state) for state in record.states})),
        )  # fmt: skip

    def numbers(self, problem: Problem) -> np.ndarray:
        """Everything the code reads by place: the tableau, the nonzeros, the vectors."""
        network = problem.network
        entries = [
            sparse.coo_array(matrix).toarray()[tuple(np.array(pattern, np.intp).reshape(-1, 2).T)]
            for matrix, pattern in ((network.A, self.A), (network.B, self.B), (network.C, self.C), (network.E, self.E))
        ]
        vectors = [network.bx, network.by, problem.step_sizes(), schedule.amplitude(problem)]
        return np.concatenate([schedule.tableau_numbers(problem), *map(np.ravel, entries), *vectors])

    def values(self, problem: Problem, first_trial: int) -> dict[str, np.ndarray]:
        """Initial values, by group and variable; ``first_trial`` is 0, small networks run in one batch."""
        return {f"{STATES}.x_{state}": problem.x0[:, state] for state in range(self.n)}

    def code(self) -> str:
        """One tick for one trial."""
        place = schedule.HEAD
        weight: dict[str, dict[tuple[int, int], str]] = {}
        for name in "ABCE":
            pattern = getattr(self, name)
            weight[name] = {entry: f"neurolurie_number({place + i})" for i, entry in enumerate(pattern)}
            place += len(pattern)
        m = len(self.phi)
        vector = lambda start, size: [f"neurolurie_number({start + i})" for i in range(size)]  # noqa: E731
        bx, by = vector(place, self.n), vector(place + self.n, m)
        size, amplitude = vector(place + self.n + m, self.n), vector(place + 2 * self.n + m, self.n)

        def row(name: str, number: int, factor: str) -> list[str]:
            return [f"{text}*{factor}_{column}" for (r, column), text in weight[name].items() if r == number]

        lines = [schedule.STAGE, schedule.QUEUED]
        lines += [f"u_{c} = neurolurie_input(step, node, {c})" for c in sorted({column for _, column in self.E})]
        lines += [f"z_{i} = x_{i} + {size[i]}*queue1_{i}" for i in range(self.n)]
        for j, kind in enumerate(self.phi):
            lines.append(f"y_{j} = {' + '.join([*row('C', j, 'z'), by[j]])}")
            lines.append(f"f_{j} = {nonlinearity(kind).brian.format(y=f'y_{j}')}")
        for i in range(self.n):
            terms = [*row("A", i, "z"), *row("B", i, "f"), bx[i], *row("E", i, "u")]
            lines.append(f"k_{i} = {' + '.join(terms)}")
            noise = f"neurolurie_normal(step, i, {i}, last*{amplitude[i]})"
            lines += schedule.advance(f"_{i}", size[i], noise)
        return "\n".join(lines)

    def build(self, functions: dict, clock, record_clock, copying) -> dict:
        """The Brian2 objects by name. ``copying``: the code object class of the monitor (None: the device's)."""
        from brian2 import NeuronGroup, StateMonitor

        names = [name for state in range(self.n) for name in schedule.variables(f"_{state}")]
        group = NeuronGroup(
            self.trials, "\n".join(f"{name} : 1" for name in names), clock=clock, name=STATES, namespace=functions
        )
        advance = group.run_regularly(self.code(), when="groups", name=f"{STATES}_advance", clock=clock)
        objects = {STATES: group, "advance": advance}
        if self.recorded is not None:
            objects[MONITOR] = StateMonitor(
                group, [f"x_{state}" for state in self.recorded], record=True, clock=record_clock, when="start",
                name=MONITOR, codeobj_class=copying,
            )  # fmt: skip
        return objects

    def results(self) -> list[tuple[str, str]]:
        """The arrays to be read after a run, as (object, variable)."""
        return [(STATES, f"x_{state}") for state in range(self.n)] + [
            (MONITOR, f"x_{state}") for state in self.recorded or ()
        ]

    def final(self, read: Callable[[str, str], np.ndarray]) -> np.ndarray:
        """(trials, n), from a function that reads the array of an object's variable."""
        return np.stack([read(STATES, f"x_{state}") for state in range(self.n)], axis=1)

    def records(self, read: Callable[[str, str], np.ndarray], states: np.ndarray) -> np.ndarray:
        """(trials, times, states) of the monitor, without the last step."""
        kept = [read(MONITOR, f"x_{state}").reshape(-1, self.trials).T for state in states]
        return np.stack(kept, axis=2)


def _pattern(matrix) -> Pattern:
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    keep = coo.data != 0.0
    rows, columns = (axis[keep].tolist() for axis in coo.coords)
    return tuple(sorted(zip(rows, columns, strict=True)))
