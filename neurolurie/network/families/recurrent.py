"""Recurrent networks of machine learning that are of Lurie form, with random weights drawn by a seed."""

from __future__ import annotations

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import count, number, positive
from neurolurie.network.lurie import LurieNetwork


def lipschitz_rnn(
    units: int = 8, balance: float = 0.75, damping: float = 0.001, scale: float = 0.5, phi: str = "tanh", seed: int = 0
) -> LurieNetwork:
    """``dx/dt = A x + phi(W x)``, ``A = (1-b)(M + M^T) + b (M - M^T) - c I``, W of that form (Erichson et al. 2021).

    b is ``balance`` in [0.5, 1), c is ``damping``; the two M are normal with deviation ``scale / sqrt(units)``, and the
    M of A has -1 on top of its diagonal.

    >>> net = lipschitz_rnn(units=4, balance=0.5, scale=0.0)
    >>> float(net.A[0, 0])
    -1.001
    """
    size, b, c = count("units", units), number("balance", balance), number("damping", damping)
    if not 0.5 <= b < 1.0:
        raise SpecError(f"balance must be in [0.5, 1), got {balance}.")
    rng, deviation = np.random.default_rng(seed), number("scale", scale) / np.sqrt(size)
    form = lambda M: (1 - b) * (M + M.T) + b * (M - M.T) - c * np.eye(size)  # noqa: E731
    A, W = form(rng.normal(0.0, deviation, (size, size)) - np.eye(size)), form(rng.normal(0.0, deviation, (size, size)))
    return LurieNetwork(A=A, B=np.eye(size), C=W, phi=phi)


def antisymmetric_rnn(
    units: int = 8, damping: float = 0.01, scale: float = 1.0, phi: str = "tanh", seed: int = 0
) -> LurieNetwork:
    """``dx/dt = phi((W - W^T - c I) x)`` (Chang et al. 2019), W normal with deviation ``scale / sqrt(units)``.

    There is no linear part, so nothing contracts uniformly: where phi saturates the state hardly moves.

    >>> antisymmetric_rnn(units=3).A.any()
    np.False_
    """
    size = count("units", units)
    W = np.random.default_rng(seed).normal(0.0, number("scale", scale) / np.sqrt(size), (size, size))
    C = W - W.T - number("damping", damping) * np.eye(size)
    return LurieNetwork(A=np.zeros((size, size)), B=np.eye(size), C=C, phi=phi)


def svd_combo(
    units: int = 8, gain: float = 0.9, time_constant: float = 1.0, phi: str = "tanh", seed: int = 0
) -> LurieNetwork:
    """``tau dx/dt = -x + W phi(x)``, ``W = Q^-1 U S V^T Q``, S below ``gain``, Q > 0 diagonal (Kozachkov et al. 2022).

    With ``gain < 1`` and slopes of phi in [0, 1] it contracts in ``P = Q^2``. U and V are random rotations, S uniform
    in [0, gain], log Q normal with deviation 0.3.
    """
    size, rate = count("units", units), 1.0 / positive("time_constant", time_constant)
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    Q = np.exp(rng.normal(0.0, 0.3, size))
    W = (U * rng.uniform(0.0, positive("gain", gain), size)) @ V.T
    return LurieNetwork(A=-rate * np.eye(size), B=rate * W * Q / Q[:, None], C=np.eye(size), phi=phi)


def cornn(
    units: int = 4, stiffness: float = 1.0, friction: float = 0.5, scale: float = 0.5, phi: str = "tanh", seed: int = 0
) -> LurieNetwork:
    """Coupled oscillators ``y'' = phi(W y + W2 y') - stiffness y - friction y'`` (coRNN, Rusch and Mishra 2021).

    States y1.. and then z1.. = y1'.. ; W and W2 normal with deviation ``scale / sqrt(units)``.
    """
    size = count("units", units)
    rng, zero, one = np.random.default_rng(seed), np.zeros((size, size)), np.eye(size)
    W, W2 = (rng.normal(0.0, number("scale", scale) / np.sqrt(size), (size, size)) for _ in range(2))
    A = np.block([[zero, one], [-positive("stiffness", stiffness) * one, -number("friction", friction) * one]])
    labels = [f"{letter}{i + 1}" for letter in "yz" for i in range(size)]
    return LurieNetwork(A=A, B=np.vstack([zero, one]), C=np.hstack([W, W2]), phi=phi, states=tuple(labels))
