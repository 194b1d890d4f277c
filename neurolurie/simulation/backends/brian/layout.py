"""Which way a network is written for Brian2, and what both ways share before and after a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.backends.brian.synaptic import Synaptic
from neurolurie.simulation.backends.brian.unrolled import Unrolled
from neurolurie.simulation.problem import Problem, Trajectory

# Up to this many nonzeros the equations are written out. Compiling them with Cython takes 5 s for 30 terms, 14 s for
# 170 and 87 s for 440; the code of synapses takes some 15 s, once for all networks, and runs as fast from there on.
UNROLLED_TERMS = 100
# Trials run in batches of about this many synapses (some 30 bytes each).
SYNAPSES = 4_000_000


def layout(problem: Problem) -> Unrolled | Synaptic:
    """Unrolled for small networks, synapses for the others."""
    return (Unrolled if terms(problem.network) <= UNROLLED_TERMS else Synaptic).of(problem)


def batches(problem: Problem) -> list[tuple[int, Problem]]:
    """The problem in portions of trials that fit into memory: (number of the first trial, problem)."""
    size = terms(problem.network)
    count = 1 if size <= UNROLLED_TERMS else min(problem.trials, -(-size * problem.trials // SYNAPSES))
    if count == 1:
        return [(0, problem)]
    width = -(-problem.trials // count)
    starts = range(0, problem.trials, width)

    def progress(done: int) -> Callable[[int, int], None] | None:
        if problem.progress is None:
            return None
        return lambda step, steps: problem.progress((done * steps + step) // len(starts), steps)

    return [
        (start, replace(problem, x0=problem.x0[start : start + width], progress=progress(done)))
        for done, start in enumerate(starts)
    ]


def terms(network: LurieNetwork) -> int:
    """The number of nonzeros in A, B, C and E."""
    count = lambda matrix: matrix.nnz if hasattr(matrix, "nnz") else np.count_nonzero(matrix)  # noqa: E731
    return int(sum(count(matrix) for matrix in (network.A, network.B, network.C, network.E)))


def tables(problem: Problem, plan: Unrolled | Synaptic) -> dict[str, np.ndarray]:
    """What the generated code reads through functions."""
    return {
        "numbers": np.ascontiguousarray(plan.numbers(problem), float),
        "inputs": np.ascontiguousarray(problem.inputs, float).ravel() if problem.inputs.size else np.zeros(1),
        "channels": np.array([problem.network.E.shape[1]], np.int64),
        "key": schedule.noise_key(problem),
    }


def join(parts: list[Trajectory]) -> Trajectory:
    """The trajectories of the batches as one."""
    return replace(
        parts[0],
        states=np.concatenate([part.states for part in parts]), final=np.concatenate([part.final for part in parts]),
        build_seconds=sum(part.build_seconds for part in parts), run_seconds=sum(part.run_seconds for part in parts),
    )  # fmt: skip


def gather(
    problem: Problem, plan: Unrolled | Synaptic, read: Callable[[str, str], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The states kept (trials, times, states) and the final ones (trials, n); the last step is read apart."""
    final = plan.final(read)
    last = final[:, None, problem.record.states]
    if plan.recorded is None:
        return last, final
    return np.concatenate([plan.records(read, problem.record.states), last], axis=1), final


def refusal(name: str, problem: Problem) -> str | None:
    """What Brian2 cannot do, in a sentence."""
    if problem.device != "cpu":
        return f"{name}: runs on the device 'cpu' only, not on '{problem.device}'; use the backend 'torch'."
    if problem.dtype != "float64":
        return f"{name}: computes in float64 only, not in {problem.dtype}; use the backend 'torch'."
    return None
