"""p-dominance (Forni and Sepulchre 2019; R. A. Smith 1980): the asymptotic behaviour is that of a p-dimensional system.

    P J + J^T P + 2 lambda P < 0 at every corner of the slope box,   P with exactly p negative eigenvalues,   lambda >=
    0

p = 1: every bounded run ends at an equilibrium. p = 2: a bounded run whose limit set has no equilibrium ends in a
periodic orbit. ``J + lambda I`` then has p eigenvalues in the right half plane at every corner, which tells where to
look for lambda.
"""

from __future__ import annotations

import numpy as np

from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import SolverFailed, import_cvxpy, solve

MOST_STATES = 24
MOST_FREE = 8
RATES = 7


def applies(box: SlopeBox, p: int) -> str | None:
    if not box.finite:
        return "a slope has no bound"
    if box.n > MOST_STATES or (box.high > box.low).sum() > MOST_FREE:
        return f"at most {MOST_STATES} states and {MOST_FREE} free slopes"
    return None if p < box.n else "p is smaller than the number of states"


def search(box: SlopeBox, p: int) -> dict | None:
    """P, lambda and the slack reached, or None. Raises SolverFailed."""
    J = box.jacobian(box.vertices())
    parts = np.sort(np.linalg.eigvals(J).real, axis=1)[:, ::-1]
    right, left = parts[:, p - 1].min(), parts[:, p].max()  # -lambda lies between the p-th and the next real part
    low, high = max(0.0, -right), -left
    if not low < high:
        return None
    for share in np.linspace(0, 1, RATES + 2)[1:-1][np.argsort(np.abs(np.linspace(-1, 1, RATES + 2)[1:-1]))]:
        rate = float(low + share * (high - low))
        P = _metric(J, rate)
        if P is not None and (slack := check(box, p, {"P": P, "lambda": rate})) > 0:
            return {"P": P, "lambda": rate, "p": p, "slack": slack}
    return None


def check(box: SlopeBox, p: int, witness) -> float:
    """The smallest eigenvalue of ``-(P J + J^T P + 2 lambda P)`` over the corners; -inf if P has the wrong inertia."""
    P, rate = witness["P"], witness["lambda"]
    if (np.linalg.eigvalsh(P) < 0).sum() != p:
        return -np.inf
    J = box.jacobian(box.vertices())
    form = P @ J + np.swapaxes(P @ J, 1, 2) + 2 * rate * P
    return float(-np.linalg.eigvalsh(form).max())


def _metric(J: np.ndarray, rate: float) -> np.ndarray | None:
    cp = import_cvxpy()
    n = J.shape[1]
    K = J + rate * np.eye(n)
    K = K / np.abs(K).max()
    P, t = cp.Variable((n, n), symmetric=True), cp.Variable()
    active, found = list(range(min(4, len(K)))), None
    for _ in range(6):
        limits = [P << np.eye(n), P >> -np.eye(n), t <= 1]
        limits += [K[v].T @ P + P @ K[v] + t * np.eye(n) << 0 for v in active]
        solve(cp.Problem(cp.Maximize(t), limits), "CLARABEL")
        if P.value is None or t.value is None or t.value < 1e-7:
            return found
        found = 0.5 * (P.value + P.value.T)
        worst = np.linalg.eigvalsh(found @ K + np.swapaxes(found @ K, 1, 2)).max(axis=1)
        fresh = [v for v in np.argsort(worst)[::-1][:6].tolist() if v not in active and worst[v] > -1e-9]
        if not fresh:
            return found
        active += fresh
    return found


def unique_equilibrium(box: SlopeBox) -> bool:
    """``det J(D)`` keeps one sign at all corners. It is affine in every slope, so J(D) is never singular in the box."""
    if (box.high > box.low).sum() > MOST_FREE + 4:
        raise SolverFailed("too many corners")
    signs = np.sign(np.linalg.det(box.jacobian(box.vertices())))
    return bool((signs == signs[0]).all() and signs[0] != 0)
