"""The error of every solver on every backend falls with its order, with coupling, phi and inputs that jump.

The networks are dense, so that a stage that saw another state's old value would show: Brian2's own `summed` variables
stay frozen through a step and leave first order. The reference solution is scipy's, integrated from jump to jump.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import solve
from neurolurie.simulation.solvers import SOLVERS

DURATION, ON, OFF = 2.0, 0.5, 1.5
INPUTS = [{"kind": "pulse", "amplitude": 1.5, "on": ON, "off": OFF}, {"kind": "constant", "amplitude": 0.5}]
STEPS = {1: [128, 256, 512, 1024], 2: [64, 128, 256, 512], 4: [16, 32, 64, 128]}


def exact(network, x0):
    """The state at the end, by an 8th order method with tight tolerances."""
    x = x0
    for start, stop, pulse in ((0.0, ON, 0.0), (ON, OFF, 1.5), (OFF, DURATION, 0.0)):
        u = np.array([pulse, 0.5])
        run = solve_ivp(lambda t, x, u=u: network.field(x, u), (start, stop), x, "DOP853", rtol=1e-13, atol=1e-13)
        x = run.y[:, -1]
    return x


@pytest.mark.parametrize("solver", SOLVERS)
def test_error_falls_with_the_stated_order(backend, network, starts, solver):
    truth = np.array([exact(network, x0) for x0 in starts])
    order = SOLVERS[solver].order
    errors = []
    for steps in STEPS[order]:
        problem = pose(network, starts, duration=DURATION, dt=DURATION / steps, solver=solver, inputs=INPUTS)
        errors.append(np.abs(solve(problem, backend).final - truth).max())
    assert errors[-1] > 1e-12, "the error is at the level of rounding: the slope would say nothing"
    slope = np.polyfit(np.log2(STEPS[order]), np.log2(errors), 1)[0]
    assert slope == pytest.approx(-order, abs=0.15)
