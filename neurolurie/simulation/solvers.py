"""The solvers, as tableaux: every backend takes its stages from here, so a step means the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Solver:
    """An explicit Runge-Kutta step ``x+ = x + s * sum_i b_i k_i``, ``k_i = f(x + s * sum_j a_ij k_j, t + c_i h)``.

    The step ``s`` is h for every state, or, if ``exponential``, ``h phi1(h A_ii)`` with ``phi1(z) = (e^z - 1) / z``:
    with one stage that is exponential Euler, ``x+ = e^{ha} x + h phi1(ha) (f(x) - a x)``, because
    ``e^{ha} = 1 + ha phi1(ha)``.

    Nodes are 0, 1/2 or 1, so that inputs need to be known on the half-step grid only.
    """

    name: str
    order: int
    nodes: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    exponential: bool = False

    def step_sizes(self, rates: np.ndarray, h: float) -> np.ndarray:
        """The step of every state, given the diagonal of A.

        >>> SOLVERS["exponential-euler"].step_sizes(np.array([0.0, -100.0]), 0.1)
        array([0.1   , 0.00999955])
        """
        if not self.exponential:
            return np.full(np.shape(rates), h)
        z = h * np.asarray(rates, float)
        with np.errstate(invalid="ignore"):
            return h * np.where(z == 0.0, 1.0, np.expm1(z) / np.where(z == 0.0, 1.0, z))


SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        Solver("euler", 1, (0.0,), ((),), (1.0,)),
        Solver("heun", 2, (0.0, 1.0), ((), (1.0,)), (0.5, 0.5)),
        Solver(
            "rk4", 4, (0.0, 0.5, 0.5, 1.0), ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
        ),
        Solver("exponential-euler", 1, (0.0,), ((),), (1.0,), exponential=True),
    )
}
