"""Running in windows: the same numbers as one run, with a look at the states in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.simulation.simulate import solve


def solve_until(
    problem: Problem,
    backend: str,
    finished: Callable[[np.ndarray], bool],
    windows: int = 20,
    keep_diverged: bool = False,
) -> tuple[Problem, Trajectory]:
    """Run window after window until ``finished(states)`` is true of the last states (trials, n), or the time is over.

    A window is about 1/``windows`` of the run, a whole number of recorded steps. Returns the problem with the steps
    that
    were made, and its trajectory: exactly the beginning of the whole run, because time and noise are counted from
    its start.
    """
    every = problem.record.every or problem.steps
    size = max(1, problem.steps // (windows * every)) * every
    parts: list[Trajectory] = []
    x, done = problem.x0, 0
    while done < problem.steps and not (parts and finished(x)):
        steps = min(size, problem.steps - done)
        window = replace(
            problem, x0=x, steps=steps, first_step=problem.first_step + done,
            inputs=problem.inputs[done : done + steps], progress=_shifted(problem, done),
        )  # fmt: skip
        parts.append(solve(window, backend, keep_diverged))
        x, done = parts[-1].final, done + steps
    return replace(problem, steps=done, inputs=problem.inputs[:done]), _joined(problem, parts)


def _joined(problem: Problem, parts: list[Trajectory]) -> Trajectory:
    if problem.record.every is None:
        states = parts[-1].states
    else:  # every window repeats the last state of the one before
        states = np.concatenate([parts[0].states] + [part.states[:, 1:] for part in parts[1:]], axis=1)
    return Trajectory(
        states, parts[-1].final, sum(part.build_seconds for part in parts), sum(part.run_seconds for part in parts),
        parts[-1].code, tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )  # fmt: skip


def _shifted(problem: Problem, done: int) -> Callable[[int, int], None] | None:
    if problem.progress is None:
        return None
    return lambda step, total: problem.progress(done + step, problem.steps)
