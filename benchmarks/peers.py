"""The same network as others would run it: a loop of torch operations, torchdiffeq, jax, diffrax."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch

Weights = dict[str, np.ndarray]  # A, B, C, bx, by
ORDER = ("A", "B", "C", "bx", "by")


def has(*libraries: str) -> bool:
    return all(find_spec(library) for library in libraries)


def eager(weights: Weights, x0: np.ndarray, steps: int, dt: float, dtype) -> tuple[list[torch.Tensor], Callable]:
    """The paper's code style: one step after the other into a list. Returns (parameters, run(*parameters))."""
    parameters = [torch.tensor(weights[name], dtype=dtype) for name in ORDER]
    start = torch.tensor(x0, dtype=dtype)

    def run(A, B, C, bx, by):
        x, states = start, [start]
        for _ in range(steps):
            x = x + dt * (x @ A.T + torch.tanh(x @ C.T + by) @ B.T + bx)
            states.append(x)
        return torch.stack(states, dim=1)

    return parameters, run


def torchdiffeq(weights: Weights, x0: np.ndarray, steps: int, dt: float, dtype) -> tuple[list[torch.Tensor], Callable]:
    """torchdiffeq's Euler on the same grid."""
    from torchdiffeq import odeint

    parameters, _ = eager(weights, x0, steps, dt, dtype)
    start, grid = torch.tensor(x0, dtype=dtype), torch.arange(steps + 1, dtype=dtype) * dt

    def run(A, B, C, bx, by):
        return odeint(lambda t, x: x @ A.T + torch.tanh(x @ C.T + by) @ B.T + bx, start, grid, method="euler")

    return parameters, run


def jax_scan(weights: Weights, x0: np.ndarray, steps: int, dt: float, dtype: str) -> tuple[list, Callable]:
    """jax.lax.scan, to be jitted by the caller."""
    import jax
    import jax.numpy as jnp

    parameters = [jnp.asarray(weights[name], dtype) for name in ORDER]
    start = jnp.asarray(x0, dtype)

    def run(A, B, C, bx, by):
        def step(x, _):
            x = x + dt * (x @ A.T + jnp.tanh(x @ C.T + by) @ B.T + bx)
            return x, x

        return jax.lax.scan(step, start, None, length=steps)[1]

    return parameters, run


def diffrax(weights: Weights, x0: np.ndarray, steps: int, dt: float, dtype: str) -> tuple[list, Callable]:
    """diffrax's Euler with every step saved, to be jitted by the caller."""
    import diffrax as dfx
    import jax.numpy as jnp

    parameters = [jnp.asarray(weights[name], dtype) for name in ORDER]
    start, grid = jnp.asarray(x0, dtype), jnp.arange(steps + 1, dtype=dtype) * dt

    def run(A, B, C, bx, by):
        term = dfx.ODETerm(lambda t, x, args: x @ A.T + jnp.tanh(x @ C.T + by) @ B.T + bx)
        return dfx.diffeqsolve(
            term, dfx.Euler(), t0=0.0, t1=steps * dt, dt0=None, y0=start, saveat=dfx.SaveAt(steps=True),
            stepsize_controller=dfx.StepTo(ts=grid), max_steps=steps,
        ).ys  # fmt: skip

    return parameters, run


def random_network(n: int, seed: int = 0, scale: float = 1.0) -> Weights:
    """A contracting network with n states and n tanh."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: scale * rng.normal(size=shape) / np.sqrt(n)  # noqa: E731
    return {"A": -2.5 * np.eye(n) + 0.3 * draw(n, n), "B": draw(n, n), "C": draw(n, n), "bx": draw(n), "by": draw(n)}


def graph_of_three(seed: int = 0) -> Weights:
    """Three circuits of three states, each reaching the next through its rates: 9 states in blocks."""
    rng = np.random.default_rng(seed)
    parts = [random_network(3, seed + k) for k in range(3)]
    whole = {name: np.zeros((9, 9)) for name in "ABC"}
    for k, part in enumerate(parts):
        here = slice(3 * k, 3 * k + 3)
        for name in "ABC":
            whole[name][here, here] = part[name]
        there = slice(3 * ((k + 1) % 3), 3 * ((k + 1) % 3) + 3)
        whole["A"][there, here] = 0.1 * rng.normal(size=(3, 3))
    return whole | {name: np.concatenate([part[name] for part in parts]) for name in ("bx", "by")}
