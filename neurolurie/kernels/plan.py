"""The numbers of a run and how it is cut into calls: shared by every kernel that simulates."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

Matrix = np.ndarray | sparse.sparray
DRIVE_BYTES = 4 << 20  # the table of inputs to the states that one call may hold: long runs stay small


@dataclass(frozen=True)
class Data:
    """``dx/dt = A x + B phi(C x + by) + bx + E u``, with the step of every state in ``size`` (n,).

    inputs : (steps, 3, columns of E), the u of each step at its start, middle and end.
    noise : (n,) what is multiplied with a standard normal after each step (sigma sqrt(dt)), or None.
    """

    A: Matrix
    B: Matrix
    C: Matrix
    E: Matrix
    bx: np.ndarray
    by: np.ndarray
    size: np.ndarray
    inputs: np.ndarray
    noise: np.ndarray | None = None
    seed: int = 0
    stream: int = 0
    first_step: int = 0

    def drive(self, begin: int, end: int) -> np.ndarray:
        """``bx + E u`` over those steps, (steps, 3, n); just bx, (n,), for a network without inputs."""
        if not self.E.shape[1]:
            return self.bx
        u = self.inputs[begin:end].reshape(-1, self.E.shape[1])
        return (self.bx + (self.E @ u.T).T).reshape(end - begin, 3, len(self.bx))


@dataclass(frozen=True)
class Plan:
    """Which steps are taken and kept: every ``every``-th and the last (None: only the last), of the states ``chosen``.

    progress : called with (steps done, steps in all); the run is then cut into some fifty calls.
    """

    steps: int
    every: int | None
    chosen: np.ndarray | None
    threads: int
    progress: Callable[[int, int], None] | None = None

    @property
    def rows(self) -> int:
        return 1 if self.every is None else 1 + -(-self.steps // self.every)

    def row(self, step: int) -> int:
        """The row in which a call that begins at this step starts to write."""
        return 0 if self.every is None else step // self.every

    def windows(self, data: Data) -> Iterator[tuple[int, int]]:
        """The steps of each call; all but the last end on a recorded step."""
        length = self.steps
        if data.E.shape[1]:
            length = max(1, DRIVE_BYTES // (24 * len(data.bx)))
        if self.progress is not None:
            length = min(length, max(1, self.steps // 50))
        unit = self.every or 1
        length = max(unit, length // unit * unit)
        for begin in range(0, self.steps, length):
            yield begin, min(begin + length, self.steps)

    def report(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, self.steps)


def thread_count() -> int:
    """torch's number of threads if torch is loaded, else ``OMP_NUM_THREADS``, else the processors of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        return torch.get_num_threads()
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
