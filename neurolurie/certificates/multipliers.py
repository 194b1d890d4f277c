"""k-contraction with one multiplier per slope, polynomial in m, for every k (theory 2, row 5).

    s_k( sym(T A_c T^-1) + 1/2 (N S N^T + L^T S^-1 L) ) < 0,     N = T B R^1/2,  L = R^1/2 C T^-1,  S > 0 diagonal

bounds ``s_k`` of every Jacobian of the box, because ``sym(N E L) <= 1/2 (N S N^T + L^T S^-1 L)`` for diagonal ``|E| <=
I``. For fixed T it is convex in S; T and S are improved together on the smoothed objective of `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import optimize, special

from neurolurie.certificates import metrics
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import Finding

LARGEST = 150


def applies(box: SlopeBox, k: int) -> str | None:
    if box.n > LARGEST:
        return f"{box.n} states take too long (at most {LARGEST})"
    return None if box.m else "no slope varies"


def search(box: SlopeBox, k: int) -> Iterator[Finding]:
    """Multipliers alone in P = I, then with the metric."""
    for name, move in (("P = I", False), ("optimised P", True)):
        witness = optimise(box, k, move)
        yield Finding(f"multipliers, {name}", check(box, k, witness), {"kind": "multipliers", **witness})


def check(box: SlopeBox, k: int, witness) -> float:
    """The margin that these multipliers prove in this metric (1/s)."""
    T = np.eye(box.n) if witness.get("T") is None else witness["T"]
    back = np.linalg.inv(T)
    root = np.sqrt(box.radius)
    N, L = T @ box.B * root, root[:, None] * (box.C @ back)
    M = T @ box.centre @ back
    X = 0.5 * (M + M.T) + 0.5 * ((N * witness["S"]) @ N.T + (L.T / witness["S"]) @ L)
    return float(-np.linalg.eigvalsh(0.5 * (X + X.T))[-k:].sum())


def optimise(box: SlopeBox, k: int, move: bool, rounds: int = 4, steps: int = 60) -> dict:
    """Multipliers, and with ``move`` a metric, that make the bound small."""
    n = box.n
    root = np.sqrt(box.radius)
    left, right = np.linalg.norm(box.B * root, axis=0), np.linalg.norm(root[:, None] * box.C, axis=1)
    log_S = np.log((right + 1e-9) / (left + 1e-9))
    T, tau = np.eye(n), 0.1 * (np.abs(np.linalg.eigvals(box.centre)).max() + 1e-12)
    best = {"T": T if move else None, "S": np.exp(log_S)}
    margin = check(box, k, best)
    for _ in range(rounds):
        start = np.concatenate([np.zeros(n * n if move else 0), log_S])
        answer = optimize.minimize(
            _objective, start, args=(box.centre, box.B * root, root[:, None] * box.C, T, k, tau, move), jac=True,
            method="L-BFGS-B", options={"maxiter": steps, "maxcor": 20},
        )  # fmt: skip
        log_S = np.clip(answer.x[-box.m :], -30, 30)
        if move:
            T = (np.eye(n) + np.triu(answer.x[: n * n].reshape(n, n))) @ T
        if not np.isfinite(T).all() or np.linalg.cond(T) > 1e8:
            break
        now = {"T": T if move else None, "S": np.exp(log_S)}
        if (value := check(box, k, now)) > margin:
            best, margin = now, value
        tau *= 0.3
    return best


def _objective(x, A, B, C, base, k, tau, move):
    """Smoothed bound and its gradient in (X, log S), ``T = (I + triu X) base``."""
    n, m = len(A), B.shape[1]
    T = (np.eye(n) + np.triu(x[: n * n].reshape(n, n))) @ base if move else base
    if not np.linalg.cond(T) < 1e10:
        return 1e12, np.zeros(x.size)
    back = np.linalg.inv(T)
    S = np.exp(np.clip(x[-m:], -30, 30))
    N, L, M = T @ B, C @ back, T @ A @ back
    up, down = (N * S) @ N.T, (L.T / S) @ L
    values, V = np.linalg.eigh(0.5 * (M + M.T) + 0.5 * (up + down))
    mu = float(metrics.fermi_level(values[None], k, tau)[0])
    total = k * mu + tau * np.logaddexp(0, (values - mu) / tau).sum()
    W = (V * special.expit((values - mu) / tau)) @ V.T
    slope_S = 0.5 * S * np.einsum("ij,ij->j", N, W @ N) - 0.5 / S * np.einsum("ji,ji->j", L, L @ W)
    if not move:
        return total, slope_S
    inner = M @ W - W @ M + up @ W - W @ down
    return total, np.concatenate([np.triu((base @ back @ inner).T).ravel(), slope_S])
