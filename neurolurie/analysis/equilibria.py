"""Equilibria: where a circuit rests when it starts from a given state."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from neurolurie.network.lurie import LurieNetwork


def relax(network: LurieNetwork, x: np.ndarray, steps: int = 4000, rest: float = 1e-3) -> np.ndarray:
    """Follow the circuit from x by explicit Euler, at a step short against its fastest rate, until it nearly rests."""
    local = network.dense()
    fastest = np.abs(local.A).sum(axis=1).max() + np.abs(local.B).sum(axis=1).max() * np.abs(local.C).sum(axis=1).max()
    leak = np.abs(local.A.diagonal()).max()
    h = min(0.5 / max(fastest, 1e-12), 0.1 / max(leak, 1e-12)) if fastest > 100 * leak else 0.1 / max(leak, 1e-12)
    for _ in range(steps):
        rate = local.field(x)
        x = x + h * rate
        if np.abs(rate).max() < rest * max(leak, 1e-12):
            break
    return x


def find_equilibrium(network: LurieNetwork, start: np.ndarray, newton_steps: int = 50) -> np.ndarray | None:
    """The equilibrium that the circuit reaches from ``start`` (n,): relaxation, then Newton's method to rounding.

    None if the circuit does not come to rest there.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> find_equilibrium(net, np.ones(3)).round(6)
    array([0.790284, 0.790284, 0.790284])
    """
    relaxed = relax(network, np.asarray(start, float))
    x = relaxed
    for _ in range(newton_steps):
        rate = network.field(x)
        try:
            change = linalg.solve(network.jacobian(x), rate)
        except linalg.LinAlgError:
            return None
        x = x - change
        if not np.isfinite(x).all():
            return None
        if np.abs(change).max() <= 1e-14 * max(1.0, np.abs(x).max()):
            # Newton may jump to another equilibrium than the one the circuit was approaching.
            return x if np.abs(x - relaxed).max() < 0.5 * max(1.0, np.abs(relaxed).max()) else None
    return None


def newton(network: LurieNetwork, start: np.ndarray, steps: int = 60) -> np.ndarray | None:
    """An equilibrium near ``start`` (n,), stable or not, by Newton's method with short steps; None if none is reached.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> newton(net, np.full(3, 0.1)).round(6) + 0.0
    array([0., 0., 0.])
    """
    x = np.array(start, float)
    scale = np.abs(network.A).sum(axis=1).max() * (1.0 + np.abs(x).max()) + np.abs(network.B).sum(axis=1).max()
    longest = 0.5 * (1.0 + np.abs(x).max())
    for _ in range(steps):
        rate = network.field(x)
        if not np.isfinite(rate).all():
            return None
        if np.abs(rate).max() <= 1e-12 * scale:
            return x
        try:
            change = linalg.solve(network.jacobian(x), rate)
        except linalg.LinAlgError:
            return None
        x = x - change * min(1.0, longest / max(np.abs(change).max(), 1e-300))
    return None


def stability(network: LurieNetwork, equilibrium: np.ndarray) -> str:
    """``"stable"``, ``"unstable"`` or ``"neutral"``, by the largest real part of the Jacobian's eigenvalues.

    Neutral: it is zero to rounding, so the linear part does not decide.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    >>> stability(net, np.zeros(3))
    'unstable'
    """
    J = network.jacobian(equilibrium)
    largest = float(linalg.eigvals(J).real.max())
    if abs(largest) <= 1e-9 * max(1.0, np.abs(J).sum(axis=1).max()):
        return "neutral"
    return "stable" if largest < 0 else "unstable"
