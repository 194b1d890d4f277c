"""Circuits that choose: decision, winner-take-all, flip-flop."""

from __future__ import annotations

import numpy as np

from neurolurie.network.families.checks import count, number, positive, vector
from neurolurie.network.lurie import LurieNetwork


def decision(
    self_excitation: float = 0.6,
    cross_inhibition: float = 0.6,
    gain: float = 4.0,
    drive: float = 0.0,
    time_constant: float = 0.1,
    phi: str = "logistic",
) -> LurieNetwork:
    """Two pools that excite themselves and inhibit each other: the two-pool mutual-inhibition firing-rate circuit.

    ``tau dx_1/dt = -x_1 + w_s phi(gain x_1) - w_c phi(gain x_2) + drive - (w_s - w_c)/2 + u_1``, and 1, 2 exchanged.

    x is a pool's current above its threshold, ``phi(gain x)`` its firing rate from 0 to 1, w_s ``self_excitation``, w_c
    ``cross_inhibition``. The bias ``(w_s - w_c)/2`` puts the undecided state of the logistic circuit at x = 0 where
    phi is steepest. There, with slope ``s = gain / 4``, the difference ``x_1 - x_2`` grows at
    ``((w_s + w_c) s - 1) / tau`` and the sum at ``((w_s - w_c) s - 1) / tau``: a growth of 0 integrates evidence
    without leak, above 0 the circuit decides, below 0 it forgets.

    This is not the reduced model of Wong and Wang (2006): its gating ``(1 - S) H`` is a product of state and rate,
    which no Lurie network has. Reference: Usher & McClelland 2001; Bogacz et al. 2006.

    Inputs: two columns of E, the evidence u_1 and u_2 in state units.

    >>> np.round(np.linalg.eigvalsh(decision().jacobian(np.zeros(2))), 9).tolist()
    [-10.0, 2.0]
    """
    rate = 1.0 / positive("time_constant", time_constant)
    w_s, w_c = number("self_excitation", self_excitation), number("cross_inhibition", cross_inhibition)
    W = np.array([[w_s, -w_c], [-w_c, w_s]])
    bias = number("drive", drive) - (w_s - w_c) / 2.0
    return LurieNetwork(
        A=-rate * np.eye(2), B=rate * W, C=positive("gain", gain) * np.eye(2), bx=np.full(2, rate * bias),
        E=rate * np.eye(2), phi=phi, states=("pool1", "pool2"),
    )  # fmt: skip


def winner_take_all(
    units: int = 3,
    self_excitation: float = 0.5,
    inhibition: float = 2.0,
    drive=0.0,
    time_constant: float = 0.01,
    phi: str = "relu",
) -> LurieNetwork:
    """Units that inhibit all others: only the one with the largest input stays active (Hahnloser et al. 2000).

    ``tau dx_i/dt = -x_i + alpha phi(x_i) - beta sum_(j != i) phi(x_j) + drive_i + u_i``.

    alpha is ``self_excitation``, beta ``inhibition``. From equal starts the order of the inputs stays the order of the
    states. With relu, ``alpha < 1`` and ``alpha + beta > 1`` the winner ends at ``drive_i / (1 - alpha)`` if its
    drive is positive and every other drive lies below ``beta drive_i / (1 - alpha)``.

    Inputs: one column of E for each unit, in the units of ``drive`` (a number or one for each unit).

    >>> winner_take_all(units=2).B
    array([[  50., -200.],
           [-200.,   50.]])
    """
    size, rate = count("units", units), 1.0 / positive("time_constant", time_constant)
    alpha, beta = number("self_excitation", self_excitation), number("inhibition", inhibition)
    W = (alpha + beta) * np.eye(size) - beta
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * W, C=np.eye(size), bx=rate * vector("drive", drive, size),
        E=rate * np.eye(size), phi=phi,
    )  # fmt: skip


def flip_flop(
    bits: int = 1, self_excitation: float = 2.0, time_constant: float = 0.1, phi: str = "tanh"
) -> LurieNetwork:
    """Bits that pulses set and reset: ``tau dx/dt = -x + w phi(x) + u`` for each.

    With tanh and ``w > 1`` a bit rests at ``+-x*``, ``x* = w tanh x*``, and 0 parts the two. A lasting input flips it
    beyond the fold at ``u = +-(w sqrt(1 - 1/w) - artanh sqrt(1 - 1/w))``, where the state it is in disappears; below,
    it comes back.

    Inputs: one column of E for each bit, in state units. Reference: Hopfield 1984; Sussillo & Barak 2013.

    >>> float(flip_flop().jacobian(np.zeros(1))[0, 0])
    10.0
    """
    size, rate = count("bits", bits), 1.0 / positive("time_constant", time_constant)
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * number("self_excitation", self_excitation) * np.eye(size), C=np.eye(size),
        E=rate * np.eye(size), phi=phi,
    )  # fmt: skip
