"""Models to compare with: Lurie networks without a guarantee, or with the guarantees of other authors."""

from __future__ import annotations

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.train.factors import EPS, Turns, positive, product, raw_of
from neurolurie.train.graphs import Graph
from neurolurie.train.model import Model, vector, zeros


class Unconstrained(Model):
    """A, B, C, bx, by free: every Lurie network of that shape; without ``biases``, bx = by = 0."""

    def __init__(
        self, n: int, k: int, g: float = 1.0, m: int | None = None, phi: str = "tanh", biases: bool = True,
        seed: int = 0,
    ):  # fmt: skip
        super().__init__(n, k, g, m, phi)
        self.A, self.B, self.C = zeros(self.n, self.n), zeros(self.n, self.m), zeros(self.m, self.n)
        self._add_offsets(biases)
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return self.A, self.B, self.C, self.bx, self.by

    def _draw(self, rng: np.random.Generator) -> None:
        vector(self.A, rng.normal(0.0, 0.5 / np.sqrt(self.n), (self.n, self.n)) - np.eye(self.n))
        vector(self.B, rng.normal(0.0, 0.6 / np.sqrt(self.m), (self.n, self.m)))
        vector(self.C, rng.normal(0.0, 0.6 / np.sqrt(self.n), (self.m, self.n)))
        self._draw_offsets(rng)

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        for name in "ABC":
            vector(getattr(self, name), getattr(network, name))
        self._take_offsets(network)


class SameForm(Model):
    """The form of a given network trained as a model: its zeros stay zero, every other entry is free.

    Trained on that network's own trajectories it is the upper bound of what a model can reach.
    """

    def __init__(self, network: LurieNetwork, k: int = 1, seed: int = 0):
        network = network.dense()
        super().__init__(network.n, k, 1.0, network.m, "tanh")
        self.phi = network.phi
        self.names = ("A", "B", "C", "bx", "by")
        for name in self.names:
            self.register_buffer(f"place_{name}", torch.as_tensor(np.flatnonzero(getattr(network, name))))
            setattr(self, name, zeros(int(np.count_nonzero(getattr(network, name)))))
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        n, m = self.n, self.m
        shapes = ((n, n), (n, m), (m, n), (n,), (m,))
        flat = (
            getattr(self, name)
            .new_zeros(int(np.prod(shape)))
            .index_put((getattr(self, f"place_{name}"),), getattr(self, name))
            for name, shape in zip(self.names, shapes, strict=True)
        )
        return tuple(values.view(shape) for values, shape in zip(flat, shapes, strict=True))

    def _draw(self, rng: np.random.Generator) -> None:
        n, m = self.n, self.m
        whole = {
            "A": rng.normal(0.0, 0.5 / np.sqrt(n), (n, n)) - np.eye(n),
            "B": rng.normal(0.0, 0.6 / np.sqrt(m), (n, m)), "C": rng.normal(0.0, 0.6 / np.sqrt(n), (m, n)),
            "bx": rng.normal(0.0, 0.1, n), "by": rng.normal(0.0, 0.1, m),
        }  # fmt: skip
        for name, values in whole.items():
            vector(getattr(self, name), values.flatten()[getattr(self, f"place_{name}")])

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        for name in self.names:
            vector(getattr(self, name), getattr(network, name).flatten()[getattr(self, f"place_{name}")])


class LipschitzRNN(Model):
    """Lipschitz RNN (Erichson et al. 2021): ``A = (1-b)(M + M^T) + b (M - M^T) - c I``, B = I, C of the same form.

    ``b`` is ``balance``, c is ``damping``, both fixed.
    """

    def __init__(
        self,
        n: int,
        k: int,
        g: float = 1.0,
        phi: str = "tanh",
        balance: float = 0.75,
        damping: float = 0.001,
        seed: int = 0,
    ):
        super().__init__(n, k, g, None, phi)
        if not 0.5 <= balance < 1.0:
            raise SpecError(f"balance must be in [0.5, 1), got {balance}.")
        self.balance, self.damping = balance, damping
        self.M, self.W = zeros(n, n), zeros(n, n)
        self._add_offsets(True)
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        identity = torch.eye(self.n).to(self.M)
        A, C = (
            (1 - self.balance) * (M + M.mT) + self.balance * (M - M.mT) - self.damping * identity
            for M in (self.M, self.W)
        )
        return A, identity, C, self.bx, self.by

    def _draw(self, rng: np.random.Generator) -> None:
        vector(self.M, rng.normal(0.0, 0.5 / np.sqrt(self.n), (self.n, self.n)) - np.eye(self.n))
        vector(self.W, rng.normal(0.0, 0.5 / np.sqrt(self.n), (self.n, self.n)))
        self._draw_offsets(rng)

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        for parameter, matrix in ((self.M, network.A), (self.W, network.C)):
            matrix = matrix + self.damping * np.eye(self.n)
            vector(parameter, (matrix + matrix.T) / (4 * (1 - self.balance)) + (matrix - matrix.T) / (4 * self.balance))
        self._take_offsets(network)


