"""Inputs u(t), evaluated once before a run: the same table of numbers goes to every backend.

The table has one row for every step and three columns for the nodes a solver may ask for: the start, the middle and
the end of the step. Inputs that jump (pulse, step, pulse-train, samples) are constant within a step, the end included:
a stage at the end of a step sees the value of that step, not of the next, and solvers keep their order across the jump.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from neurolurie.errors import SpecError, lookup
from neurolurie.network.connectivity import call_with
from neurolurie.network.families.checks import number, positive
from neurolurie.network.lurie import load_array

NODES = np.array([0.0, 0.5, 1.0])


def _constant(t: np.ndarray, start: np.ndarray, amplitude: float) -> np.ndarray:
    return np.full(t.shape, number("amplitude", amplitude))


def _pulse(t: np.ndarray, start: np.ndarray, amplitude: float, on: float, off: float) -> np.ndarray:
    return np.where(_within("pulse", start, on, off), number("amplitude", amplitude), 0.0) + 0.0 * t


def _step(t: np.ndarray, start: np.ndarray, amplitude: float, on: float) -> np.ndarray:
    return np.where(_within("step", start, on, None), number("amplitude", amplitude), 0.0) + 0.0 * t


def _ramp(t: np.ndarray, start: np.ndarray, amplitude: float, on: float, off: float) -> np.ndarray:
    """0 until ``on``, then a straight line to ``amplitude`` at ``off``, which stays."""
    on, off = _ordered("ramp", on, off)
    return number("amplitude", amplitude) * np.clip((t - on) / (off - on), 0.0, 1.0)


def _sine(
    t: np.ndarray, start: np.ndarray, amplitude: float, frequency: float, phase: float = 0.0, offset: float = 0.0,
    on: float = 0.0, off: float | None = None,
) -> np.ndarray:  # fmt: skip
    """``offset + amplitude sin(2 pi frequency (t - on) + phase)`` from ``on`` to ``off``, 0 outside; phase in rad."""
    angle = 2.0 * np.pi * positive("frequency", frequency) * (t - number("on", on)) + number("phase", phase)
    wave = number("offset", offset) + number("amplitude", amplitude) * np.sin(angle)
    return np.where(_within("sine", start, on, off), wave, 0.0)


def _pulse_train(
    t: np.ndarray, start: np.ndarray, amplitude: float, period: float, width: float, on: float = 0.0,
    off: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Pulses that begin at ``on``, ``on + period`` ... before ``off`` and last ``width`` each."""
    if not positive("width", width) <= positive("period", period):
        raise SpecError(f"a pulse train needs width at most period, got width = {width} and period = {period}.")
    since = start - _moment("on", on)
    phase = np.round(since - np.floor(since / period + 1e-9) * period, 12)  # rounded as `start` is
    up = _within("pulse train", start, on, off) & (phase < _moment("width", width))
    return np.where(up, number("amplitude", amplitude), 0.0) + 0.0 * t


def _samples(
    t: np.ndarray, start: np.ndarray, values=None, file: str | None = None, amplitude: float = 1.0,
    interval: float | None = None, on: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """``amplitude`` times the values one after the other, each for ``interval`` seconds (one step if not given).

    The first begins at ``on``, before which the input is 0; the last is held. ``values`` are numbers, or ``file`` is an
    ``.npy``, ``.npz`` or ``.csv`` file of them.
    """
    if (values is None) == (file is None):
        raise SpecError("samples needs either 'values' or 'file'.")
    if interval is None:
        interval = t[0, -1] - t[0, 0]
    array = _finite_samples("values" if file is None else "file", load_array(file) if values is None else values)
    number_of = np.floor((start - _moment("on", on)) / positive("interval", interval) + 1e-9).astype(np.int64)
    held = array[np.clip(number_of, 0, len(array) - 1)]
    return np.where(number_of >= 0, number("amplitude", amplitude) * held, 0.0) + 0.0 * t


def _finite_samples(name: str, values) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise SpecError(f"{name} must be a list of numbers, got {values!r}.") from None
    if array.size != max(array.shape, default=0) or not array.size or not np.isfinite(array).all():
        raise SpecError(f"{name} must be one row or one column of finite numbers, got an array of shape {array.shape}.")
    return array.ravel()


def _moment(name: str, value: float) -> float:
    """A time as `start` is rounded: an edge at 3 * 0.1 = 0.30000000000000004 is one at 0.3."""
    return round(number(name, value), 12)


def _ordered(what: str, on: float, off: float) -> tuple[float, float]:
    if not _moment("on", on) < _moment("off", off):
        raise SpecError(f"a {what} needs on before off, got on = {on} and off = {off}.")
    return _moment("on", on), _moment("off", off)


def _within(what: str, start: np.ndarray, on: float, off: float | None) -> np.ndarray:
    if off is None:
        return start >= _moment("on", on)
    on, off = _ordered(what, on, off)
    return (start >= on) & (start < off)


# Each takes the times of the nodes (steps, 3), the start of their step (steps, 1), and its parameters; times in s.
INPUTS: dict[str, Callable[..., np.ndarray]] = {
    "constant": _constant, "pulse": _pulse, "step": _step, "ramp": _ramp, "sine": _sine, "pulse-train": _pulse_train,
    "samples": _samples,
}  # fmt: skip


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
        return np.zeros((steps, 3, channels))
    if isinstance(inputs, np.ndarray):
        values = inputs.reshape(len(inputs), -1)
        if values.shape[1] != channels or not len(values):
            shape = f"(steps, {channels})"
            raise SpecError(f"inputs have shape {inputs.shape}, expected {shape}: E has {channels} columns.")
        held = values[np.minimum(np.arange(first_step, first_step + steps), len(values) - 1)]
        return np.repeat(held[:, None, :], 3, axis=1)
    if len(inputs) != channels:
        raise SpecError(f"{len(inputs)} inputs given, expected {channels}: one for each column of E.")
    numbers = np.arange(first_step, first_step + steps)[:, None]
    start = np.round(numbers * dt, 12)
    table = np.empty((steps, 3, channels))
    for channel, entry in enumerate(inputs):
        parameters = dict(entry)
        kind = parameters.pop("kind", None)
        function = lookup("input kind", kind, INPUTS)
        table[:, :, channel] = call_with(function, parameters, f"input '{kind}'", (numbers + NODES) * dt, start)
    return table
