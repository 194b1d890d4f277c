"""The reference: numpy, one step after the other, written to be read. Every other backend must agree with it."""

from __future__ import annotations

import time

import numpy as np

from neurolurie.simulation.backends.base import Backend
from neurolurie.simulation.noise import normals
from neurolurie.simulation.problem import Problem, Trajectory


class ReferenceBackend(Backend):
    name = "reference"

    def unsupported(self, problem: Problem) -> str | None:
        if problem.device != "cpu":
            return f"reference: runs on the device 'cpu' only, not on '{problem.device}'; use the backend 'torch'."
        if problem.dtype != "float64":
            return f"reference: computes in float64 only, not in {problem.dtype}; use the backend 'torch'."
        return None

    def run(self, problem: Problem) -> Trajectory:
        began = time.perf_counter()
        keep = {step: place for place, step in enumerate(problem.record.steps(problem.steps))}
        states = np.empty((problem.trials, len(keep), len(problem.record.states)))
        x = problem.x0
        if 0 in keep:
            states[:, 0] = x[:, problem.record.states]
        with np.errstate(over="ignore", invalid="ignore"):
            for step in range(problem.steps):
                x = advance(problem, x, step)
                if step + 1 in keep:
                    states[:, keep[step + 1]] = x[:, problem.record.states]
                if problem.progress and step % 64 == 0:
                    problem.progress(step, problem.steps)
        return Trajectory(states, x, 0.0, time.perf_counter() - began, f"numpy {np.__version__}")


def advance(problem: Problem, x: np.ndarray, step: int) -> np.ndarray:
    """One step from x (trials, n); ``step`` counts from the start of this run."""
    solver, size = problem.solver, problem.step_sizes()
    slopes: list[np.ndarray] = []
    for node, row in zip(solver.nodes, solver.stages, strict=True):
        stage = x + size * sum((a * k for a, k in zip(row, slopes, strict=True)), np.zeros(1))
        slopes.append(problem.network.field(stage, problem.inputs[step, round(2 * node)]))
    x = x + size * sum(b * k for b, k in zip(solver.weights, slopes, strict=True))
    if problem.sigma is not None:
        number = problem.first_step + step
        z = normals(problem.seed, problem.stream, range(number, number + 1), range(problem.trials), range(x.shape[1]))
        x = x + problem.sigma * np.sqrt(problem.dt) * z[0]
    return x
