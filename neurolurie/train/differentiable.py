"""rollout(): a run that can be differentiated, on the kernel where there is one."""

from __future__ import annotations

import torch

from neurolurie.errors import SpecError, lookup
from neurolurie.kernels import choose, compiler, operator
from neurolurie.kernels.description import Description, Tableau
from neurolurie.kernels.gpu import choice as gpu
from neurolurie.kernels.plain import plain_rollout
from neurolurie.network.phi import Phi
from neurolurie.simulation.solvers import SOLVERS

GIB = 1 << 30


def rollout(
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    bx: torch.Tensor,
    by: torch.Tensor,
    x0: torch.Tensor,
    *,
    phi="tanh",
    steps: int,
    dt: float,
    solver: str = "euler",
    every: int | None = 1,
    memory: int = GIB,
) -> torch.Tensor:
    """Solve ``dx/dt = A x + B phi(C x + by) + bx`` and return the states (trials, steps + 1, n), the first being x0.

    The gradient of any of the tensors is the exact gradient of the discrete scheme. Small networks run on a
    generated kernel, forward and backward: C++ on the CPU, Triton on CUDA (where a warning says why, if not). Larger
    ones, other devices, torch.func transforms and forward-mode differentiation run the plain loop of torch operations;
    a second derivative goes through the plain loop.

    Parameters
    ----------
    A (n, n), B (n, m), C (m, n), bx (n,), by (m,), x0 (trials, n) : torch tensors of one dtype on one device.
    phi : a nonlinearity's name, one name for each preactivation, or a `Phi`. dt : seconds.
    solver : euler, heun, rk4, exponential-euler.
    every : keep every ``every``-th step and the last; None keeps only the last state, (trials, 1, n). Steps that were
        not kept are run again for the gradient.
    memory : bytes that may be used to save states for the gradient beyond what is returned (``every=None``).

    Raises SpecError for shapes, dtypes and names that do not fit.

    >>> A = torch.tensor([[-1.0, 0.0], [0.0, -2.0]], requires_grad=True)
    >>> zero = torch.zeros(2)
    >>> states = rollout(A, torch.eye(2), torch.eye(2), zero, zero, torch.ones(5, 2), steps=10, dt=0.1)
    >>> states.shape
    torch.Size([5, 11, 2])
    >>> states[:, -1].sum().backward()
    >>> A.grad.shape
    torch.Size([2, 2])
    """
    tensors = {"A": A, "B": B, "C": C, "bx": bx, "by": by, "x0": x0}
    _check(tensors, steps, dt, every)
    name = None if _needs_plain() else _kernel(phi, *B.shape, str(x0.dtype), x0.device.type, solver)
    size = _step_sizes(A, dt, _exponential(solver))
    if name is None:
        phi = Phi.of(phi, B.shape[1])
        return plain_rollout(*tensors.values(), size, phi=phi, tableau=_tableau(solver), steps=steps, every=every)
    spacing = operator.spacing_of(steps, every or 0, x0.numel() * x0.element_size(), memory)
    return torch.ops.neurolurie.rollout(*tensors.values(), size, name, steps, every or 0, spacing)[0]


def _kernel(phi, n: int, m: int, dtype: str, device: str, solver: str) -> str | None:
    """The name of the operators' model for that network, or None if it has to run the plain loop."""
    phi = Phi.of(phi, m)
    description = Description(n, m, phi.names, _tableau(solver), dtype.removeprefix("torch."))
    engine = operator.ENGINES.get(device)
    if engine == "Triton":
        reason = gpu.reason_against(n, phi, description.dtype)
        if reason is None:
            return operator.register(description, phi, engine)
        compiler.warn_once(f"rollout runs as a loop of torch operations: {reason}")
        return None
    if engine is None or choose.unknown_kind(phi):
        return None
    if max(n, m) > choose.LOOPED:
        return None
    try:
        return operator.register(description, phi)
    except compiler.NoCompiler as error:
        compiler.warn_once(error.message)
        return None


# torch.compile calls it while it traces, instead of tracing into it: what it returns depends on no tensor.
_kernel._dynamo_marked_constant = True


def _tableau(solver: str) -> Tableau:
    found = lookup("solver", solver, SOLVERS)
    return Tableau(found.nodes, found.stages, found.weights, found.exponential)


def _exponential(solver: str) -> bool:
    return lookup("solver", solver, SOLVERS).exponential


_exponential._dynamo_marked_constant = True


def _needs_plain() -> bool:
    """Whether forward-mode differentiation or a transform of torch.func is looking: operators give them no tangents."""
    if torch.autograd.forward_ad._current_level >= 0:
        return True
    # torch.compile cannot ask for the stack of transforms; it refuses those that an operator has no rule for itself
    return not torch.compiler.is_compiling() and torch._C._functorch.peek_interpreter_stack() is not None


def _step_sizes(A: torch.Tensor, dt: float, exponential: bool) -> torch.Tensor:
    """``dt``, or ``dt phi1(dt A_ii)`` with ``phi1(z) = (e^z - 1) / z``, for every state."""
    if not exponential:
        return A.new_full((A.shape[0],), dt)
    z = dt * A.diagonal()
    near = z.abs() < 1e-5  # there phi1 = 1 + z/2 + z^2/6 to machine precision, and its gradient is not 0/0
    safe = torch.where(near, torch.ones_like(z), z)
    return dt * torch.where(near, 1 + z / 2 + z * z / 6, torch.expm1(safe) / safe)


def _check(tensors: dict[str, torch.Tensor], steps: int, dt: float, every: int | None) -> None:
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise SpecError(f"{name} must be a torch tensor, got {type(tensor).__name__}.")
    x0, B = tensors["x0"], tensors["B"]
    if x0.dtype not in (torch.float32, torch.float64):
        raise SpecError(f"x0 has dtype {x0.dtype}, expected torch.float32 or torch.float64.")
    if x0.ndim != 2 or not len(x0) or B.ndim != 2:
        raise SpecError(f"x0 has shape {tuple(x0.shape)}, expected (trials, n); B {tuple(B.shape)}, expected (n, m).")
    n, m = x0.shape[1], B.shape[1]
    shapes = {"A": (n, n), "B": (n, m), "C": (m, n), "bx": (n,), "by": (m,)}
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise SpecError(f"{name} has shape {tuple(tensors[name].shape)}, expected {shape}: x0 has {n} states.")
    for name, tensor in tensors.items():
        if tensor.dtype != x0.dtype or tensor.device != x0.device:
            raise SpecError(
                f"{name} is {tensor.dtype} on {tensor.device}, x0 is {x0.dtype} on {x0.device}; they must be alike."
            )
    if steps < 1 or not dt > 0 or (every is not None and every < 1):
        raise SpecError(f"steps, dt and every must be positive, got {steps}, {dt} and {every}.")
