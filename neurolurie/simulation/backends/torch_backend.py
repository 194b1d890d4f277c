"""The torch backend: a kernel generated for the problem on the CPU, torch's own operations otherwise.

The kernels take numpy arrays, so torch itself is loaded only where its operations run.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from neurolurie.kernels import choose, compiler
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.plan import Data, Plan, thread_count
from neurolurie.simulation.backends.base import Backend
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.simulation.solvers import Solver


class TorchBackend(Backend):
    name = "torch"

    def unsupported(self, problem: Problem) -> str | None:
        if problem.device == "cpu":
            return None
        from neurolurie.simulation.backends.torch_loop import unusable

        return unusable(problem.device)

    def run(self, problem: Problem) -> Trajectory:
        reason = no_kernel(problem)
        if reason is None:
            try:
                return run_kernel(problem)
            except compiler.NoCompiler as error:
                compiler.warn_once(reason := error.message)
        from neurolurie.simulation.backends.torch_loop import run_loop

        trajectory = run_loop(problem)
        return replace(trajectory, notes=(*trajectory.notes, f"plain loop: {reason}"))


def no_kernel(problem: Problem) -> str | None:
    """Why the problem runs as a loop of torch operations, or None if a kernel runs it."""
    if problem.device != "cpu":
        return f"the kernels run on the device 'cpu', this run is on '{problem.device}'."
    unknown = choose.unknown_kind(problem.network.phi)
    if unknown:
        return f"the nonlinearity '{unknown}' is not one of the library's, the kernels have no code for it."
    missing = compiler.available()
    if missing:
        compiler.warn_once(missing)
    return missing


def run_kernel(problem: Problem) -> Trajectory:
    """The problem on the kernel chosen for it."""
    began = time.perf_counter()
    network, record = problem.network, problem.record
    sigma = None if problem.sigma is None else problem.sigma * np.sqrt(problem.dt)
    data = Data(
        A=network.A, B=network.B, C=network.C, E=network.E, bx=network.bx, by=network.by, size=problem.step_sizes(),
        inputs=problem.inputs, noise=sigma, seed=problem.seed, stream=problem.stream, first_step=problem.first_step,
    )  # fmt: skip
    everything = np.array_equal(record.states, np.arange(network.n))
    plan = Plan(
        problem.steps, record.every, None if everything else record.states, thread_count(), problem.progress
    )
    kernel = choose.kernel(network, tableau(problem.solver), problem.dtype, sigma is not None)
    built = time.perf_counter()
    states, final = kernel.run(data, problem.x0, plan)
    code = f"{kernel.code}, {problem.dtype}, {plan.threads} threads"
    return Trajectory(states, final, built - began, time.perf_counter() - built, code)


def tableau(solver: Solver) -> Tableau:
    """The solver as the kernels know it."""
    return Tableau(solver.nodes, solver.stages, solver.weights, solver.exponential)
