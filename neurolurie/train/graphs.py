"""Graph Lurie networks: circuits whose coupling adds nothing to any margin, and what holds for the whole."""

from __future__ import annotations

from abc import abstractmethod

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from neurolurie.certificates.box import SlopeBox, top_sums
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.train.contracting import Circuits
from neurolurie.train.factors import Triangular
from neurolurie.train.model import Model, require_slopes, vector, zeros


class Graph(Model):
    """q circuits of ``size`` states, coupled by ``L = G - P^-1 G^T P``, ``P = blkdiag(T_q^T T_q)``.

    In coordinates ``z = T x`` the coupling ``T L T^-1`` is skew, so ``s_K`` of the whole is at most that of the
    uncoupled circuits in P (theory R2). G lives on the edges of ``graph``, a networkx graph with one node for each
    circuit, in order (all pairs unless given). ``size`` is 3, 2 or 1, the first that divides n, unless given.
    """

    def __init__(
        self, n: int, k: int, g: float, phi: str | None, size: int | None, graph: nx.Graph | None, biases: bool
    ):  # fmt: skip
        super().__init__(n, k, g, None, phi)
        require_slopes(self)
        self.circuit = next(s for s in (3, 2, 1) if self.n % s == 0) if size is None else size
        if self.circuit < 1 or self.n % self.circuit:
            raise SpecError(f"circuits of {size} states do not make up {n} states.")
        self.q = self.n // self.circuit
        graph = nx.complete_graph(self.q) if graph is None else graph
        if graph.number_of_nodes() != self.q:
            raise SpecError(f"the graph has {graph.number_of_nodes()} nodes, expected {self.q}, one for each circuit.")
        links = np.triu(nx.to_numpy_array(graph.to_undirected(), weight=None) > 0, 1)
        mask = np.kron(links, np.ones((self.circuit, self.circuit)))
        self.register_buffer("place", torch.as_tensor(np.flatnonzero(mask)), persistent=False)
        self.coupling = zeros(len(self.place))
        self._add_offsets(biases)
        blocks = [slice(i * self.circuit, (i + 1) * self.circuit) for i in range(self.q)]
        self.parts = {f"circuit{i + 1}": Part(block, block) for i, block in enumerate(blocks)}

    @abstractmethod
    def pieces(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A, B, C of the circuits in z coordinates and T, each (q, size, size)."""

    @abstractmethod
    def take_pieces(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, metric: np.ndarray) -> None:
        """Set the circuits to the members next to these (in x coordinates)."""

    @abstractmethod
    def sample_pieces(self, rng: np.random.Generator) -> None:
        """Draw the circuits anew."""

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        A, B, C, T = (torch.block_diag(*blocks) for blocks in self.pieces())
        upper = A.new_zeros(A.numel()).index_put((self.place,), self.coupling).view_as(A)
        right = torch.cat([(A + upper - upper.mT) @ T, B], dim=1)
        A, B = torch.linalg.solve_triangular(T, right, upper=True).split([self.n, self.n], dim=1)
        return A, B, C @ T, self.bx, self.by

    def _draw(self, rng: np.random.Generator) -> None:
        self.sample_pieces(rng)
        vector(self.coupling, rng.uniform(-0.05, 0.05, self.coupling.shape))
        self._draw_offsets(rng)

    @property
    def metric(self) -> np.ndarray:
        T = torch.block_diag(*self.pieces()[3]).detach().double().numpy()
        return T.T @ T

    def whole(self) -> np.ndarray:
        """F(K) for K = 1..n (1/s): the rule for collections over the exact maxima of each circuit in its metric (R1).

        The network is K-contracting for the first K with F(K) < 0, and for no smaller K by this argument.
        """
        with torch.no_grad():
            A, B, C, _ = (part.double().numpy() for part in self.pieces())
        low, high = (ends.reshape(self.q, -1) for ends in self.phi.slope_range())
        boxes = [SlopeBox(*parts) for parts in zip(A, B, C, low, high, strict=True)]
        return union([top_sums(box.jacobian(box.vertices())).max(axis=0) for box in boxes])

    @property
    def order(self) -> int | None:
        """The smallest K with F(K) < 0 now; None if there is none."""
        negative = np.flatnonzero(self.whole() < 0)
        return int(negative[0]) + 1 if len(negative) else None

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        inside = [
            [matrix[part.states, part.states] for part in self.parts.values()]
            for matrix in (network.A, network.B, network.C)
        ]
        metric = np.eye(self.n) if metric is None else np.asarray(metric)
        per_circuit = np.array([metric[part.states, part.states] for part in self.parts.values()])
        self.take_pieces(*(np.array(blocks) for blocks in inside), per_circuit)
        T = torch.block_diag(*self.pieces()[3]).double().numpy()
        turned = T @ network.A @ np.linalg.inv(T)
        vector(self.coupling, (0.5 * (turned - turned.T)).flatten()[self.place])
        self._take_offsets(network)


class Contracting(Graph):
    """A graph of `contracting.Circuits`, one set for all circuits."""

    def __init__(
        self, n, k, g, phi, size, graph, biases: bool, seed: int, *,
        bound: str, spectrum: str, per_circuit: bool, scalar: bool,
    ):  # fmt: skip
        super().__init__(n, k, g, phi, size, graph, biases)
        order = min(self.k, self.circuit) if per_circuit else self.k
        self.core = Circuits(self.q, self.circuit, self.circuit, order, self.g, bound=bound, spectrum=spectrum)
        self.T = Triangular(self.q, self.circuit, scalar)
        self.sample(seed)

    def pieces(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return *self.core(), self.T()

    def take_pieces(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, metric: np.ndarray) -> None:
        self.T.set(metric)
        T = self.T().double().numpy()
        inverse = np.linalg.inv(T)
        self.core.take(T @ A @ inverse, T @ B, C @ inverse)

    def sample_pieces(self, rng: np.random.Generator) -> None:
        self.core.sample(rng)
        vector(self.T.logarithm, rng.normal(0.0, 0.1, self.T.logarithm.shape))
        if not self.T.scalar:
            vector(self.T.upper, rng.normal(0.0, 0.1, self.T.upper.shape))


class GraphCollection(Contracting):
    """The whole is k-contracting for the k asked for: K2 of each circuit, added by the rules R1 and R2.

    ``P = blkdiag(p_q I)`` with p_q > 0 learnt.

    >>> model = GraphCollection(n=6, k=3)
    >>> bool(model.whole()[2] < 0), model.freeze().parts["circuit2"].states
    (True, slice(3, 6, None))
    """

    guarantee = "the whole is k-contracting"

    def __init__(
        self, n: int, k: int, g: float = 1.0, phi: str | None = None, size: int | None = None,
        graph: nx.Graph | None = None, biases: bool = True, seed: int = 0,
    ):  # fmt: skip
        super().__init__(
            n, k, g, phi, size, graph, biases, seed, bound="k2", spectrum="sum", per_circuit=False, scalar=True
        )


class GraphMetric(Contracting):
    """As `GraphCollection`, with a full metric learnt for every circuit."""

    guarantee = "the whole is k-contracting"

    def __init__(
        self, n: int, k: int, g: float = 1.0, phi: str | None = None, size: int | None = None,
        graph: nx.Graph | None = None, biases: bool = True, seed: int = 0,
    ):  # fmt: skip
        super().__init__(
            n, k, g, phi, size, graph, biases, seed, bound="k2", spectrum="sum", per_circuit=False, scalar=False
        )


class GraphPerCircuit(Contracting):
    """The paper's: every circuit has the Hurwitz form for k (at most its size), ``P = blkdiag(p_q I)``.

    Each circuit is k-contracting. The whole is not in general, for k >= 2: it is K-contracting for K = ``order``, the
    smallest K with F(K) < 0, which moves with the parameters.

    >>> model = GraphPerCircuit(n=6, k=2)
    >>> model.order in (1, 2, 3)
    True
    """

    guarantee = "each circuit is k-contracting; the whole for the K of order"

    def __init__(
        self, n: int, k: int, g: float = 1.0, phi: str | None = None, size: int | None = None,
        graph: nx.Graph | None = None, biases: bool = True, seed: int = 0,
    ):  # fmt: skip
        super().__init__(
            n, k, g, phi, size, graph, biases, seed, bound="theorem-1", spectrum="each", per_circuit=True, scalar=True
        )


def union(margins: list[np.ndarray]) -> np.ndarray:
    """``F(K) = max { sum_q f_q(j_q) : sum_q j_q = K }`` for K = 1..n, with ``f_q(0) = 0`` (theory R1).

    >>> union([np.array([100.0, -1.0]), np.array([-1.0, -2.0])])
    array([100.,  99.,  98.,  -3.])
    """
    total = np.zeros(1)
    for margin in margins:
        own = np.concatenate([[0.0], margin])
        joint = np.full(len(total) + len(margin), -np.inf)
        for j, value in enumerate(own):
            joint[j : j + len(total)] = np.maximum(joint[j : j + len(total)], total + value)
        total = joint
    return total[1:]
