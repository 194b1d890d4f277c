"""What changes from tick to tick: a tick is one stage, and its coefficients are read from a vector of numbers.

Every state keeps a queue of slopes for the stages to come, and the sum of slopes for the end of the step:

    z       = x + s queue1                          where the field is taken
    k       = f(z, u)
    queue_i = queue_(i+1) + a_(stage+i, stage) k    (nothing behind the last place of the queue)
    slope   = slope + b_stage k
    x       = x + last s slope + noise              last is 1 in the last stage of a step, 0 before

The queue is empty again when a step ends, so that nothing needs to be reset.
"""

from __future__ import annotations

import numpy as np

from neurolurie.simulation.noise import split_seed
from neurolurie.simulation.problem import Problem
from neurolurie.simulation.solvers import SOLVERS

QUEUE = max(max(len(solver.nodes) for solver in SOLVERS.values()) - 1, 1)
_ROW = 3 + QUEUE  # node, last, weight, then the queue
HEAD = 1 + _ROW * (QUEUE + 1)  # where the numbers of the network begin

# Scalar code, the same for every neuron of a tick.
STAGE = f"""
stages = int(neurolurie_number(0))
stage = t_in_timesteps % stages
step = t_in_timesteps // stages
row = 1 + {_ROW}*stage
node = int(neurolurie_number(row))
last = neurolurie_number(row + 1)
weight = neurolurie_number(row + 2)
"""
QUEUED = "\n".join(f"ahead{place} = neurolurie_number(row + {2 + place})" for place in range(1, QUEUE + 1))


def advance(name: str, size: str, noise: str) -> list[str]:
    """The lines that end a tick for one state: k has just been computed. ``name`` marks the state's variables."""
    lines = []
    for place in range(1, QUEUE + 1):
        behind = f"queue{place + 1}{name} + " if place < QUEUE else ""
        lines.append(f"queue{place}{name} = {behind}ahead{place}*k{name}")
    lines += [
        f"slope{name} = slope{name} + weight*k{name}",
        f"x{name} = x{name} + last*({size}*slope{name}) + {noise}",
        f"slope{name} = (1.0 - last)*slope{name}",
    ]
    return lines


def variables(name: str) -> list[str]:
    """What every state carries."""
    return [f"x{name}", f"slope{name}", *(f"queue{place}{name}" for place in range(1, QUEUE + 1))]


def tableau_numbers(problem: Problem) -> np.ndarray:
    """The first ``HEAD`` numbers: the count of stages, then a row for each stage."""
    solver = problem.solver
    stages = len(solver.nodes)
    rows = np.zeros((QUEUE + 1, _ROW))
    for stage in range(stages):
        ahead = [solver.stages[later][stage] for later in range(stage + 1, stages)]
        rows[stage, : 3 + len(ahead)] = (
            round(2 * solver.nodes[stage]), float(stage == stages - 1), solver.weights[stage], *ahead
        )  # fmt: skip
    return np.concatenate([[stages], rows.ravel()])


def ticks(problem: Problem) -> int:
    return problem.steps * len(problem.solver.nodes)


def amplitude(problem: Problem) -> np.ndarray:
    """What multiplies the normals of each state; where it is 0 none is drawn."""
    return np.zeros(problem.network.n) if problem.sigma is None else problem.sigma * np.sqrt(problem.dt)


def noise_key(problem: Problem) -> np.ndarray:
    """first step, stream, and the two halves of the seed."""
    return np.array([problem.first_step, problem.stream, *split_seed(problem.seed)], np.int64)
