"""Which way a network is written for Brian2, and what both ways share before and after a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.backends.brian.synaptic import Synaptic
from neurolurie.simulation.backends.brian.unrolled import Unrolled
from neurolurie.simulation.problem import Problem

# Up to this many nonzeros the equations are written out. Compiling them takes longer with every term, synapses take the
# same few seconds for every network.
UNROLLED_TERMS = 200


def layout(problem: Problem) -> Unrolled | Synaptic:
    """Unrolled for small networks, synapses for the others."""
    return (Unrolled if terms(problem.network) <= UNROLLED_TERMS else Synaptic).of(problem)


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
