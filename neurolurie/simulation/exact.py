"""The exact solution of a network in which phi adds nothing that is not linear: no solver, no step."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import Problem


def exact(problem: Problem) -> np.ndarray:
    """The recorded states (trials, times, n) of ``dx/dt = M x + c`` by the matrix exponential.

    From one recorded time to the next x moves by ``x+ = e^{hM} x + int_0^h e^{sM} c ds``; rounding is all that is lost.
    Raises SpecError for a network that is not linear, and for inputs and noise.

    >>> from neurolurie.simulation.simulate import pose
    >>> net = LurieNetwork(A=[[0.0, 1.0], [-1.0, 0.0]], B=np.zeros((2, 1)), C=[[1.0, 0.0]])
    >>> quarter = pose(net, np.array([[1.0, 0.0]]), duration=np.pi / 2, dt=np.pi / 2, record="final")
    >>> bool(np.allclose(exact(quarter), [[[0.0, -1.0]]]))
    True
    """
    M, c = linear_form(problem.network)
    if problem.sigma is not None or problem.inputs.any():
        raise SpecError("the exact solution is for runs without inputs and noise.")
    n, steps = problem.network.n, problem.record.steps(problem.steps)
    whole = np.zeros((n + 1, n + 1))  # the state with a 1 below it obeys a linear equation without c
    whole[:n, :n], whole[:n, n] = M, c
    x, at, moves = np.column_stack([problem.x0, np.ones(problem.trials)]), 0, {}
    out = np.empty((problem.trials, len(steps), n))
    for row, step in enumerate(steps):
        if step != at:
            gap = int(step - at)
            if gap not in moves:
                moves[gap] = expm(whole * (gap * problem.dt)).T
            x, at = x @ moves[gap], step
        out[:, row] = x[:, :n]
    return out


def linear_form(network: LurieNetwork) -> tuple[np.ndarray, np.ndarray]:
    """M (n, n) and c (n,) with ``dx/dt = M x + c``; raises SpecError if there are none.

    phi is linear where it is the identity, where its argument is constant, and where B does not let it through.
    """
    network = network.dense()
    same = np.array([name == "identity" for name in network.phi.names], bool)
    still = ~network.C.any(axis=1)
    bent = np.flatnonzero(~same & ~still & network.B.any(axis=0))
    if len(bent):
        raise SpecError(
            f"the exact solution needs a linear network: phi '{network.phi.names[bent[0]]}' of preactivation "
            f"{bent[0] + 1} acts on the states."
        )
    through = same & ~still
    M = network.A + network.B[:, through] @ network.C[through]
    constant = np.where(through, network.by, network.phi(network.by))
    return M, network.bx + network.B @ constant
