"""Model: what can be trained. Free parameters in, a Lurie network out, for most of them with a guarantee."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.phi import Phi
from neurolurie.train.differentiable import rollout

INSIDE = 1e-6  # relative distance up to which a network counts as a member of a class


class Model(nn.Module, ABC):
    """A set of networks ``dx/dt = A x + B phi(C x + by) + bx`` and the free parameters that run through it.

    Attributes
    ----------
    guarantee : what holds for every value of the free parameters, in words; empty if nothing does.
    n, m : states and preactivations. k : order of contraction asked for. g : bound on the slope of phi.
    phi : tanh unless given, logistic if g is below 1.
    """

    guarantee: ClassVar[str] = ""

    def __init__(self, n: int, k: int, g: float, m: int | None, phi: str | None):
        super().__init__()
        self.n, self.k, self.g = _count("n", n), _count("k", k), float(g)
        self.m = self.n if m is None else _count("m", m)
        if self.k > self.n:
            raise SpecError(f"k is {k}, expected at most n = {n}.")
        if not 0.0 < self.g < float("inf"):
            raise SpecError(f"g must be a positive number, got {g}.")
        steepest = "tanh" if self.g >= 1.0 else "logistic"  # slopes up to 1, and up to 1/4
        self.phi = Phi.of(steepest if phi is None else phi, self.m)
        self.parts: dict[str, Part] = {}

    def _add_offsets(self, biases: bool) -> None:
        """bx and by: free, or zero for good, which makes runs from -x mirror those from x (if phi is odd)."""
        if not isinstance(biases, bool):
            raise SpecError(f"biases must be true or false, got {biases!r}.")
        for name, length in (("bx", self.n), ("by", self.m)):
            if biases:
                self.register_parameter(name, zeros(length))
            else:
                self.register_buffer(name, torch.zeros(length))

    def _draw_offsets(self, rng: np.random.Generator) -> None:
        for value in (self.bx, self.by):
            if isinstance(value, nn.Parameter):
                vector(value, rng.normal(0.0, 0.1, value.shape))

    def _take_offsets(self, network: LurieNetwork) -> None:
        for value, wanted in ((self.bx, network.bx), (self.by, network.by)):
            if isinstance(value, nn.Parameter):
                vector(value, wanted)

    @abstractmethod
    def forward(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """A (n, n), B (n, m), C (m, n), bx (n,), by (m,)."""

    def sample(self, rng: np.random.Generator | int) -> Model:
        """Draw the free parameters anew, by a generator or a seed, in place; returns itself."""
        self._draw(np.random.default_rng(rng))
        return self

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> None:
        """Draw the free parameters."""

    @abstractmethod
    def _take(self, network: LurieNetwork, metric: np.ndarray | None) -> None:
        """Set the free parameters to the member nearest to a dense network of the same shape."""

    def init_from(self, network: LurieNetwork, *, metric: np.ndarray | None = None, nearest: bool = False) -> Model:
        """Start from a network: its own place in the class, or with ``nearest`` the member next to it.

        "Nearest" moves A as little as the form allows and keeps B and C wherever the form does. ``metric`` is the P in
        which to look, for forms that have one (the identity if not given). In place; returns itself. Raises
        SpecError, and changes nothing, for another shape or phi, and, unless ``nearest``, for a network outside.
        """
        network = network.dense()
        if (network.n, network.m) != (self.n, self.m):
            raise SpecError(
                f"the network has {network.n} states and {network.m} preactivations, the model {self.n} and {self.m}."
            )
        if network.phi.names != self.phi.names:
            raise SpecError(
                f"the network's phi is {', '.join(sorted(set(network.phi.names)))}, the model's "
                f"{', '.join(sorted(set(self.phi.names)))}."
            )
        before = copy.deepcopy(self.state_dict())
        with torch.no_grad():
            self._take(network, metric)
            found = [value.double().numpy() for value in self.forward()]
        wanted = [network.A, network.B, network.C, network.bx, network.by]
        distance = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(found, wanted, strict=True)))
        scale = np.sqrt(sum(np.sum(b**2) for b in wanted))
        precision = max(INSIDE, 1e4 * torch.finfo(next(self.parameters()).dtype).eps)
        if not nearest and distance > precision * max(scale, 1.0):
            self.load_state_dict(before)
            raise SpecError(
                f"the network is not a member of {type(self).__name__}: the nearest member is {distance:.3g} away "
                f"(Euclidean, all of A, B, C, bx, by). nearest=True takes that one."
            )
        return self

    def freeze(self) -> LurieNetwork:
        """The network of the present parameters, computed in float64."""
        frozen = copy.deepcopy(self).double()
        with torch.no_grad():
            A, B, C, bx, by = (value.numpy() for value in frozen())
        return LurieNetwork(A=A, B=B, C=C, bx=bx, by=by, phi=self.phi, parts=self.parts)

    @property
    def metric(self) -> np.ndarray | None:
        """The P in which the members contract; None is the identity."""
        return None

    @property
    def order(self) -> int | None:
        """The K for which the present network is K-contracting by the way it was made; None if nothing is promised."""
        return self.k if self.guarantee else None

    @property
    def size(self) -> int:
        """How many numbers training may choose: an orthogonal matrix counts with its own dimension."""
        return sum(module.size for module in self.modules() if isinstance(module, Counted)) + sum(
            parameter.numel()
            for module in self.modules() if not isinstance(module, Counted) and not _inside_counted(self, module)
            for parameter in module.parameters(recurse=False)
        )  # fmt: skip

    def run(self, x0: Tensor, *, steps: int, dt: float, solver: str = "rk4", every: int = 1) -> Tensor:
        """States (trials, 1 + steps/every, n) from x0 (trials, n)."""
        return rollout(*self(), x0, phi=self.phi, steps=steps, dt=dt, solver=solver, every=every)


class Counted(nn.Module):
    """A module whose parameters are more numbers than it has degrees of freedom, ``size``."""

    size: int


def vector(parameter: nn.Parameter, values) -> None:
    """Write numbers into a parameter."""
    with torch.no_grad():
        parameter.copy_(torch.as_tensor(np.array(values), dtype=parameter.dtype))


def zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*shape))


def require_slopes(model: Model) -> None:
    """A guarantee for slopes in [0, g] needs a phi that keeps to them."""
    low, high = model.phi.slope_range()
    if (low < 0).any() or (high > model.g * (1 + 1e-12)).any():
        raise SpecError(
            f"phi '{model.phi.names[0]}' has slopes in [{low.min():g}, {high.max():g}], "
            f"{type(model).__name__} was made for [0, g] with g = {model.g:g}. Choose another phi or a larger g."
        )


def _inside_counted(root: nn.Module, module: nn.Module) -> bool:
    return any(module is inner for each in root.modules() if isinstance(each, Counted) for inner in each.modules())


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpecError(f"{name} must be a whole number from 1, got {value!r}.")
    return value
