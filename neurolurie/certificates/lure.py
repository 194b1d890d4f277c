"""k = 1 with a full metric P and one multiplier per slope: the Lur'e condition, polynomial in m (theory 2, row 3).

    P A_c + A_c^T P + P B R S B^T P + C^T R S^-1 C + 2 eta P < 0,     P > 0,  S > 0 diagonal

For fixed S a solution P exists exactly if ``|S^-1/2 G(iw) S^1/2| < 1`` for all frequencies w, where
``G(s) = R^1/2 C (s - eta - A_c)^-1 B R^1/2`` (bounded real lemma). So S is sought first, as a diagonal scaling that
makes the largest singular value over frequencies small (convex in log S), then P by one Riccati equation. If that
fails, or to confirm, Clarabel (SCS above 48 states) solves the condition as an LMI in P and S^-1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import linalg, optimize

from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import Finding, SolverFailed, import_cvxpy, solve

LARGEST_LMI = 100
LARGEST_CLARABEL = 48


def applies(box: SlopeBox, k: int) -> str | None:
    if k != 1:
        return "the Lur'e condition speaks about k = 1"
    if not (box.radius > 0).any():
        return "no slope varies"
    if np.linalg.eigvals(box.centre).real.max() >= 0:
        return "A_c is not Hurwitz, so no metric can work"
    return None


def search(box: SlopeBox, k: int) -> Iterator[Finding]:
    witness = riccati(box)
    margin = check(box, k, witness) if witness else -np.inf
    yield Finding("Lur'e condition (Riccati)", margin if witness else None, {"kind": "lure", **(witness or {})},
                  "" if witness else "no scaling brought the gain below one at all frequencies")  # fmt: skip
    if margin > 0 or box.n > LARGEST_LMI:
        return
    witness = lmi(box)
    yield Finding("Lur'e condition (LMI)", check(box, k, witness), {"kind": "lure", **witness})


def check(box: SlopeBox, k: int, witness) -> float:
    """The largest eta for which the condition holds with these P and S (1/s)."""
    P, S = witness["P"], witness["S"]
    flow = P @ box.centre
    PB = P @ box.B
    form = flow + flow.T + (PB * (box.radius * S)) @ PB.T + (box.C.T * (box.radius / S)) @ box.C
    try:
        return float(-0.5 * linalg.eigvalsh(0.5 * (form + form.T), P)[-1])
    except np.linalg.LinAlgError:
        return -np.inf


def riccati(box: SlopeBox) -> dict | None:
    """P and S with the largest eta that a search over S and Riccati equations finds; None if there is none."""
    keep = box.radius > 0
    root = np.sqrt(box.radius[keep])
    A, B, C = box.centre, box.B[:, keep] * root, root[:, None] * box.C[keep]
    ceiling = -np.linalg.eigvals(A).real.max()
    log_scale = np.zeros(len(root))
    best, low, high, eta = None, 0.0, ceiling, 1e-4 * ceiling
    for turn in range(12 if box.n <= 24 else 6):
        log_scale, gain = _scaling(A + eta * np.eye(box.n), B, C, log_scale, rounds=4 if turn == 0 else 1)
        P = (
            _solve_riccati(A + eta * np.eye(box.n), B * np.exp(log_scale), np.exp(-log_scale)[:, None] * C)
            if gain < 1
            else None
        )
        if P is not None:
            low, best = eta, (P, np.exp(2 * log_scale))
        elif best is None:
            return None
        else:
            high = eta
        eta = 0.5 * (low + high)
        if high - low < 1e-3 * ceiling:
            break
    P, scale = best
    S = np.ones(box.m)
    S[keep] = scale
    size = np.abs(P).max()
    P = 0.5 * (P + P.T) / size
    return {"P": P, "S": S * size}


def _solve_riccati(A, B, C) -> np.ndarray | None:
    """P > 0 with ``P A + A^T P + P B B^T P + C^T C = -eps I``."""
    n = len(A)
    Q = C.T @ C
    try:
        P = linalg.solve_continuous_are(A, B, Q + 1e-7 * max(np.abs(Q).max(), 1e-3) * np.eye(n), -np.eye(B.shape[1]))
        np.linalg.cholesky(P)
    except (np.linalg.LinAlgError, ValueError):
        return None
    return P


def _scaling(A, B, C, start, rounds: int = 4):
    """log-scaling d minimising ``max_w |e^-d C (iw - A)^-1 B e^d|``, and the gain it reaches."""
    poles = np.linalg.eigvals(A)
    size = np.abs(poles).max()
    grid = np.unique(np.concatenate([[0.0], np.abs(poles.imag), np.geomspace(1e-2 * size, 3 * size, 12)]))
    if len(grid) > 24:
        grid = grid[np.linspace(0, len(grid) - 1, 24).astype(int)]
    d = start
    for _ in range(rounds):
        G = np.stack([C @ np.linalg.solve(1j * w * np.eye(len(A)) - A, B) for w in grid])
        gains = _gains(G, d)
        hard = np.argsort(gains)[::-1][:6]
        for sharpness in (20.0, 200.0):
            answer = optimize.minimize(
                _smooth_gain, d, args=(G[hard], sharpness), jac=True, method="L-BFGS-B", options={"maxiter": 40}
            )
            d = answer.x - answer.x.mean()
        gains = _gains(G, d)
        peak = grid[gains.argmax()]
        around = np.abs(peak) * np.array([0.9, 0.97, 1.03, 1.1]) + size * np.array([0, 1e-3, 1e-2, 3e-2])
        finer = np.stack([C @ np.linalg.solve(1j * w * np.eye(len(A)) - A, B) for w in around])
        if _gains(finer, d).max() <= gains.max() * (1 + 1e-6):
            break
        grid = np.concatenate([grid, around])
    return d, float(gains.max())


def _gains(G, d) -> np.ndarray:
    return np.linalg.norm(np.exp(-d)[:, None] * G * np.exp(d), ord=2, axis=(-2, -1))


def _smooth_gain(d, G, sharpness):
    """log-sum-exp over frequencies of ``log sigma_max`` and its gradient ``|v_j|^2 - |u_j|^2``."""
    U, s, Vh = np.linalg.svd(np.exp(-d)[:, None] * G * np.exp(d))
    logs = np.log(s[:, 0] + 1e-300)
    shifted = np.exp(sharpness * (logs - logs.max()))
    weights = shifted / shifted.sum()
    gradient = weights @ (np.abs(Vh[:, 0, :]) ** 2 - np.abs(U[:, :, 0]) ** 2)
    return logs.max() + np.log(shifted.sum()) / sharpness, gradient


def lmi(box: SlopeBox) -> dict:
    """P and S by semidefinite programming: the largest slack t of the condition with ``P <= I``.

    Raises SolverFailed if cvxpy is missing or the solver gives up.
    """
    cp = import_cvxpy()
    n, m = box.n, box.m
    P, U, t = cp.Variable((n, n), symmetric=True), cp.Variable(m, nonneg=True), cp.Variable()
    scale = max(np.abs(box.centre).max(), 1e-12)
    A, root = box.centre / scale, np.sqrt(box.radius / scale)
    B, C = box.B * root, root[:, None] * box.C
    corner = A.T @ P + P @ A + C.T @ cp.diag(U) @ C + t * np.eye(n)
    block = cp.bmat([[corner, P @ B], [B.T @ P, -cp.diag(U)]])
    limits = [P >> 1e-6 * np.eye(n), P << np.eye(n), 0.5 * (block + block.T) << 0, t <= 1]
    problem = cp.Problem(cp.Maximize(t), limits)
    if n <= LARGEST_CLARABEL:
        solve(problem, "CLARABEL")
    else:
        solve(problem, "SCS", max_iters=5000)
    if P.value is None or U.value is None:
        raise SolverFailed("the solver left no numbers behind")
    floor = 1e-9 * max(float(np.max(U.value)), 1e-9)
    return {"P": 0.5 * (P.value + P.value.T), "S": 1 / np.maximum(U.value, floor)}
