"""Networks of many circuits, one large dense network, and how time grows with the number of circuits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse

from benchmarks import peers
from benchmarks.brian import program as brian_program
from benchmarks.measure import clock
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.simulation.simulate import simulate

DT = 0.01


def circuits(count: int, couplings: int, size: int = 8, seed: int = 0) -> LurieNetwork:
    """``count`` circuits with dense B blocks, and random couplings from the images of some into the rates of others."""
    rng = np.random.default_rng(seed)
    n = count * size
    start = np.arange(count)[:, None, None] * size
    row, column = start + np.arange(size)[None, :, None], start + np.arange(size)[None, None, :]
    shape = (count, size, size)
    inside = (
        rng.normal(size=shape).ravel() * 0.3,
        (np.broadcast_to(row, shape).ravel(), np.broadcast_to(column, shape).ravel()),
    )
    outside = (0.1 * rng.normal(size=couplings), (rng.integers(0, n, couplings), rng.integers(0, n, couplings)))
    B = sparse.csr_array(sparse.coo_array(inside, shape=(n, n))) + sparse.csr_array(
        sparse.coo_array(outside, shape=(n, n))
    )
    parts = {f"c{k}": Part(slice(k * size, (k + 1) * size), slice(k * size, (k + 1) * size)) for k in range(count)}
    return LurieNetwork(
        A=-sparse.eye_array(n, format="csr"), B=B, C=sparse.eye_array(n, format="csr"), bx=0.1 * rng.normal(size=n),
        by=0.1 * rng.normal(size=n), parts=parts,
    )  # fmt: skip


def _per_step(network: LurieNetwork, x0: np.ndarray, steps: int, dtype: str) -> float:
    """Seconds of one step of ours: a long run less a short one, so that neither set-up nor labels count."""

    def seconds(number):
        began = clock()
        simulate(network, x0, duration=number * DT, dt=DT, dtype=dtype, record="final")
        return clock() - began

    return (seconds(steps + 5) - seconds(5)) / steps


def sparse_graph(dtype: str = "float32", steps: int = 200, brian: bool = False) -> dict[str, Callable[[], float]]:
    """Seconds of one step of 10,000 circuits of 8 states with 320,000 couplings, one trial."""
    network = circuits(10_000, 320_000)
    x0 = np.random.default_rng(1).normal(size=network.n).astype(dtype)
    B, bx, by = network.B.astype(dtype), network.bx.astype(dtype), network.by.astype(dtype)
    step = np.asarray(DT, dtype)

    def ours():
        return _per_step(network, x0, steps, dtype)

    def scipy_csr():
        x, began = x0, clock()
        for _ in range(steps):
            x = x + step * (B @ np.tanh(x + by) - x + bx)
        return (clock() - began) / steps

    weight = torch.sparse_csr_tensor(
        torch.tensor(B.indptr), torch.tensor(B.indices), torch.tensor(B.data), size=B.shape
    )

    def torch_csr():
        x, b, y, began = torch.tensor(x0), torch.tensor(bx), torch.tensor(by), clock()
        for _ in range(steps):
            x = x + DT * (weight @ torch.tanh(x + y) - x + b)
        return (clock() - began) / steps

    def ours_brian():
        states = simulate(network, x0, duration=steps * DT, dt=DT, record="final", backend="brian2-standalone")
        return states.attrs["run_seconds"] / steps

    found = {"ours, simulate()": ours, "scipy CSR": scipy_csr, "torch CSR": torch_csr}
    if peers.has("jax"):
        found["jax BCOO and blocks"] = _jax_blocks(network, x0, steps)
    found = {f"{name}, {dtype}": run for name, run in found.items()}
    if brian:
        found["Brian2 standalone, float64, neurons and synapses"] = brian_program(network, x0, steps, DT)
        found["Brian2 standalone, float64, our backend"] = ours_brian
    return found


def _jax_blocks(network: LurieNetwork, x0: np.ndarray, steps: int) -> Callable[[], float] | None:
    import jax
    import jax.numpy as jnp
    from jax.experimental import sparse as jsparse

    if x0.dtype == np.float64:
        jax.config.update("jax_enable_x64", True)
    entries = sparse.coo_array(network.B)
    row, column = entries.coords
    same = row // 8 == column // 8
    blocks = np.zeros((network.n // 8, 8, 8), x0.dtype)
    blocks[row[same] // 8, row[same] % 8, column[same] % 8] = entries.data[same]
    rest = sparse.coo_array((entries.data[~same].astype(x0.dtype), (row[~same], column[~same])), shape=entries.shape)
    outside, blocks = jsparse.BCOO.from_scipy_sparse(rest), jnp.asarray(blocks)
    bx, by, start = (jnp.asarray(v, x0.dtype) for v in (network.bx, network.by, x0))

    @jax.jit
    def run(x):
        def step(_, x):
            p = jnp.tanh(x + by)
            inside = jnp.einsum("kij,kj->ki", blocks, p.reshape(-1, 8)).ravel()
            return x + DT * (inside + outside @ p - x + bx)

        return jax.lax.fori_loop(0, steps, step, x)

    def call():
        began = clock()
        jax.block_until_ready(run(start))
        return (clock() - began) / steps

    return call


def dense(n: int = 2048, trials: int = 64, steps: int = 200, dtype: str = "float32") -> dict[str, Callable]:
    """A dense network, and its matrix products alone (same BLAS, and torch's)."""
    weights = peers.random_network(n)
    network = LurieNetwork(**weights)
    x0 = np.random.default_rng(1).normal(size=(trials, n))
    matrices = [np.ascontiguousarray(weights[name], dtype) for name in "ABC"]
    from scipy.linalg import blas

    product = blas.sgemm if dtype == "float32" else blas.dgemm
    x = np.asfortranarray(x0.T, dtype)
    out = np.empty_like(x, order="F")
    tensors, tx = [torch.tensor(matrix) for matrix in matrices], torch.tensor(x0.astype(np.dtype(dtype)))
    ty = torch.empty_like(tx)

    def ours():
        simulate(network, x0, duration=steps * DT, dt=DT, dtype=dtype)

    def alone():
        for _ in range(steps):
            for matrix in matrices:
                product(1.0, matrix.T, x, trans_a=1, c=out, overwrite_c=1)

    def torch_alone():
        for _ in range(steps):
            for matrix in tensors:
                torch.mm(tx, matrix.T, out=ty)

    return {
        f"ours, simulate(), {dtype}": ours, f"its matrix products alone, scipy BLAS, {dtype}": alone,
        f"its matrix products alone, torch, {dtype}": torch_alone,
    }  # fmt: skip


def scaling(dtype: str = "float32", sizes=(100, 1_000, 10_000, 100_000)) -> dict[str, Callable[[], float]]:
    """Seconds of one step of ours, for a growing number of circuits of 8 states."""

    def runner(count):
        network = circuits(count, 32 * count)
        x0 = np.zeros(network.n)
        steps = max(20, 2_000_000 // network.n)

        return lambda: _per_step(network, x0, steps, dtype)

    return {f"{count} circuits, {dtype}": runner(count) for count in sizes}
