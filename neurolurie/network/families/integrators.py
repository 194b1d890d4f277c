"""Circuits that integrate or smooth: leaky integrator, linear low-pass, line attractor."""

from __future__ import annotations

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import count, number, positive, vector
from neurolurie.network.lurie import LurieNetwork


def leaky_integrator(units: int = 1, time_constant: float = 0.1, gain: float = 1.0) -> LurieNetwork:
    """``dx/dt = -x / tau + gain u``: sums its input up and forgets it with the time constant (Lapicque 1907).

    A constant input u ends at ``gain tau u``. Linear: no preactivations, so it has no ``out`` and no ``in``.
    Inputs: one column of E for each unit, in state units per second.

    >>> float(leaky_integrator(time_constant=0.5).A[0, 0])
    -2.0
    """
    size, rate = count("units", units), 1.0 / positive("time_constant", time_constant)
    return _linear(A=-rate * np.eye(size), E=number("gain", gain) * np.eye(size))


def low_pass(order: int = 1, time_constant: float = 0.01) -> LurieNetwork:
    """``order`` equal stages ``tau dx_i/dt = -x_i + x_(i-1)``, ``x_0 = u``: a linear low-pass of unit gain at rest.

    A sine of angular frequency w comes out of the last state with the amplitude ``(1 + (w tau)^2)^(-order / 2)``.
    Linear: no preactivations. Inputs: one column of E, into the first state, in state units. Reference: Oppenheim &
    Willsky, Signals and Systems, chapter 6.

    >>> low_pass(order=2, time_constant=1.0).A
    array([[-1.,  0.],
           [ 1., -1.]])
    """
    size, rate = count("order", order), 1.0 / positive("time_constant", time_constant)
    return _linear(A=rate * (np.eye(size, k=-1) - np.eye(size)), E=rate * np.eye(size, 1))


def line_attractor(
    units: int = 20, loop_gain: float = 1.0, weights=None, time_constant: float = 0.1, phi: str = "hard-tanh"
) -> LurieNetwork:
    """The oculomotor integrator: recurrent excitation of rank one that cancels the leak (Seung 1996).

    ``tau dx/dt = -x + phi(W x) + tau weights u``, ``W = loop_gain weights weights^T / |weights|^2``.

    The value ``v = weights . x / |weights|^2`` is held: within the linear range of phi (hard-tanh: all
    ``|loop_gain v weights_i| <= 1``) it obeys ``dv/dt = -(1 - loop_gain) / tau v + u`` exactly, so it leaks with the
    eigenvalue ``-(1 - loop_gain) / tau``, and at ``loop_gain = 1`` every v is an equilibrium. All other directions
    decay with tau. ``weights`` are +1 and -1 in turn (push and pull) unless given. A phi that bends at 0 (tanh) leaves
    one equilibrium, not a line. Reference: Seung 1996; Seung, Lee, Reis & Tank 2000.

    Inputs: one column of E, a velocity: u units of v per second, as a burst moves the eye.

    >>> eye = line_attractor(units=4, loop_gain=0.9)
    >>> np.round(np.linalg.eigvalsh(eye.jacobian(np.zeros(4))), 9).tolist()
    [-10.0, -10.0, -10.0, -1.0]
    """
    size, rate = count("units", units), 1.0 / positive("time_constant", time_constant)
    w = (-1.0) ** np.arange(size) if weights is None else vector("weights", weights, size)
    if not w.any():
        raise SpecError("weights must not all be zero.")
    loop = number("loop_gain", loop_gain) / (w @ w)
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * np.eye(size), C=loop * np.outer(w, w), E=w[:, None].copy(), phi=phi
    )


def _linear(A: np.ndarray, E: np.ndarray) -> LurieNetwork:
    size = len(A)
    return LurieNetwork(A=A, B=np.zeros((size, 0)), C=np.zeros((0, size)), E=E)
