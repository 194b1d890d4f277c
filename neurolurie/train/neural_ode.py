"""Neural ODE: a multilayer perceptron as vector field. Not of Lurie form, so it cannot be frozen or certified."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from neurolurie.errors import SpecError, lookup
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.solvers import SOLVERS
from neurolurie.train.model import Model, vector


class NeuralODE(Model):
    """``dx/dt = MLP(x)`` with ReLU, ``layers`` linear maps and ``width`` units in between (Chen et al. 2018).

    k and g mean nothing to it; they are there so that every model is made alike.
    """

    def __init__(self, n: int, k: int, g: float = 1.0, width: int = 100, layers: int = 4, seed: int = 0):
        super().__init__(n, k, g, None, "relu")
        sizes = [n, *[width] * (layers - 1), n]
        maps = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
        self.field = nn.Sequential(*[part for each in maps[:-1] for part in (each, nn.ReLU())], maps[-1])
        self.sample(seed)

    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        raise SpecError(NOT_LURIE)

    def freeze(self) -> LurieNetwork:
        raise SpecError(NOT_LURIE)

    def _draw(self, rng: np.random.Generator) -> None:
        """Weights and biases uniform within ``1/sqrt(inputs)``, as torch draws them."""
        for part in self.field:
            if isinstance(part, nn.Linear):
                reach = 1.0 / np.sqrt(part.in_features)
                vector(part.weight, rng.uniform(-reach, reach, part.weight.shape))
                vector(part.bias, rng.uniform(-reach, reach, part.bias.shape))

    def run(self, x0: Tensor, *, steps: int, dt: float, solver: str = "rk4", every: int = 1) -> Tensor:
        scheme = lookup("solver", solver, SOLVERS)
        if scheme.exponential:
            raise SpecError(f"solver '{solver}' needs the A of a Lurie network; a Neural ODE takes euler, heun or rk4.")
        x, kept = x0, [x0]
        for step in range(1, steps + 1):
            slopes: list[Tensor] = []
            for stage in scheme.stages:
                slopes.append(self.field(_moved(x, dt, stage, slopes)))
            x = _moved(x, dt, scheme.weights, slopes)
            if step % every == 0:
                kept.append(x)
        return torch.stack(kept, dim=1)

    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        raise SpecError(NOT_LURIE)


NOT_LURIE = (
    "a Neural ODE is not of Lurie form: it has no A, B, C, and cannot be frozen, certified or started from a network."
)


def _moved(x: Tensor, dt: float, weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            x = x + dt * weight * slope
    return x
