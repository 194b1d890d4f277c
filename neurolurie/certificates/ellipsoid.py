"""An ellipsoid around an equilibrium from which every run provably ends there: for circuits no box can certify.

On ``|T (x - c)| <= r`` the preactivations stay within ``r |(C T^-1)_j|`` of those at c, which bounds the slopes. If
the flow contracts there at rate eta in ``|T .|`` (multipliers, k = 1) and ``|T f(c)| < eta r``, distances to c fall
at the boundary: the set is forward invariant, holds exactly one equilibrium, and everything in it ends there.
"""

from __future__ import annotations

import numpy as np

from neurolurie.certificates import metrics, multipliers
from neurolurie.certificates.basin import equilibrium_near, error_of
from neurolurie.certificates.box import SlopeBox
from neurolurie.network.lurie import LurieNetwork

LARGEST = 200
BISECTIONS = 10


def search(network: LurieNetwork, equilibrium: np.ndarray) -> dict | None:
    """The witness of the largest ellipsoid found (by its sup-norm radius), or None."""
    if network.n > LARGEST:
        return None
    network = network.dense()
    centre = equilibrium_near(network, equilibrium)
    J = network.jacobian(centre)
    scale = np.abs(np.linalg.eigvals(J)).max() + 1e-12
    if np.linalg.eigvals(J).real.max() > -1e-9 * scale:
        return None
    tries = [metrics.modal(J), metrics.lyapunov(J, 0.5 * scale)]
    if network.n <= 16:
        tries += [np.eye(network.n), metrics.lyapunov(J, 0.05 * scale)]
    found = [witness for T in tries if T is not None and (witness := _largest(network, centre, T))]
    return max(found, key=lambda witness: witness["radius"], default=None)


def check(network: LurieNetwork, centre: np.ndarray, T: np.ndarray, r: float, S: np.ndarray | None = None):
    """The rate (1/s) that the ellipsoid proves, and multipliers that prove it (searched for if not given)."""
    reach = r * np.linalg.norm(network.C @ np.linalg.inv(T), axis=1)
    y = network.preactivation(centre)
    low, high = network.phi.slope_on(y - reach, y + reach)
    used = network.B.any(axis=0) & network.C.any(axis=1)
    box = SlopeBox(network.A, network.B[:, used], network.C[used], low[used], high[used])
    if S is None:
        S = multipliers.optimise(box.turned(T), 1, move=False, rounds=1, steps=20)["S"]
    rate = multipliers.check(box, 1, {"T": T, "S": S})
    push = np.linalg.norm(T @ network.field(centre))
    return (rate, S) if push < 0.9 * rate * r else (min(rate, 0.0), S)


def _largest(network: LurieNetwork, centre: np.ndarray, T: np.ndarray) -> dict | None:
    good = next(
        (r for r in 10.0 ** np.arange(-6.0, 0.0) * np.abs(T).max() if check(network, centre, T, r)[0] > 0), None
    )
    if good is None:
        return None
    bad, most = good, 1e6 * np.abs(T).max() * (1 + np.abs(centre).max())
    while bad < most:
        bad *= 4
        if check(network, centre, T, bad)[0] <= 0:
            break
        good = bad
    for _ in range(BISECTIONS):
        middle = np.sqrt(good * bad)
        good, bad = (middle, bad) if check(network, centre, T, middle)[0] > 0 else (good, middle)
    r = 0.99 * good
    rate, S = check(network, centre, T, r)
    if rate <= 0:
        return None
    away = np.linalg.norm(np.abs(T) @ error_of(network, centre)) / rate  # of the true equilibrium from the centre
    radius = (0.999 * r - 3 * away) / np.linalg.norm(T, axis=0).sum()
    if radius <= 0:
        return None
    ball = {"centre": centre, "T": T, "P": T.T @ T, "S": S, "radius": r}
    return {"ellipsoid": ball, "centre": centre, "rate": rate, "radius": radius}
