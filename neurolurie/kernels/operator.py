"""The kernels as operators of torch: ``neurolurie::rollout`` with its gradient, so autograd and torch.compile see one.

An operator takes tensors, numbers and strings; what else a kernel is made from is looked up under a short name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from neurolurie.kernels import memory, run_adjoint, run_dense
from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu import rollout as on_gpu
from neurolurie.kernels.plain import plain_rollout
from neurolurie.kernels.plan import Data, Plan
from neurolurie.network.phi import Phi

_MODELS: dict[str, Model] = {}
ENGINES = {"cpu": "C++", "cuda": "Triton"}  # which generated kernels run on tensors of a kind of device


@dataclass(frozen=True)
class Model:
    """What an operator is generated from."""

    description: Description
    phi: Phi
    engine: str = "C++"

    @property
    def width(self) -> int:
        """Trials that the kernel takes together: it pads its states to a multiple of it."""
        return 1 if self.engine == "Triton" else run_dense.forward_library(self.description).lanes()


def register(description: Description, phi: Phi, engine: str = "C++") -> str:
    """The name under which the operators find that description; its C++ kernel is compiled. Raises NoCompiler."""
    if engine == "C++":
        run_dense.forward_library(description)
    name = hashlib.sha256(repr((description, engine)).encode()).hexdigest()[:16]
    _MODELS.setdefault(name, Model(description, phi, engine))
    return name


def spacing_of(steps: int, every: int, row_bytes: int, memory_bytes: int) -> int:
    """Steps from one saved state to the next: the recorded ones if there are any, else as many as memory holds."""
    if every:
        return every
    whole = -(-steps * row_bytes // max(1, memory_bytes))
    return max(1, min(steps, whole))


@torch.library.custom_op("neurolurie::rollout", mutates_args=())
def rollout(
    A: torch.Tensor, B: torch.Tensor, C: torch.Tensor, bx: torch.Tensor, by: torch.Tensor, x0: torch.Tensor,
    size: torch.Tensor, model: str, steps: int, every: int, spacing: int,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The recorded states (trials, rows, n), and the states saved for the gradient (none where the first serve)."""
    description = _MODELS[model].description
    if _MODELS[model].engine == "Triton":
        return on_gpu.states(description, A, B, C, bx, by, x0, size, steps, every, spacing)
    data = Data(
        **{name: _array(tensor) for name, tensor in {"A": A, "B": B, "C": C, "bx": bx, "by": by, "size": size}.items()},
        E=np.zeros((description.n, 0)), inputs=np.zeros((steps, 3, 0)),
    )  # fmt: skip
    plan = Plan(steps, every or spacing, None, torch.get_num_threads())
    states, last = run_dense.forward(description, data, _array(x0), plan)
    if every:
        return torch.from_numpy(states), x0.new_empty((0,))
    return torch.from_numpy(np.array(last[:, None], order="C")), torch.from_numpy(states)


@rollout.register_fake
def _(A, B, C, bx, by, x0, size, model, steps, every, spacing):
    states = _like_kernel(x0, 1 - (-steps // (every or spacing)), _MODELS[model].width)
    return (states, x0.new_empty((0,))) if every else (x0.new_empty((x0.shape[0], 1, x0.shape[1])), states)


@torch.library.custom_op("neurolurie::rollout_adjoint", mutates_args=())
def rollout_adjoint(
    A: torch.Tensor, B: torch.Tensor, C: torch.Tensor, bx: torch.Tensor, by: torch.Tensor, x0: torch.Tensor,
    size: torch.Tensor, g: torch.Tensor, saved: torch.Tensor, model: str, steps: int, every: int, spacing: int,
) -> tuple[
    torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor
]:  # fmt: skip
    """Gradients of A, B, C, bx, by, x0, size, given the gradient ``g`` of the recorded states."""
    description = _MODELS[model].description
    if _MODELS[model].engine == "Triton":
        return on_gpu.gradients(description, A, B, C, bx, by, size, g, saved, steps, every, spacing)
    tensors = {"A": A, "B": B, "C": C, "by": by, "size": size, "drive": bx}
    weights = {name: np.ascontiguousarray(_array(tensor)) for name, tensor in tensors.items()}
    width = run_dense.forward_library(description).lanes()
    found = run_adjoint.adjoint(
        description, weights, _laid_out(saved, width), spacing, _array(g), steps, every or None,
        torch.get_num_threads(),
    )  # fmt: skip
    order = ("A", "B", "C", "bx", "by", "x0", "size")
    return tuple(torch.from_numpy(np.array(found[name], description.dtype, order="C")) for name in order)


@rollout_adjoint.register_fake
def _(A, B, C, bx, by, x0, size, g, saved, model, steps, every, spacing):
    return tuple(tensor.new_empty(tensor.shape) for tensor in (A, B, C, bx, by, x0, size))


def _remember(ctx, inputs, output):
    *tensors, ctx.model, ctx.steps, ctx.every, ctx.spacing = inputs
    ctx.save_for_backward(*tensors, output[0] if ctx.every else output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx, g, _):
    if g is None:
        return (None,) * 11
    *tensors, saved = ctx.saved_tensors
    found = rollout_adjoint(*tensors, g, saved, ctx.model, ctx.steps, ctx.every, ctx.spacing)
    return (*found, None, None, None, None)


rollout.register_autograd(_backward, setup_context=_remember)


def _remember_adjoint(ctx, inputs, output):
    *tensors, _, ctx.model, ctx.steps, ctx.every, _ = inputs
    ctx.save_for_backward(*tensors)


def _backward_adjoint(ctx, *incoming):
    """The second derivative, through the plain loop: exact, and as slow as that."""
    model = _MODELS[ctx.model]
    *inputs, g = (tensor.detach().requires_grad_() for tensor in ctx.saved_tensors)
    with torch.enable_grad():
        states = plain_rollout(
            *inputs, phi=model.phi, tableau=model.description.tableau, steps=ctx.steps, every=ctx.every or None
        )
        first = torch.autograd.grad(states, inputs, g, create_graph=True)
        wanted = [(a, b) for a, b in zip(first, incoming, strict=True) if b is not None]
        second = torch.autograd.grad(
            [a for a, _ in wanted], [*inputs, g], [b for _, b in wanted], allow_unused=True, materialize_grads=True
        )
    return (*second, None, None, None, None, None)


rollout_adjoint.register_autograd(_backward_adjoint, setup_context=_remember_adjoint)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def _like_kernel(x0: torch.Tensor, rows: int, width: int) -> torch.Tensor:
    """An empty tensor (trials, rows, n) with the memory layout that the kernel returns."""
    trials, n = x0.shape
    pitch = -(-trials // width) * width
    return x0.new_empty_strided((trials, rows, n), (1, n * pitch, pitch))


def _laid_out(saved: torch.Tensor, width: int) -> np.ndarray:
    """The saved states in the kernel's layout: as they are, unless something between has rearranged them."""
    trials, rows, n = saved.shape
    pitch = -(-trials // width) * width
    if saved.stride() == (1, n * pitch, pitch):
        return _array(saved)
    out = memory.empty((rows, n, pitch), str(saved.dtype).removeprefix("torch."))
    out[:, :, :trials] = _array(saved.permute(1, 2, 0))
    out[:, :, trials:] = out[:, :, trials - 1 : trials]
    return out.transpose(2, 0, 1)[:trials]
