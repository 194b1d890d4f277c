"""The Triton kernels: their numbers in Triton's interpreter, and their code for processors that are not here.

The interpreter is chosen when triton is imported, so what uses it runs in a process of its own.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

NUMBERS = """
import numpy as np
from neurolurie.kernels.gpu import choice, run_forward
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.simulation.backends.torch_backend import posed, run_triton_kernel, tableau
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import parity, solve

rng = np.random.default_rng(0)

def network(n, kinds):
    m = len(kinds)
    return LurieNetwork(A=-3 * np.eye(n) + 0.1 * rng.normal(size=(n, n)), B=0.2 * rng.normal(size=(n, m)),
                        C=0.5 * rng.normal(size=(m, n)), bx=rng.normal(size=n), by=0.3 * rng.normal(size=m),
                        E=rng.normal(size=(n, 1)), phi=kinds)

sparse = network(3, ["tanh", "relu", "softplus"])
sparse.A[0, 1:] = sparse.A[1:, 0] = sparse.B[0, 1:] = sparse.C[2, :] = 0.0
looped, written = network(4, list(NONLINEARITIES)), network(3, ["tanh"] * 3)
for which, dtypes in ((looped, ("float64", "float32")), (written, ("float64",)), (sparse, ("float64",))):
    for solver in ("euler", "heun", "rk4", "exponential-euler"):
        for dtype in dtypes:
            kw = dict(duration=0.16, dt=0.02, solver=solver, seed=2**35 + 7, noise=0.2, first_step=4,
                      inputs=[{"kind": "pulse", "amplitude": 1.0, "on": 0.04, "off": 0.1}],
                      record={"every": 3, "states": [2, 0]})
            x0 = rng.normal(size=(5, which.n))
            found = run_triton_kernel(pose(which, x0, dtype=dtype, **kw))
            expected = solve(pose(which, x0, **kw), "reference")
            gap = max(parity(expected.states, found.states), parity(expected.final, found.final))
            print(solver, dtype, gap)
            assert gap < (1e-13 if dtype == "float64" else 2e-6), (solver, dtype, gap)
"""

GRADIENTS = """
import torch
from neurolurie.kernels import operator
from neurolurie.kernels.gpu import run_adjoint
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.plain import plain_rollout
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi
from neurolurie.simulation.solvers import SOLVERS
from neurolurie.train import rollout
from neurolurie.train.differentiable import _step_sizes

operator.ENGINES["cpu"] = "Triton"  # what runs on cuda, here on the interpreter
run_adjoint.RECORDS = 200_000  # a few steps only
launches = []
launch = run_adjoint.launch
run_adjoint.launch = lambda function, *rest: (launches.append(function.__name__), launch(function, *rest))

def model(n, m, trials):
    generator = torch.Generator().manual_seed(0)
    shapes = ((n, n), (n, m), (m, n), (n,), (m,), (trials, n))
    A, *rest = (torch.randn(shape, generator=generator, dtype=torch.float64) * 0.6 for shape in shapes)
    return [A - 3 * torch.eye(n, dtype=torch.float64), *rest]

def leaves(tensors):
    return [tensor.clone().requires_grad_() for tensor in tensors]

def plain(tensors, *, phi, steps, dt, solver, every):
    s = SOLVERS[solver]
    tableau = Tableau(s.nodes, s.stages, s.weights, s.exponential)
    size = _step_sizes(tensors[0], dt, s.exponential)
    phi = Phi.of(phi, tensors[1].shape[1])
    return plain_rollout(*tensors, size, phi=phi, tableau=tableau, steps=steps, every=every)
"""

CASES = """
CASES = {  # n, phi, trials, steps, every, bytes of saved states, bytes of a stretch
    "every step": (3, ["tanh"] * 3, 5, 7, 1, 1 << 30, 1 << 30),
    "thinned, several pieces at once, two programs": (2, list(NONLINEARITIES), 130, 4, 3, 1 << 30, 1 << 30),
    "thinned, piece by piece, looped": (5, ["tanh", "relu", "tanh", "tanh"], 3, 7, 3, 1 << 30, 1),
    "last only": (3, ["softplus", "gelu"], 3, 6, None, 1 << 30, 1 << 30),
    "last only, little memory": (4, ["logistic"] * 5, 3, 7, None, 3 * 4 * 8 * 3, 1),
}
for solver in SOLVERS:
    for case, (n, phi, trials, steps, every, memory, stretch) in CASES.items():
        run_adjoint.STRETCH = stretch
        kernel, loop = leaves(model(n, len(phi), trials)), leaves(model(n, len(phi), trials))
        kw = dict(phi=phi, steps=steps, dt=0.05, solver=solver, every=every)
        found, expected = rollout(*kernel, memory=memory, **kw), plain(loop, **kw)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
        weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        launches.clear()
        found.backward(weight)
        assert "backward" in launches and ("forward" in launches) == (every == 3 or memory < 1 << 30), launches
        expected.backward(weight)
        gap = max(((a.grad - b.grad).abs().max() / b.grad.abs().max()).item() for a, b in zip(kernel, loop))
        print(solver, case, gap)
        assert gap < 1e-10, (solver, case, gap)
