"""The heart of all contracting parametrisations: circuits whose spectrum is tied to a bound on what phi can add.

In coordinates ``z = T x``, for ``q`` circuits of ``n`` states, slopes of phi in [0, g], singular values in descending
order, ``p_i = g sigma_i(B) sigma_i(C)``, lambda the eigenvalues of sym(A), or of sym(A_c), ``A_c = A + (g/2) B C``:

    theorem-1:  s_k(A) + sqrt(k sum_{i<=k} p_i^2) < 0              (theory 1.1)
    k1:         s_k(A) + sum_{i<=k} p_i < 0                          (1.2, K1: never weaker than theorem-1)
    k2:         s_k(A_c) + 1/2 sum_{i<=k} p_i < 0                    (1.2, K2: never weaker than K1)

``each``: every eigenvalue is below -1/k of what phi adds (the paper's Hurwitz form: sym(A), or sym(A_c), is negative).
``sum``: only the sum of the k largest is below what phi adds (the paper's non-Hurwitz form). A shift of the whole
spectrum puts the bound at -G, G > 0: the same set as the paper's S1, S2, S3, without ordering them. For several
circuits the bounds of k1 and k2 are added by the rule for collections (R1: the K largest of all ``lambda_qi + p_qi`` or
``lambda_qi + p_qi / 2``), so that the block-diagonal whole is K-contracting.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from neurolurie.train.factors import EPS, Turns, lowered, positive, product, raw_of, singular, top
from neurolurie.train.model import vector, zeros

SHARE = {"theorem-1": 1.0, "k1": 1.0, "k2": 0.5}  # of p in the bound


class Circuits(nn.Module):
    """q circuits (q, n, n), (q, n, m), (q, m, n) that contract of order k, in z coordinates.

    ``drift`` is the form of A (of A_c for k2): scalar, diagonal, symmetric or full.
    """

    def __init__(self, q: int, n: int, m: int, k: int, g: float, *, bound: str, spectrum: str, drift: str = "full"):
        super().__init__()
        self.q, self.n, self.k, self.g = q, n, k, g
        self.bound, self.spectrum, self.drift = bound, spectrum, drift
        rank = min(n, m)
        shapes = {"B_left": (q, n, rank), "B_right": (q, m, rank), "C_left": (q, m, rank), "C_right": (q, n, rank)}
        self.turned = drift in ("symmetric", "full")
        self.turns = Turns(shapes | ({"axes": (q, n, n)} if self.turned else {}))
        self.s_B, self.s_C = zeros(q, rank), zeros(q, rank)
        self.level = zeros(q, 1 if drift == "scalar" else n)
        self.margin = zeros(1) if spectrum == "sum" else None
        self.skew = zeros(q, n * (n - 1) // 2) if drift == "full" else None

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        turns = self.turns()
        B = product(turns["B_left"], self.s_B, turns["B_right"])
        C = product(turns["C_left"], self.s_C, turns["C_right"])
        A = torch.diag_embed(self.eigenvalues())
        if self.turned:
            A = turns["axes"] @ A @ turns["axes"].mT
        if self.skew is not None:
            rows, columns = np.triu_indices(self.n, 1)
            upper = A.new_zeros(A.shape)
            upper[:, rows, columns] = self.skew
            A = A + upper - upper.mT
        if self.bound == "k2":
            A = A - 0.5 * self.g * (B @ C)
        return A, B, C

    def eigenvalues(self) -> Tensor:
        """lambda, (q, n), of sym(A), or of sym(A_c) for k2."""
        if self.spectrum == "each":
            return (-self.added()[:, None] / self.k - positive(self.level)).expand(-1, self.n)
        free = self.level.expand(-1, self.n)
        return free - (self.reach(free) + positive(self.margin)) / self.k

    def products(self) -> Tensor:
        """p, (q, n), zero beyond the rank."""
        p = self.g * singular(self.s_B) * singular(self.s_C)
        return nn.functional.pad(p, (0, self.n - p.shape[-1]))

    def added(self) -> Tensor:
        """The most that phi adds to s_k of each circuit by its bound, (q,)."""
        p = self.products()[:, : self.k]
        if self.bound == "theorem-1":
            return self.k**0.5 * torch.linalg.vector_norm(p, dim=-1)
        return SHARE[self.bound] * p.sum(dim=-1)

    def reach(self, eigenvalues: Tensor) -> Tensor:
        """The bound on s_k of the block-diagonal whole, for these eigenvalues."""
        if self.bound == "theorem-1" or self.q == 1:
            return top(eigenvalues.flatten(), self.k) + self.added_to_whole()
        ordered = eigenvalues.sort(dim=-1, descending=True).values
        return top((ordered + SHARE[self.bound] * self.products()).flatten(), self.k)

    def added_to_whole(self) -> Tensor:
        """As `added`, for the stacked B and C (q = 1: the same)."""
        left = singular(self.s_B.flatten())[: self.k]
        right = singular(self.s_C.flatten())[: self.k]
        p = self.g * left * right
        return self.k**0.5 * torch.linalg.vector_norm(p) if self.bound == "theorem-1" else SHARE[self.bound] * p.sum()

    def take(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
        """Set to the member next to these: B and C are kept, A moves as little as the form allows."""
        turns = {}
        for name, values, matrices in (("B", self.s_B, B), ("C", self.s_C, C)):
            turns[f"{name}_left"], s, right = np.linalg.svd(matrices, full_matrices=False)
            turns[f"{name}_right"] = np.swapaxes(right, -1, -2)
            vector(values, s)
        A = A + 0.5 * self.g * B @ C if self.bound == "k2" else A
        if self.skew is not None:
            rows, columns = np.triu_indices(self.n, 1)
            vector(self.skew, (0.5 * (A - np.swapaxes(A, -1, -2)))[:, rows, columns])
        values, vectors = np.linalg.eigh(0.5 * (A + np.swapaxes(A, -1, -2)))
        values, vectors = values[:, ::-1], vectors[:, :, ::-1]
        if self.turned:
            turns["axes"] = vectors
        else:
            values = np.diagonal(A, axis1=-2, axis2=-1)
        self.turns.set(**turns)
        if self.drift == "scalar":
            values = values.mean(axis=-1, keepdims=True)
        with torch.no_grad():
            if self.spectrum == "each":
                vector(self.level, raw_of(-values - self.added().numpy()[:, None] / self.k))
                return
            self._take_sum(values)

    def _take_sum(self, values: np.ndarray) -> None:
        with torch.no_grad():
            if self.q == 1:
                limit = -float(self.added_to_whole()) - EPS
                values = lowered(np.broadcast_to(values, (1, self.n))[0], self.k, limit)[None, : values.shape[1]]
            vector(self.level, values)
            vector(self.margin, raw_of(-self.reach(self.level.expand(-1, self.n)).numpy().reshape(1)))

    def sample(self, rng: np.random.Generator) -> None:
        """Rates of the order of 1/s, maps B and C of the order of 1, turned at random."""
        self.turns.sample(rng)
        for values in (self.s_B, self.s_C):
            vector(values, rng.uniform(0.2, 1.0, values.shape) * rng.choice([-1.0, 1.0], values.shape))
        if self.skew is not None:
            vector(self.skew, rng.normal(0.0, 0.5, self.skew.shape))
        if self.spectrum == "each":
            vector(self.level, rng.normal(0.0, 1.0, self.level.shape))
        else:
            vector(self.level, rng.normal(-1.0, 0.5, self.level.shape))
            vector(self.margin, rng.normal(0.0, 1.0, self.margin.shape))
