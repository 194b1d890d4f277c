"""The ring attractor: a bump of activity that remembers an angle."""

from __future__ import annotations

import numpy as np

from neurolurie.network.families.checks import count, number, positive
from neurolurie.network.lurie import LurieNetwork


def ring_attractor(
    units: int = 64,
    inhibition: float = 4.0,
    excitation: float = 8.0,
    gain: float = 4.0,
    threshold: float = 0.0,
    time_constant: float = 0.01,
    phi: str = "logistic",
) -> LurieNetwork:
    """Units on a ring that excite their neighbours and inhibit the far side (Amari 1977; Ben-Yishai et al. 1995).

    ``tau dx_i/dt = -x_i + (1/N) sum_j (J1 cos(theta_i - theta_j) - J0) phi(gain (x_j - threshold))
    + cos(theta_i) u_1 + sin(theta_i) u_2``, with ``theta_i = 2 pi i / N``, J0 ``inhibition``, J1 ``excitation``.

    Where a bump exists, so does every rotated one: ``x_i = a + b cos(theta_i - psi)`` rests at any angle psi, and psi
    is the memory; read it as the angle of ``sum_i x_i exp(i theta_i)``. With finitely many units the sums over the
    ring are exact up to the Nth harmonic of the bump, so the angle is pinned to the units by an amount that falls
    exponentially with their number: 64 units keep it to 1e-11 rad over 200 time constants, 16 drift by 0.09 rad.

    Inputs: two columns of E, in state units. A pulse along ``(cos psi, sin psi)``, strong beside the bump, puts it at
    psi.

    >>> ring = ring_attractor(units=8)
    >>> ring.n, ring.E.shape
    (8, (8, 2))
    """
    size = count("units", units, least=3)
    rate = 1.0 / positive("time_constant", time_constant)
    theta = 2.0 * np.pi * np.arange(size) / size
    kernel = number("excitation", excitation) * np.cos(theta[:, None] - theta) - number("inhibition", inhibition)
    gain = positive("gain", gain)
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * kernel / size, C=gain * np.eye(size),
        by=np.full(size, -gain * number("threshold", threshold)),
        E=rate * np.column_stack([np.cos(theta), np.sin(theta)]), phi=phi,
    )  # fmt: skip
