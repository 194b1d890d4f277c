"""Problem: everything a backend needs, in numbers; Trajectory: everything a backend gives back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neurolurie.errors import SpecError, lookup
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.inputs import input_table
from neurolurie.simulation.solvers import SOLVERS, Solver

DTYPES = ("float64", "float32")
MOST_STEPS = 2**32  # the noise counts steps in a 32-bit word


@dataclass(frozen=True)
class Record:
    """What is kept: every ``every``-th step and always the last (None: only the last), of the states numbered."""

    every: int | None
    states: np.ndarray

    def steps(self, total: int) -> np.ndarray:
        """The recorded step numbers, 0 being the initial state.

        >>> Record(4, np.arange(2)).steps(10).tolist()
        [0, 4, 8, 10]
        """
        if self.every is None:
            return np.array([total])
        numbers = np.arange(0, total + 1, self.every)
        return numbers if numbers[-1] == total else np.append(numbers, total)


@dataclass(frozen=True)
class Problem:
    """Integrate ``network`` from ``x0`` over ``steps`` steps of ``dt`` seconds.

    Attributes
    ----------
    x0 : (trials, n). inputs : (steps, 3, channels), see `neurolurie.simulation.inputs`.
    sigma : (n,) noise amplitude in state units per sqrt(s), or None for no noise.
    first_step : the number of the first step: time starts at ``first_step * dt`` and noise is counted from it, so a
        run cut in two gives the numbers of the whole.
    progress : called with (steps done, steps in all) from time to time.
    """

    network: LurieNetwork
    x0: np.ndarray
    dt: float
    steps: int
    solver: Solver
    inputs: np.ndarray
    record: Record
    sigma: np.ndarray | None = None
    seed: int = 0
    stream: int = 0
    first_step: int = 0
    dtype: str = "float64"
    device: str = "cpu"
    progress: Callable[[int, int], None] | None = None

    @property
    def trials(self) -> int:
        return self.x0.shape[0]

    def step_sizes(self) -> np.ndarray:
        """The step of every state, shape (n,)."""
        return self.solver.step_sizes(self.network.A.diagonal(), self.dt)

    def times(self) -> np.ndarray:
        """The recorded times in seconds."""
        return (self.first_step + self.record.steps(self.steps)) * self.dt


@dataclass(frozen=True)
class Trajectory:
    """Raw numbers of a run: ``states`` (trials, times, recorded states), ``final`` (trials, n), seconds spent.

    ``code`` names what really ran: the code generator, the device, the library.
    """

    states: np.ndarray
    final: np.ndarray
    build_seconds: float
    run_seconds: float
    code: str
    notes: tuple[str, ...] = field(default=())


def pose(
    network: LurieNetwork,
    x0: np.ndarray,
    *,
    duration: float,
    dt: float,
    solver: str = "euler",
    inputs: Sequence[Mapping] | np.ndarray | None = None,
    noise: float | np.ndarray | None = None,
    seed: int = 0,
    stream: int = 0,
    record: str | Mapping = "all",
    dtype: str = "float64",
    device: str = "cpu",
    first_step: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Problem:
    """A Problem from a user's words; every wrong one is a SpecError."""
    if not isinstance(network, LurieNetwork):
        raise SpecError(f"expected a LurieNetwork, got {network!r}; nl.circuit(NAME) makes one.")
    try:
        x0 = np.array(x0, dtype=float, ndmin=2)
    except (TypeError, ValueError):
        raise SpecError(f"x0 must be an array of numbers (trials, {network.n}), got {x0!r}.") from None
    if x0.ndim != 2 or x0.shape[1] != network.n or not len(x0):
        raise SpecError(f"x0 has shape {x0.shape}, expected (trials, {network.n}): one row for each trial.")
    if not np.isfinite(x0).all():
        raise SpecError("x0 has entries that are not finite numbers.")
    require_device(device)
    if dtype not in DTYPES:
        raise SpecError(f"dtype '{dtype}' is not known. Known: {', '.join(DTYPES)}.")
    if not (isinstance(seed, int | np.integer) and 0 <= seed < 2**64):
        raise SpecError(f"the seed must be a whole number from 0 to 2^64 - 1, got {seed!r}.")
    steps = count_steps(duration, dt)
    if not 0 <= first_step <= MOST_STEPS - steps:
        raise SpecError(f"steps are numbered from 0 to 2^32 - 1; got {first_step} to {first_step + steps - 1}.")
    sigma = None
    if noise is not None and np.any(noise):
        try:
            sigma = np.broadcast_to(np.asarray(noise, float), (network.n,)).copy()
        except ValueError:
            raise SpecError(f"noise has shape {np.shape(noise)}, expected a number or ({network.n},).") from None
        if not np.isfinite(sigma).all() or (sigma < 0).any():
            raise SpecError("noise must be finite and not negative.")
    return Problem(
        network=network, x0=x0, dt=float(dt), steps=steps, solver=lookup("solver", solver, SOLVERS),
        inputs=input_table(inputs, network.E.shape[1], first_step, steps, float(dt)),
        record=parse_record(record, network), sigma=sigma, seed=int(seed), stream=int(stream),
        first_step=int(first_step), dtype=dtype, device=device, progress=progress,
    )  # fmt: skip


def require_device(device: str) -> None:
    """A SpecError for what is no device's name; whether the device is there is for the backend to say."""
    if not re.fullmatch(r"(cpu|cuda|mps|xpu)(:\d+)?", str(device)):
        raise SpecError(f"device '{device}' is not known. Known: cpu, cuda, cuda:0, mps, xpu.")


def count_steps(duration: float, dt: float) -> int:
    """The number of whole steps in a duration; a SpecError if it is not whole.

    >>> count_steps(0.3, 0.1)
    3
    """
    if not (np.isfinite(dt) and dt > 0):
        raise SpecError(f"dt must be a positive number of seconds, got {dt}.")
    if not (np.isfinite(duration) and duration > 0):
        raise SpecError(f"the duration must be a positive number of seconds, got {duration}.")
    steps = round(duration / dt)
    if steps < 1 or abs(steps * dt - duration) > 1e-9 * duration:
        near = max(1, steps) * dt
        raise SpecError(f"a duration of {duration} s is not a whole number of steps of {dt} s. Nearest: {near:.12g} s.")
    return steps


def parse_record(record: str | Mapping, network: LurieNetwork) -> Record:
    """``"all"``, ``"final"`` or ``{"every": k, "states": [labels or numbers] | "all"}``."""
    everything = np.arange(network.n)
    if record == "all":
        return Record(1, everything)
    if record == "final":
        return Record(None, everything)
    if not isinstance(record, Mapping) or not set(record) <= {"every", "states"}:
        raise SpecError(f"record must be 'all', 'final' or {{every: k, states: [...]}}, got {record!r}.")
    every = record.get("every", 1)
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise SpecError(f"record.every must be a whole number of steps from 1, got {every!r}.")
    chosen = record.get("states", "all")
    if isinstance(chosen, str) and chosen == "all":
        return Record(every, everything)
    labels = {label: place for place, label in enumerate(network.states)}
    places = [lookup("state", s, labels) if isinstance(s, str) else s for s in chosen]
    if not places or any(not isinstance(s, int | np.integer) or not 0 <= s < network.n for s in places):
        raise SpecError(f"record.states must name states or number them from 0 to {network.n - 1}, got {chosen!r}.")
    return Record(every, np.array(places, np.intp))
