"""Inputs u(t), evaluated once before a run: the same table of numbers goes to every backend.

The table has one row for every step and three columns for the nodes a solver may ask for: the start, the middle and
the end of the step. Inputs that jump (pulse, step) are constant within a step, the end included: a stage at the end of
a step sees the value of that step, not of the next, and solvers keep their order across the jump.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from neurolurie.errors import SpecError, lookup
from neurolurie.network.connectivity import call_with

NODES = np.array([0.0, 0.5, 1.0])


def _constant(t: np.ndarray, start: np.ndarray, amplitude: float) -> np.ndarray:
    return np.full(t.shape, amplitude)


def _pulse(t: np.ndarray, start: np.ndarray, amplitude: float, on: float, off: float) -> np.ndarray:
    if not on < off:
        raise SpecError(f"a pulse needs on before off, got on = {on} and off = {off}.")
    return np.where((start >= on) & (start < off), amplitude, 0.0) + 0.0 * t


def _step(t: np.ndarray, start: np.ndarray, amplitude: float, on: float) -> np.ndarray:
    return np.where(start >= on, amplitude, 0.0) + 0.0 * t


# Each takes the times of the nodes (steps, 3), the start of their step (steps, 1), and its parameters.
INPUTS: dict[str, Callable[..., np.ndarray]] = {"constant": _constant, "pulse": _pulse, "step": _step}


def input_table(
    inputs: Sequence[Mapping] | np.ndarray | None, channels: int, first_step: int, steps: int, dt: float
) -> np.ndarray:
    """The inputs as an array (steps, 3, channels).

    ``inputs`` is a list with one ``{"kind": ..., parameters}`` for each column of E, or an array
    (steps, channels) of values held over a step, counted from step 0; it holds its last value when it ends.

    >>> input_table([{"kind": "pulse", "amplitude": 2.0, "on": 0.1, "off": 0.3}], 1, 0, 4, 0.1)[:, 0, 0]
    array([0., 2., 2., 0.])
    """
    if inputs is None:
        inputs = np.zeros((1, channels))
    if isinstance(inputs, np.ndarray):
        values = inputs.reshape(len(inputs), -1)
        if values.shape[1] != channels or not len(values):
            raise SpecError(f"inputs have shape {inputs.shape}, expected (steps, {channels}): E has {channels} columns.")
        held = values[np.minimum(np.arange(first_step, first_step + steps), len(values) - 1)]
        return np.repeat(held[:, None, :], 3, axis=1)
    if len(inputs) != channels:
        raise SpecError(f"{len(inputs)} inputs given, expected {channels}: one for each column of E.")
    number = np.arange(first_step, first_step + steps)[:, None]
    # An edge written as 0.3 must not fall beside step 3 because 3 * 0.1 is 0.30000000000000004.
    start = np.round(number * dt, 12)
    table = np.empty((steps, 3, channels))
    for channel, entry in enumerate(inputs):
        parameters = dict(entry)
        kind = parameters.pop("kind", None)
        function = lookup("input kind", kind, INPUTS)
        table[:, :, channel] = call_with(function, parameters, f"input '{kind}'", (number + NODES) * dt, start)
    return table
