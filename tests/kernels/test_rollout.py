"""rollout(): its states and gradients are those of the plain loop, to the last digits, in every mode of torch."""

import numpy as np
import pytest
import torch

from neurolurie.errors import SpecError
from neurolurie.kernels import choose
from neurolurie.kernels.description import Tableau
from neurolurie.kernels.plain import plain_rollout
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.phi import Phi
from neurolurie.simulation.simulate import simulate
from neurolurie.simulation.solvers import SOLVERS
from neurolurie.train import rollout
from neurolurie.train.differentiable import _step_sizes

NAMES = ("A", "B", "C", "bx", "by", "x0")


def model(n, m, trials, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((n, n), (n, m), (m, n), (n,), (m,), (trials, n))
    A, *rest = (torch.randn(shape, generator=generator, dtype=dtype) * 0.6 for shape in shapes)
    return [A - 3 * torch.eye(n, dtype=dtype), *rest]


def plain(tensors, *, phi, steps, dt, solver, every=1):
    s = SOLVERS[solver]
    tableau = Tableau(s.nodes, s.stages, s.weights, s.exponential)
    size = _step_sizes(tensors[0], dt, s.exponential)
    phi = Phi.of(phi, tensors[1].shape[1])
    return plain_rollout(*tensors, size, phi=phi, tableau=tableau, steps=steps, every=every)


def leaves(tensors):
    return [tensor.clone().requires_grad_() for tensor in tensors]


CASES = {
    "whole": (3, 3, "tanh", 1, 1 << 30),
    "thinned": (4, 5, ["tanh", "relu", "logistic", "softplus", "sine"], 7, 1 << 30),
    "last": (2, 3, ["gelu", "erf", "cubic"], None, 1 << 30),
    "last in little memory": (5, 2, ["inverse-square-root", "hard-tanh"], None, 5_000),
    "loops": (17, 13, ["tanh"] * 5 + ["softplus"] * 7 + ["sine"], 1, 1 << 30),
    "loops in little memory": (8, 30, "logistic", None, 20_000),
    "one preactivation": (19, 1, "tanh", 3, 1 << 30),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", CASES)
def test_states_and_gradients_equal_those_of_the_plain_loop(solver, case):
    n, m, phi, every, memory = CASES[case]
    kernel, loop = leaves(model(n, m, 21)), leaves(model(n, m, 21))
    kw = dict(phi=phi, steps=150, dt=0.02, solver=solver, every=every)
    found, expected = rollout(*kernel, memory=memory, **kw), plain(loop, **kw)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    for name, a, b in zip(NAMES, kernel, loop, strict=True):
        assert (a.grad - b.grad).abs().max() <= 1e-10 * b.grad.abs().max(), name


def test_float32_gradients_of_a_long_run_stay_close_to_those_in_float64():
    single, double = leaves(model(3, 3, 40, dtype=torch.float32)), leaves(model(3, 3, 40, dtype=torch.float32))
    for tensors in (single, wide := [t.detach().double().requires_grad_() for t in double]):
        rollout(*tensors, steps=2000, dt=0.01).square().mean().backward()
    for a, b in zip(single, wide, strict=True):
        assert (a.grad - b.grad).abs().max() <= 3e-6 * b.grad.abs().max()


def test_states_are_those_of_simulate():
    A, B, C, bx, by, x0 = model(3, 2, 5)
    states = rollout(A, B, C, bx, by, x0, steps=50, dt=0.02, solver="rk4")
    network = LurieNetwork(A=A.numpy(), B=B.numpy(), C=C.numpy(), bx=bx.numpy(), by=by.numpy())
    run = simulate(network, x0.numpy(), duration=1.0, dt=0.02, solver="rk4", backend="reference")
    np.testing.assert_allclose(states.numpy(), run.values, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("trials", [1, 7, 16, 33])
@pytest.mark.parametrize("contiguous", [True, False])
def test_any_number_of_trials_and_any_layout_of_the_incoming_gradient(trials, contiguous):
    kernel, loop = leaves(model(3, 2, trials)), leaves(model(3, 2, trials))
    kw = dict(phi="tanh", steps=60, dt=0.02, solver="heun")
    weight = torch.randn((trials, 61, 3), dtype=torch.float64)
    if not contiguous:
        weight = weight.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    rollout(*kernel, **kw).backward(weight)
    plain(loop, **kw).backward(weight)
    for a, b in zip(kernel, loop, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-12)


def test_a_gradient_is_given_to_what_asks_for_one_only():
    tensors = model(3, 3, 4)
    tensors[1].requires_grad_()
    rollout(*tensors, steps=5, dt=0.1).sum().backward()
    assert tensors[1].grad is not None and all(t.grad is None for t in (tensors[0], *tensors[2:]))


@pytest.fixture(scope="module")
def small():
    tensors = model(3, 2, 5)
    return tensors, lambda *t: rollout(*t, steps=15, dt=0.05)


def test_forward_mode_and_torch_func_see_the_plain_loop(small):
    tensors, run = small
    tangents = [torch.randn_like(t) for t in tensors]
    step = 1e-6
    up = run(*(t + step * d for t, d in zip(tensors, tangents, strict=True)))
    down = run(*(t - step * d for t, d in zip(tensors, tangents, strict=True)))
    expected = (up - down) / (2 * step)
    assert expected.abs().max() > 0.1
    _, tangent = torch.func.jvp(run, tuple(tensors), tuple(tangents))
    torch.testing.assert_close(tangent, expected, rtol=1e-6, atol=1e-7)
    with torch.autograd.forward_ad.dual_level():
        dual = run(*(torch.autograd.forward_ad.make_dual(t, d) for t, d in zip(tensors, tangents, strict=True)))
        torch.testing.assert_close(torch.autograd.forward_ad.unpack_dual(dual).tangent, expected, rtol=1e-6, atol=1e-7)
    many = torch.func.vmap(lambda A: run(A, *tensors[1:]))(torch.stack([tensors[0], 2 * tensors[0]]))
    torch.testing.assert_close(many[1], run(2 * tensors[0], *tensors[1:]))
    gradient = torch.func.grad(lambda A: run(A, *tensors[1:]).square().sum())(tensors[0])
    mine = leaves(tensors)
    run(*mine).square().sum().backward()
    torch.testing.assert_close(gradient, mine[0].grad)


def test_first_and_second_derivatives_pass_the_finite_difference_check(small):
    tensors, run = small
    assert torch.autograd.gradcheck(run, leaves(tensors), atol=1e-6)
    assert torch.autograd.gradgradcheck(run, leaves(tensors), atol=1e-5)


def test_torch_compile_takes_the_operator_without_a_graph_break(small):
    tensors, run = small
    torch._dynamo.reset()
    compiled = torch.compile(lambda *t: run(*t).square().sum(), fullgraph=True, backend="aot_eager")
    mine, loop = leaves(tensors), leaves(tensors)
    compiled(*mine).backward()
    run(*loop).square().sum().backward()
    torch.testing.assert_close(mine[0].grad, loop[0].grad)


def test_a_network_too_large_for_the_kernel_takes_the_plain_loop():
    tensors = model(choose.LOOPED + 1, 2, 3)
    kw = dict(phi="tanh", steps=5, dt=0.01, solver="euler")
    torch.testing.assert_close(rollout(*tensors, **kw), plain(tensors, **kw), rtol=0, atol=0)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"A": torch.zeros(2, 3)}, r"A has shape \(2, 3\), expected \(3, 3\): x0 has 3 states"),
        ({"by": torch.zeros(2)}, r"by is torch.float32 on cpu, x0 is torch.float64 on cpu; they must be alike"),
        ({"x0": np.zeros((5, 3))}, "x0 must be a torch tensor, got ndarray"),
        ({"steps": 0}, "steps, dt and every must be positive"),
        ({"solver": "ruler"}, "solver 'ruler' is not known. Did you mean 'euler'"),
    ],
)
def test_wrong_arguments_are_named(small, change, sentence):
    arguments = dict(zip(NAMES, small[0], strict=True)) | {"steps": 5, "dt": 0.1} | change
    with pytest.raises(SpecError, match=sentence):
        rollout(**arguments)