class AntisymmetricRNN(Model):
    """Antisymmetric RNN (Chang et al. 2019): ``dx/dt = tanh((W - W^T - c I) x + by) + bx``; A = 0, B = I."""

    def __init__(self, n: int, k: int, g: float = 1.0, phi: str = "tanh", damping: float = 0.01, seed: int = 0):
        super().__init__(n, k, g, None, phi)
        self.damping = damping
        self.W, self.bx, self.by = zeros(n, n), zeros(n), zeros(n)
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        identity = torch.eye(self.n).to(self.W)
        return torch.zeros_like(self.W), identity, self.W - self.W.mT - self.damping * identity, self.bx, self.by

    def _draw(self, rng: np.random.Generator) -> None:
        vector(self.W, rng.normal(0.0, 0.5 / np.sqrt(self.n), (self.n, self.n)))
        vector(self.bx, np.zeros(self.n))
        vector(self.by, rng.normal(0.0, 0.1, self.n))

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        vector(self.W, (network.C - network.C.T) / 4)
        vector(self.bx, network.bx)
        vector(self.by, network.by)


class CoRNN(Model):
    """Coupled oscillators (Rusch and Mishra 2021): ``y' = z, z' = tanh(W y + W2 z + by) - c y - e z``; c, e > 0 learnt.

    ``n`` is what is observed, y; the network has 2n states. Runs start at ``z = V y`` with V learnt.
    """

    def __init__(self, n: int, k: int, g: float = 1.0, phi: str = "tanh", seed: int = 0):
        super().__init__(2 * n, k, g, n, phi)
        self.W, self.W2, self.V = zeros(n, n), zeros(n, n), zeros(n, n)
        self.stiffness, self.friction, self.by = zeros(n), zeros(n), zeros(n)
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        zero, identity = torch.zeros_like(self.W), torch.eye(self.m).to(self.W)
        below = torch.cat([-torch.diag(positive(self.stiffness)), -torch.diag(positive(self.friction))], dim=1)
        A = torch.cat([torch.cat([zero, identity], dim=1), below])
        return A, torch.cat([zero, identity]), torch.cat([self.W, self.W2], dim=1), A.new_zeros(self.n), self.by

    def run(self, x0: Tensor, *, steps: int, dt: float, solver: str = "rk4", every: int = 1) -> Tensor:
        start = torch.cat([x0, x0 @ self.V.mT], dim=1)
        return super().run(start, steps=steps, dt=dt, solver=solver, every=every)[:, :, : self.m]

    def _draw(self, rng: np.random.Generator) -> None:
        for parameter in (self.W, self.W2, self.V):
            vector(parameter, rng.normal(0.0, 0.5 / np.sqrt(self.m), (self.m, self.m)))
        vector(self.stiffness, rng.normal(0.5, 0.3, self.m))
        vector(self.friction, rng.normal(0.5, 0.3, self.m))
        vector(self.by, rng.normal(0.0, 0.1, self.m))

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        n = self.m
        vector(self.W, network.C[:, :n])
        vector(self.W2, network.C[:, n:])
        vector(self.stiffness, raw_of(-np.diagonal(network.A[n:, :n])))
        vector(self.friction, raw_of(-np.diagonal(network.A[n:, n:])))
        vector(self.by, network.by)


class Combo(Graph):
    """Circuits ``x' = -x + W phi(x + by) + bx``, ``W = Q^-1 M Q``, singular values of M below 1/g, Q > 0 diagonal.

    Each contracts (k = 1) in ``P = Q^2``, and so does the whole (Kozachkov, Ennis, Slotine 2022, "SVD combo").
    """

    def __init__(self, n, k, g, phi, size, graph, biases: bool, seed: int):
        super().__init__(n, k, g, phi, size, graph, biases)
        shape = (self.q, self.circuit, self.circuit)
        self.turns, self.s = Turns({"left": shape, "right": shape}), zeros(self.q, self.circuit)
        self.logarithm = zeros(self.q, self.circuit)
        self.sample(seed)

    def pieces(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        Q = self.logarithm.exp()
        shrunk = (1.0 - EPS) / self.g * torch.tanh(self.s)
        turns = self.turns()
        W = product(turns["left"], shrunk, turns["right"])
        A = -torch.eye(self.circuit).to(W).expand_as(W)
        return A, W * Q[:, None, :], torch.diag_embed(1.0 / Q), torch.diag_embed(Q)

    def take_pieces(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, metric: np.ndarray) -> None:
        vector(self.logarithm, 0.5 * np.log(np.diagonal(metric, axis1=-2, axis2=-1)))
        Q = self.logarithm.exp().double().numpy()
        left, s, right = np.linalg.svd(Q[:, :, None] * B / Q[:, None, :], full_matrices=False)
        self.turns.set(left=left, right=np.swapaxes(right, -1, -2))
        reached = np.clip(s * self.g / (1.0 - EPS), 0.0, 1.0 - 1e-9)
        vector(self.s, np.arctanh(reached))

    def sample_pieces(self, rng: np.random.Generator) -> None:
        self.turns.sample(rng)
        vector(self.s, rng.uniform(0.3, 1.0, self.s.shape) * rng.choice([-1.0, 1.0], self.s.shape))
        vector(self.logarithm, rng.normal(0.0, 0.1, self.logarithm.shape))


class SVDCombo(Combo):
    """One circuit of `Combo`."""

    guarantee = "1-contracting"

    def __init__(self, n: int, k: int, g: float = 1.0, phi: str | None = None, biases: bool = True, seed: int = 0):
        super().__init__(n, k, g, phi, n, nx.empty_graph(1), biases, seed)


class GraphSVDCombo(Combo):
    """Circuits of `Combo`, coupled; the whole contracts."""

    guarantee = "1-contracting"

    def __init__(
        self, n: int, k: int, g: float = 1.0, phi: str | None = None, size: int | None = None,
        graph: nx.Graph | None = None, biases: bool = True, seed: int = 0,
    ):  # fmt: skip
        super().__init__(n, k, g, phi, size, graph, biases, seed)
