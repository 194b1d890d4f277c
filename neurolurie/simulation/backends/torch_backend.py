"""The torch backend: a kernel generated for the problem on the CPU, torch's own operations otherwise.

The kernels take numpy arrays, so torch itself is loaded only where its operations run.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from neurolurie.kernels import choose, compiler
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.gpu import choice as gpu
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
                return run_kernel(problem) if problem.device == "cpu" else run_triton_kernel(problem)
            except compiler.NoCompiler as error:
                compiler.warn_once(reason := error.message)
        from neurolurie.simulation.backends.torch_loop import run_loop

        trajectory = run_loop(problem)
        return replace(trajectory, notes=(*trajectory.notes, f"plain loop: {reason}"))


def no_kernel(problem: Problem) -> str | None:
    """Why the problem runs as a loop of torch operations, or None if a kernel runs it."""
    if problem.device.split(":")[0] == "cuda":
        return gpu.reason_against(problem.network.n, problem.network.phi, problem.dtype)
    unknown = choose.unknown_kind(problem.network.phi)
    if unknown:
        return f"the nonlinearity '{unknown}' is not one of the library's, the kernels have no code for it."
    if problem.device != "cpu":
        return f"the kernels run on the devices 'cpu' and 'cuda', this run is on '{problem.device}'."
    missing = compiler.available()
    if missing:
        compiler.warn_once(missing)
    return missing


def posed(problem: Problem) -> tuple[Data, Plan]:
    """The problem's numbers, and the plan of its calls, as the kernels take them."""
    network, record = problem.network, problem.record
    data = Data(
        A=network.A, B=network.B, C=network.C, E=network.E, bx=network.bx, by=network.by, size=problem.step_sizes(),
        inputs=problem.inputs, noise=None if problem.sigma is None else problem.sigma * np.sqrt(problem.dt),
        seed=problem.seed, stream=problem.stream, first_step=problem.first_step,
    )  # fmt: skip
    chosen = None if np.array_equal(record.states, np.arange(network.n)) else record.states
    return data, Plan(problem.steps, record.every, chosen, thread_count(), problem.progress)


def run_kernel(problem: Problem) -> Trajectory:
    """The problem on the kernel chosen for it."""
    began = time.perf_counter()
    data, plan = posed(problem)
    kernel = choose.kernel(problem.network, tableau(problem.solver), problem.dtype, data.noise is not None)
    built = time.perf_counter()
    states, final = kernel.run(data, problem.x0, plan)
    code = f"{kernel.code}, {problem.dtype}, {plan.threads} threads"
    return Trajectory(states, final, built - began, time.perf_counter() - built, code)


def run_triton_kernel(problem: Problem) -> Trajectory:
    """A small network on a GPU: one trial in each thread."""
    from neurolurie.kernels.gpu import run_forward

    began = time.perf_counter()
    data, plan = posed(problem)
    description = gpu.describe(
        problem.network, tableau(problem.solver), problem.dtype, problem.sigma is not None
    )
    states, final = run_forward.forward(description, choose.filled(data), problem.x0, plan, problem.device)
    return Trajectory(
        states, final, 0.0, time.perf_counter() - began, f"generated Triton kernel, {problem.dtype}, {problem.device}"
    )


def tableau(solver: Solver) -> Tableau:
    """The solver as the kernels know it."""
    return Tableau(solver.nodes, solver.stages, solver.weights, solver.exponential)
