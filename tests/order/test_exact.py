"""The exact solution of linear networks: the limit that every solver approaches, and nothing but linear networks."""

import numpy as np
import pytest

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.exact import exact, linear_form
from neurolurie.simulation.simulate import pose, simulate


def network(phi, B, C, by):
    return LurieNetwork(A=[[-0.5, 1.0], [-1.0, -0.2]], B=B, C=C, bx=[0.3, -0.1], by=by, phi=phi)


LINEAR = {
    "identity": network("identity", [[0.4], [0.1]], [[1.0, -2.0]], [0.7]),
    "a constant argument": network("tanh", [[0.4], [0.1]], [[0.0, 0.0]], [0.7]),
    "nothing comes through": network("tanh", [[0.0], [0.0]], [[1.0, 1.0]], [0.7]),
    "no preactivation": network("tanh", np.zeros((2, 0)), np.zeros((0, 2)), np.zeros(0)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_rk4_approaches_it_with_its_order(name):
    net, x0 = LINEAR[name], np.array([[1.0, -1.0], [0.2, 0.6]])
    truth = exact(pose(net, x0, duration=4.0, dt=0.1, record={"every": 5}))
    errors = [
        np.abs(simulate(net, x0, duration=4.0, dt=dt, solver="rk4", record={"every": round(0.5 / dt)}) - truth).max()
        for dt in (0.1, 0.05)
    ]
    assert errors[0] < 1e-5 and errors[0] / errors[1] == pytest.approx(16.0, rel=0.15)


def test_the_last_row_may_lie_closer():
    net = LINEAR["identity"]
    rows = exact(pose(net, np.ones((1, 2)), duration=0.7, dt=0.1, record={"every": 3}))
    every = exact(pose(net, np.ones((1, 2)), duration=0.7, dt=0.1))
    np.testing.assert_allclose(rows, every[:, [0, 3, 6, 7]], rtol=1e-13)


def test_what_is_not_linear_is_refused():
    with pytest.raises(SpecError, match="phi 'tanh' of preactivation 1 acts on the states"):
        linear_form(network("tanh", [[0.4], [0.1]], [[1.0, -2.0]], [0.7]))
    noisy = pose(LINEAR["identity"], np.ones((1, 2)), duration=1.0, dt=0.1, noise=0.1)
    with pytest.raises(SpecError, match="without inputs and noise"):
        exact(noisy)
