"""Small dense networks: an ensemble forward, and a training step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchmarks import peers
from benchmarks.measure import clock
from neurolurie.kernels import memory
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.simulate import simulate
from neurolurie.train import rollout

STEPS, DT = 3000, 0.01


def ensemble(weights: peers.Weights, trials: int = 1000, brian: bool = False) -> dict[str, Callable]:
    """Every state of every Euler step of ``trials`` trials, returned."""
    n = len(weights["A"])
    x0 = np.random.default_rng(1).normal(size=(trials, n))
    network = LurieNetwork(**weights)
    arguments = (weights, x0, STEPS, DT)

    def ours(dtype="float32", backend="torch"):
        states = simulate(network, x0, duration=STEPS * DT, dt=DT, dtype=dtype, backend=backend)
        return states.attrs["run_seconds"] if backend != "torch" else None

    def ours_fresh():
        memory.release()  # outside the clock: giving memory back is no part of a run that finds none
        began = clock()
        ours()
        return clock() - began

    def fresh_floor():
        return np.empty((STEPS + 1, n, trials), np.float32).fill(1.0)

    reused = torch.empty((STEPS + 1, n, trials))
    found = {
        "ours, simulate(), float32, memory reused": ours,
        "ours, simulate(), float32, memory fresh": ours_fresh,
        "ours, simulate(), float64": lambda: ours("float64"),
        "floor: write the output once, float32, fresh": fresh_floor,
        "floor: write the output once, float32, reused": lambda: reused.fill_(1.0),
    }
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
        found[f"torch eager loop, {name}"] = _call(*peers.eager(*arguments, dtype))
    if peers.has("torchdiffeq"):
        found["torchdiffeq Euler, float64"] = _call(*peers.torchdiffeq(*arguments, torch.float64))
    if peers.has("jax"):
        found["jax scan, float32"] = _jitted(*peers.jax_scan(*arguments, "float32"))
    if peers.has("jax", "diffrax"):
        found["diffrax Euler, float32"] = _jitted(*peers.diffrax(*arguments, "float32"))
    if brian:
        found["Brian2 standalone, float64, run alone"] = lambda: ours("float64", backend="brian2-standalone")
    return found


def training(weights: peers.Weights, trials: int = 100, slow: bool = True) -> dict[str, Callable]:
    """Forward, mean squared error over the whole trajectory, gradient of A, B, C, bx, by."""
    n = len(weights["A"])
    x0 = np.random.default_rng(1).normal(size=(trials, n))
    goal = {name: 0.9 * matrix for name, matrix in weights.items()}
    arguments = (weights, x0, STEPS, DT)
    found = {}
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
        start = torch.tensor(x0, dtype=dtype)
        run = lambda *p, start=start: rollout(*p, start, steps=STEPS, dt=DT)  # noqa: E731
        parameters = [torch.tensor(weights[key], dtype=dtype) for key in peers.ORDER]
        target = run(*(torch.tensor(goal[key], dtype=dtype) for key in peers.ORDER))  # laid out as each one's states
        found[f"ours, rollout(), {name}"] = _step(parameters, run, target)
    single = target.float().contiguous()
    if slow:
        found["torch eager loop, float32"] = _step(*peers.eager(*arguments, torch.float32), single)
        if peers.has("torchdiffeq"):
            timed = target.permute(1, 0, 2).contiguous()
            found["torchdiffeq Euler, float64"] = _step(*peers.torchdiffeq(*arguments, torch.float64), timed)
    if peers.has("jax"):
        goals = single.permute(1, 0, 2)[1:].numpy()
        found["jax gradient of scan, float32"] = _jax_step(*peers.jax_scan(*arguments, "float32"), goals)
    if peers.has("jax", "diffrax") and slow:
        found["diffrax, float32"] = _jax_step(*peers.diffrax(*arguments, "float32"), goals)
    return found


def _call(parameters, run) -> Callable:
    def call():
        with torch.no_grad():
            run(*parameters)

    return call


def _step(parameters, run, target) -> Callable:
    parameters = [parameter.clone().requires_grad_() for parameter in parameters]

    def step():
        for parameter in parameters:
            parameter.grad = None
        torch.nn.functional.mse_loss(run(*parameters), target).backward()

    return step


def _jitted(parameters, run) -> Callable:
    import jax

    return _wait(jax.jit(run), parameters)


def _jax_step(parameters, run, goal) -> Callable:
    import jax
    import jax.numpy as jnp

    goal = jnp.asarray(goal)
    loss = lambda *p: jnp.mean((run(*p) - goal) ** 2)  # noqa: E731
    compiled = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(len(parameters)))))
    return _wait(compiled, parameters)


def _wait(compiled, parameters) -> Callable:
    import jax

    def call():
        jax.block_until_ready(compiled(*parameters))

    return call