"""

MODES = """
import warnings
tensors = model(2, 2, 3)
run = lambda *t: rollout(*t, steps=3, dt=0.1)
a, b = leaves(tensors), leaves(tensors)
compiled = torch.compile(lambda *t: run(*t).square().sum(), fullgraph=True, backend="aot_eager")
compiled(*a).backward()
plain(b, phi="tanh", steps=3, dt=0.1, solver="euler", every=1).square().sum().backward()
for x, y in zip(a, b):
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-12, atol=1e-13)
assert {"forward", "backward"} <= set(launches)

size = torch.full((2,), 0.1, dtype=torch.float64)
name = next(reversed(operator._MODELS))
for every, spacing in ((2, 2), (0, 2)):
    torch.library.opcheck(torch.ops.neurolurie.rollout, (*tensors, size, name, 3, every, spacing),
                          test_utils=("test_schema", "test_faketensor"))
assert torch.autograd.gradgradcheck(run, leaves(model(2, 1, 2)), atol=1e-5)

single = [t.float().requires_grad_() for t in model(3, 3, 40)]
double = [t.detach().double().requires_grad_() for t in single]
run(*single).square().mean().backward()
plain(double, phi="tanh", steps=3, dt=0.1, solver="euler", every=1).square().mean().backward()
for x, y in zip(single, double):
    assert x.grad.dtype == torch.float32 and (x.grad - y.grad).abs().max() <= 3e-6 * y.grad.abs().max()

launches.clear()
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    rollout(*model(17, 2, 3), steps=2, dt=0.1)
assert not launches and "at most 16 states in float64" in str(seen[0].message), seen
"""


def interpreted(program):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "TRITON_INTERPRET": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_the_interpreter_gives_the_numbers_of_the_reference():
    assert len(interpreted(NUMBERS)) == 16


def test_gradients_equal_those_of_the_plain_loop():
    assert len(interpreted(GRADIENTS + CASES)) == 20


def test_torch_compile_second_derivatives_float32_and_a_stated_reason():
    interpreted(GRADIENTS + MODES)


COMPILED = [
    (3, "rk4", "float32", True, "forward"),
    (3, "rk4", "float64", True, "forward"),
    (16, "euler", "float32", True, "forward"),
    (16, "euler", "float64", True, "forward"),
    (3, "euler", "float32", False, "backward"),
    (8, "euler", "float64", False, "backward"),
    *(
        pytest.param(n, "rk4", dtype, part == "forward", part, marks=pytest.mark.slow)
        for dtype in ("float32", "float64")
        for n, part in ((16, "forward"), (8, "backward"))
    ),
]


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("n, solver, dtype, noise, part", COMPILED)
def test_it_compiles_for_processors_that_are_not_here_without_spills(n, solver, dtype, noise, part, capability):
    from neurolurie.kernels.description import Description
    from neurolurie.kernels.gpu.run_forward import compile_for
    from neurolurie.simulation.backends.torch_backend import tableau
    from neurolurie.simulation.solvers import SOLVERS

    description = Description(n, n, ("tanh",) * n, tableau(SOLVERS[solver]), dtype, noise)
    found = compile_for(description, capability, part)
    assert found.target.startswith(f"sm_{capability}")
    assert found.spilled == 0 and 0 < found.registers <= 255 and found.cubin_bytes > 0


def test_what_the_kernels_do_not_take_is_named(monkeypatch):
    from neurolurie.kernels.gpu import choice
    from neurolurie.network.phi import Phi

    assert choice.reason_against(32, Phi.of("tanh", 40), "float32") is None
    assert "at most 16 states in float64" in choice.reason_against(32, Phi.of("tanh", 40), "float64")
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert "need triton, which is not installed" in choice.reason_against(3, Phi.of("tanh", 3), "float64")
