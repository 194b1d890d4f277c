"""The Triton kernel: its numbers in Triton's interpreter on the CPU, and its code for processors that are not here."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

NUMBERS = """
import numpy as np
from neurolurie.kernels import choose, run_triton
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.simulation.backends.torch_backend import posed, tableau
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import parity, solve

kinds = list(NONLINEARITIES)
rng = np.random.default_rng(0)
n, m = 4, len(kinds)
network = LurieNetwork(A=-3 * np.eye(n) + 0.1 * rng.normal(size=(n, n)), B=0.2 * rng.normal(size=(n, m)),
                       C=0.5 * rng.normal(size=(m, n)), bx=rng.normal(size=n), by=0.3 * rng.normal(size=m),
                       E=rng.normal(size=(n, 1)), phi=kinds)
for solver in ("euler", "heun", "rk4", "exponential-euler"):
    for dtype in ("float64", "float32"):
        problem = pose(network, rng.normal(size=(5, n)), duration=0.4, dt=0.02, solver=solver, dtype=dtype,
                       seed=2**35 + 7, noise=0.2, inputs=[{"kind": "pulse", "amplitude": 1.0, "on": 0.1, "off": 0.2}],
                       record={"every": 3, "states": [2, 0]}, first_step=4)
        data, plan = posed(problem)
        description = choose.small(network, tableau(problem.solver), dtype, True)
        states, final = run_triton.forward(description, data, problem.x0, plan, "cpu")
        expected = solve(pose(network, problem.x0, duration=0.4, dt=0.02, solver=solver, seed=2**35 + 7, noise=0.2,
                              inputs=[{"kind": "pulse", "amplitude": 1.0, "on": 0.1, "off": 0.2}],
                              record={"every": 3, "states": [2, 0]}, first_step=4), "reference")
        gap = max(parity(expected.states, states), parity(expected.final, final))
        print(solver, dtype, gap)
        assert gap < (1e-13 if dtype == "float64" else 2e-6), (solver, dtype, gap)
"""


def test_the_interpreter_gives_the_numbers_of_the_reference():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NUMBERS], capture_output=True, text=True, check=False,
        env={**os.environ, "TRITON_INTERPRET": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == 8


@pytest.mark.parametrize("capability", [80, 90])
def test_it_compiles_for_processors_that_are_not_here_without_spills(capability):
    from neurolurie.kernels.description import Description
    from neurolurie.kernels.run_triton import compile_for
    from neurolurie.simulation.backends.torch_backend import tableau
    from neurolurie.simulation.solvers import SOLVERS

    for dtype in ("float32", "float64"):
        found = compile_for(Description(3, 3, ("tanh",) * 3, tableau(SOLVERS["rk4"]), dtype, noise=True), capability)
        print(found)
        assert found.target.startswith(f"sm_{capability}")
        assert found.spilled == 0 and 0 < found.registers < 255 and found.cubin_bytes > 0
