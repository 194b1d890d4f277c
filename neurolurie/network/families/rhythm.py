"""Rhythms: the half-centre, two units that inhibit each other and tire."""

from __future__ import annotations

import numpy as np

from neurolurie.network.families.checks import number, positive
from neurolurie.network.lurie import LurieNetwork


def half_centre(
    inhibition: float = 2.5,
    fatigue: float = 2.5,
    drive: float = 1.0,
    time_constant: float = 0.05,
    fatigue_time: float = 0.6,
    phi: str = "relu",
) -> LurieNetwork:
    """Reciprocal inhibition with fatigue, a central pattern generator (Brown 1911; Matsuoka 1985).

    ``tau dx_1/dt = -x_1 - w phi(x_2) - b v_1 + drive + u_1``, ``T dv_1/dt = -v_1 + phi(x_1)``, and 1, 2 exchanged.

    The active side inhibits the other (w, ``inhibition``) until it is tired (b, ``fatigue``; T, ``fatigue_time``), then
    they change places. With relu it oscillates if ``1 + tau / T < w < 1 + b``: for smaller w both sides share, for
    larger one side wins for ever. The oscillation is born at the first bound with the period
    ``2 pi sqrt(tau T / (1 + b - w))`` and slows down as w grows: 1.479 s with the numbers given here.

    Inputs: two columns of E, into x_1 and x_2, in units of ``drive``.

    >>> half_centre().states
    ('x1', 'x2', 'v1', 'v2')
    """
    rate, slow = 1.0 / positive("time_constant", time_constant), 1.0 / positive("fatigue_time", fatigue_time)
    w, b = number("inhibition", inhibition), number("fatigue", fatigue)
    one, none = np.eye(2), np.zeros((2, 2))
    swap = one[::-1]
    return LurieNetwork(
        A=np.block([[-rate * one, -rate * b * one], [none, -slow * one]]),
        B=np.vstack([-rate * w * swap, slow * one]), C=np.hstack([one, none]),
        bx=np.array([rate * number("drive", drive)] * 2 + [0.0, 0.0]), E=rate * np.eye(4, 2), phi=phi,
        states=("x1", "x2", "v1", "v2"),
    )  # fmt: skip
