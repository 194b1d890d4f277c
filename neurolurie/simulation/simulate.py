"""simulate(): the public entry. Poses the problem, asks one backend, checks and labels what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from neurolurie.errors import BackendError, DivergedError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.backends import load_backend
from neurolurie.simulation.problem import Problem, Trajectory, pose

if TYPE_CHECKING:
    import xarray


def simulate(
    network: LurieNetwork,
    x0: np.ndarray,
    *,
    duration: float,
    dt: float,
    solver: str = "euler",
    backend: str = "torch",
    inputs: Sequence[Mapping] | np.ndarray | None = None,
    noise: float | np.ndarray | None = None,
    seed: int = 0,
    stream: int = 0,
    record: str | Mapping = "all",
    dtype: str = "float64",
    device: str = "cpu",
    first_step: int = 0,
    keep_diverged: bool = False,
) -> xarray.DataArray:
    """Integrate ``dx/dt = A x + B phi(C x + by) + bx + E u(t) + sigma xi(t)`` from every row of ``x0``.

    Parameters
    ----------
    x0 : (trials, n), or (n,) for one trial.
    duration, dt : seconds; the duration must be a whole number of steps.
    solver : euler, heun, rk4, exponential-euler. backend : reference, torch, brian2, brian2-standalone.
    inputs : one ``{"kind": "constant" | "pulse" | "step", ...}`` for each column of E, or an array (steps, columns).
    noise : sigma in state units per sqrt(s), one number or (n,). Added as ``sigma sqrt(dt) z`` once a step, with z
    keyed
        by (seed, stream, step, trial, state).
    record : "all", "final", or ``{"every": k, "states": [...]}``; the last step is always kept.
    first_step : continue a run: time and noise are counted from this step.
    keep_diverged : return trials that left the finite numbers (as inf or nan) instead of raising.

    Returns an xarray.DataArray (trial, time, state); ``attrs`` say which backend and code ran, and for how long.

    Raises SpecError for wrong arguments, BackendError if the backend cannot do it, DivergedError.

    >>> net = LurieNetwork(A=[[-1.0]], B=[[0.0]], C=[[1.0]])
    >>> run = simulate(net, [[1.0]], duration=1.0, dt=0.001, solver="rk4", backend="reference")
    >>> run.dims, bool(abs(run.values[0, -1, 0] - np.exp(-1)) < 1e-12)
    (('trial', 'time', 'state'), True)
    """
    problem = pose(
        network, x0, duration=duration, dt=dt, solver=solver, inputs=inputs, noise=noise, seed=seed, stream=stream,
        record=record, dtype=dtype, device=device, first_step=first_step,
    )  # fmt: skip
    return label(problem, solve(problem, backend, keep_diverged), backend)


def solve(problem: Problem, backend: str, keep_diverged: bool = False) -> Trajectory:
    """Run the problem on a backend; raises before it starts if the backend cannot, after it if numbers diverged."""
    runner = load_backend(backend)
    reason = runner.unsupported(problem)
    if reason:
        raise BackendError(reason)
    trajectory = runner.run(problem)
    if not keep_diverged:
        _require_finite(problem, trajectory)
    return trajectory


def label(problem: Problem, trajectory: Trajectory, backend: str) -> xarray.DataArray:
    """The trajectory as a DataArray with coordinates and provenance."""
    states = np.array(problem.network.states)[problem.record.states]
    labelled = _empty(problem.trials, problem.times().tobytes(), tuple(states.tolist()))
    labelled = labelled.copy(deep=False, data=trajectory.states)
    labelled.attrs = {
        "backend": backend, "code": trajectory.code, "solver": problem.solver.name, "dt": problem.dt,
        "seed": problem.seed, "dtype": problem.dtype, "build_seconds": trajectory.build_seconds,
        "run_seconds": trajectory.run_seconds, "notes": list(trajectory.notes),
    }  # fmt: skip
    return labelled


@lru_cache(maxsize=4)
def _empty(trials: int, times: bytes, states: tuple[str, ...]) -> xarray.DataArray:
    """A result without numbers: making its coordinates takes as long as a small run, copying them a tenth of that."""
    import xarray

    coords = {"trial": np.arange(trials), "time": np.frombuffer(times), "state": np.array(states)}
    nothing = np.broadcast_to(np.float32(0), tuple(map(len, coords.values())))
    return xarray.DataArray(nothing, dims=tuple(coords), coords=coords, name="x")


def parity(a: np.ndarray, b: np.ndarray) -> float:
    """``max |a - b| / max |a|`` over a run: how far two backends are apart."""
    scale = np.abs(a).max()
    gap = np.abs(a - b).max()
    return float(gap / scale) if scale > 0 else float(gap)


def _require_finite(problem: Problem, trajectory: Trajectory) -> None:
    if np.isfinite(trajectory.final).all():
        return  # a step adds to the state, and inf or nan plus anything stays inf or nan: every state before is finite
    bad = ~np.isfinite(trajectory.states)
    if bad.any():
        trial, place, state = (int(i) for i in np.argwhere(bad)[np.argwhere(bad)[:, 1].argmin()])
        number, when = int(problem.record.states[state]), problem.times()[place]
    else:
        trial, number = (int(i) for i in np.argwhere(~np.isfinite(trajectory.final))[0])
        when = (problem.first_step + problem.steps) * problem.dt
    owner = next(
        (name for name, part in problem.network.parts.items() if part.states.start <= number < part.states.stop), "?"
    )
    count = int((~np.isfinite(trajectory.final)).any(axis=1).sum())
    label = problem.network.states[number]
    raise DivergedError(
        f"state '{label}' of circuit '{owner}' is not finite at t = {when:.6g} s (trial {trial}; {count} of "
        f"{problem.trials} trials diverged). Try a smaller dt, or rk4; if the circuit itself is unstable, "
        "`neurolurie certify` says so."
    )
