"""torch, on any device: the same stages as the reference, one operation at a time."""

from __future__ import annotations

import time

import numpy as np
import torch
from scipy import sparse

from neurolurie.network.phi import Phi
from neurolurie.simulation.noise import box_muller, philox, split_seed
from neurolurie.simulation.problem import Problem, Trajectory


def unusable(device: str) -> str | None:
    """Why torch cannot use that device, in a sentence; None if it can."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        return f"torch: the device '{device}' cannot be used: {str(error).splitlines()[0]}"
    return None


def run_loop(problem: Problem) -> Trajectory:
    """The problem step by step, with torch's operations."""
    began = time.perf_counter()
    with torch.no_grad():
        loop = _Loop(problem)
        built = time.perf_counter()
        states, final = loop.run()
    states, final = states.cpu().numpy(), final.cpu().numpy()
    code = f"torch {torch.__version__}, loop of operations, {loop.device}"
    return Trajectory(states, final, built - began, time.perf_counter() - built, code)


class _Loop:
    """The problem as tensors on one device."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.device = torch.device(problem.device)
        self.dtype = getattr(torch, problem.dtype)
        network = problem.network
        self.A, self.B, self.C, self.E = (
            self._linear(matrix) for matrix in (network.A, network.B, network.C, network.E)
        )
        self.phi = self._elementwise(network.phi)
        self.bx, self.by = self._tensor(network.bx), self._tensor(network.by)
        self.size = self._tensor(problem.step_sizes())
        self.inputs = self._tensor(problem.inputs) if network.E.shape[1] else None
        if problem.sigma is not None:
            self.noise = self._tensor(problem.sigma * np.sqrt(problem.dt))

    def run(self) -> tuple[torch.Tensor, torch.Tensor]:
        problem, record = self.problem, self.problem.record
        keep = {int(step): place for place, step in enumerate(record.steps(problem.steps))}
        chosen = None if len(record.states) == problem.network.n else torch.as_tensor(record.states, device=self.device)
        states = torch.empty((problem.trials, len(keep), len(record.states)), dtype=self.dtype, device=self.device)
        x = self._tensor(problem.x0)
        take = (lambda x: x) if chosen is None else (lambda x: x[:, chosen])
        if 0 in keep:
            states[:, 0] = take(x)
        for step in range(problem.steps):
            x = self._advance(x, step)
            if step + 1 in keep:
                states[:, keep[step + 1]] = take(x)
            if problem.progress and step % 64 == 0:
                problem.progress(step, problem.steps)
        return states, x

    def _advance(self, x: torch.Tensor, step: int) -> torch.Tensor:
        solver, slopes = self.problem.solver, []
        for node, row in zip(solver.nodes, solver.stages, strict=True):
            stage = x
            for a, k in zip(row, slopes, strict=True):
                if a:
                    stage = stage + (a * self.size) * k
            slopes.append(self._field(stage, step, round(2 * node)))
        for b, k in zip(solver.weights, slopes, strict=True):
            x = x + (b * self.size) * k
        if self.problem.sigma is not None:
            x = x + self.noise * self._normals(step, x.shape)
        return x

    def _field(self, x: torch.Tensor, step: int, node: int) -> torch.Tensor:
        rate = self.A(x) + self.B(self.phi(self.C(x) + self.by)) + self.bx
        return rate if self.inputs is None else rate + self.E(self.inputs[step, node][None])

    def _normals(self, step: int, shape: tuple[int, int]) -> torch.Tensor:
        problem = self.problem
        count = lambda size: torch.arange(size, dtype=torch.int64, device=self.device)  # noqa: E731
        zero = torch.zeros(shape, dtype=torch.int64, device=self.device)
        counter = (
            zero + (problem.first_step + step), zero + count(shape[0])[:, None], zero + count(shape[1]),
            zero + problem.stream,
        )  # fmt: skip
        return box_muller(philox(counter, split_seed(problem.seed)), torch).to(self.dtype)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.array(array), dtype=self.dtype, device=self.device)

    def _linear(self, matrix):
        """x -> x M^T for x (trials, columns), with M dense or sparse."""
        if sparse.issparse(matrix):
            csr = sparse.csr_array(matrix)
            tensor = torch.sparse_csr_tensor(
                torch.as_tensor(csr.indptr.astype(np.int64)), torch.as_tensor(csr.indices.astype(np.int64)),
                torch.as_tensor(csr.data, dtype=self.dtype), size=csr.shape, device=self.device,
            )  # fmt: skip
            return lambda x: (tensor @ x.T).T
        transposed = self._tensor(matrix.T).contiguous()
        return lambda x: x @ transposed

    def _elementwise(self, phi: Phi):
        if len(phi.kinds) == 1:
            function = phi.kinds[0].torch
            return lambda y: function(torch, y)
        groups = [
            (kind.torch, torch.as_tensor(np.flatnonzero(phi.index == place), device=self.device))
            for place, kind in enumerate(phi.kinds)
        ]

        def apply(y: torch.Tensor) -> torch.Tensor:
            out = torch.empty_like(y)
            for function, places in groups:
                out[:, places] = function(torch, y[:, places])
            return out

        return apply
