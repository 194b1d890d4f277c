"""Firing rates of populations: one, many, and the pair of an excitatory and an inhibitory one."""

from __future__ import annotations

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import number, positive, square, vector
from neurolurie.network.lurie import LurieNetwork


def firing_rate(
    weights=0.5, drive=0.0, time_constant=0.01, gain: float = 1.0, phi: str = "relu"
) -> LurieNetwork:
    """Firing rates: ``tau_i dr_i/dt = -r_i + phi(gain (sum_j W_ij r_j + drive_i))`` (Dayan & Abbott 2001, 7.11).

    ``weights`` is W (units x units) or one number for one unit; ``drive`` and ``time_constant`` are one number or one
    for each unit. One relu unit with drive I > 0, weight w < 1 and gain 1 ends at ``I / (1 - w)`` with the time
    constant ``tau / (1 - w)``.

    Drive that changes in time reaches the inside of phi by a coupling ``state -> in``, for example from
    ``motifs/low-pass``. Inputs of a scenario go to dr/dt, outside of phi. Equal to the form
    ``tau dx/dt = -x + W phi(x) + b`` by ``y = W r + b`` (Miller & Fumarola 2012).

    >>> firing_rate(weights=[[0.0, -1.0], [1.0, 0.0]]).C
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    W = square("weights", weights)
    size = len(W)
    tau, gain = vector("time_constant", time_constant, size), positive("gain", gain)
    if (tau <= 0).any():
        raise SpecError(f"time_constant must be positive, got {time_constant!r}.")
    return LurieNetwork(
        A=-np.diag(1.0 / tau), B=np.diag(1.0 / tau), C=gain * W, by=gain * vector("drive", drive, size), phi=phi
    )


def wilson_cowan(
    w_ee: float = 16.0,
    w_ei: float = 12.0,
    w_ie: float = 15.0,
    w_ii: float = 3.0,
    drive_e: float = 1.25,
    drive_i: float = 0.0,
    gain_e: float = 1.3,
    gain_i: float = 2.0,
    threshold_e: float = 4.0,
    threshold_i: float = 3.7,
    tau_e: float = 0.01,
    tau_i: float = 0.01,
    phi: str = "logistic",
) -> LurieNetwork:
    """The pair of Wilson and Cowan (1972) without its refractory factor, which multiplies and has no Lurie form.

    ``tau_e dE/dt = -E + S(gain_e (w_ee E - w_ei I + drive_e - threshold_e))``
    ``tau_i dI/dt = -I + S(gain_i (w_ie E - w_ii I + drive_i - threshold_i))``

    E and I are the active shares of the excitatory and the inhibitory population, from 0 to 1; S is the logistic. All
    motion stays in that square, so where the only equilibrium has ``tr J > 0`` there is a limit cycle. With the
    weights given here (theirs) that is for drive_e from 0.970 to 3.065; below a state of rest appears, above one of
    high activity.

    Drive that changes in time reaches the inside of S by a coupling ``state -> in``, for example from
    ``motifs/low-pass``. Inputs of a scenario go to dE/dt and dI/dt, outside of S.

    >>> wilson_cowan().states
    ('E', 'I')
    """
    rate = np.diag([1.0 / positive("tau_e", tau_e), 1.0 / positive("tau_i", tau_i)])
    gain = np.array([positive("gain_e", gain_e), positive("gain_i", gain_i)])
    W = np.array([
        [number("w_ee", w_ee), -number("w_ei", w_ei)], [number("w_ie", w_ie), -number("w_ii", w_ii)],
    ])  # fmt: skip
    drive = np.array([number("drive_e", drive_e), number("drive_i", drive_i)])
    threshold = np.array([number("threshold_e", threshold_e), number("threshold_i", threshold_i)])
    return LurieNetwork(
        A=-rate, B=rate, C=gain[:, None] * W, by=gain * (drive - threshold), phi=phi, states=("E", "I")
    )
