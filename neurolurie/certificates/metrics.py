"""Metrics P = T^T T in which a set of Jacobians contracts well: from the spectrum, and by smooth optimisation over T.

The objective ``max_v s_k(T J_v T^-1)`` is smoothed twice, by a Fermi function over the eigenvalues (``s_k`` becomes
``min_mu k mu + tau sum_i log(1 + exp((l_i - mu)/tau))``, an upper bound within n tau log 2) and by log-sum-exp over v;
tau falls step by step, and only corners near the maximum take part. For k = 1 the exact objective is quasi-convex in P.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize, special

from neurolurie.certificates.box import SlopeBox

MOST_ACTIVE = 96


def modal(J: np.ndarray) -> np.ndarray | None:
    """T with ``T^T T = Re(V V^*)^-1`` for the unit eigenvectors V of J: there ``s_k(J)`` is the sum of its real
    parts."""
    _, V = np.linalg.eig(J)
    return root_of_inverse((V @ V.conj().T).real)


def lyapunov(J: np.ndarray, shift: float) -> np.ndarray | None:
    """T with ``T^T T = P`` and ``P (J - s I) + (J - s I)^T P = -I``; s is the shift above the spectral abscissa."""
    s = np.linalg.eigvals(J).real.max() + shift
    try:
        P = linalg.solve_continuous_lyapunov((J - s * np.eye(len(J))).T, -np.eye(len(J)))
    except (ValueError, np.linalg.LinAlgError):
        return None
    return root(P)


def root(P: np.ndarray) -> np.ndarray | None:
    """Upper triangular T with ``T^T T = P`` (scaled), or None if P is not safely positive definite."""
    P = 0.5 * (P + P.T)
    if not np.isfinite(P).all() or (size := np.abs(P).max()) == 0:
        return None
    try:
        T = np.linalg.cholesky(P / size).T
    except np.linalg.LinAlgError:
        return None
    return T if np.linalg.cond(T) < 1e8 else None


def root_of_inverse(P: np.ndarray) -> np.ndarray | None:
    try:
        return root(np.linalg.inv(P))
    except np.linalg.LinAlgError:
        return None


def candidates(box: SlopeBox) -> list[tuple[str, np.ndarray | None]]:
    """Names and T of the metrics worth trying before any optimisation; None stands for P = I."""
    scale = np.abs(np.linalg.eigvals(box.centre)).max() + 1e-12
    found = [("I", None), ("modal", modal(box.centre))]
    found += [("lyapunov", lyapunov(box.centre, shift * scale)) for shift in (0.05, 0.5)]
    return [(name, T) for name, T in found if name == "I" or T is not None]


def in_metric(J: np.ndarray, T: np.ndarray | None) -> np.ndarray:
    return J if T is None else T @ J @ np.linalg.inv(T)


def worst(J: np.ndarray, T: np.ndarray | None, k: int) -> np.ndarray:
    """``s_k(T J_v T^-1)`` for every v."""
    M = in_metric(J, T)
    values = np.linalg.eigvalsh(0.5 * (M + np.swapaxes(M, -1, -2)))
    return values[..., -k:].sum(axis=-1)


def optimise(J: np.ndarray, T: np.ndarray, k: int, rounds: int = 5, steps: int = 60, until: float = -np.inf):
    """A better T for ``max_v s_k(T J_v T^-1)`` (J of shape (corners, n, n)), and its value.

    Stops early once the value is below ``until``.
    """
    best, value = T, float(worst(J, T, k).max())
    scale = np.abs(np.linalg.eigvals(J.mean(axis=0))).max() + 1e-12
    tau = 0.1 * scale
    for _ in range(rounds):
        values = worst(J, best, k)
        active = np.argsort(values)[::-1][: min(MOST_ACTIVE, len(J))]
        base = best
        answer = optimize.minimize(
            _objective, np.zeros(base.size), args=(J[active], base, k, tau), jac=True, method="L-BFGS-B",
            options={"maxiter": steps, "maxcor": 20},
        )  # fmt: skip
        moved = _turn(answer.x, base)
        if np.isfinite(moved).all() and np.linalg.cond(moved) < 1e8:
            now = float(worst(J, moved, k).max())
            if now < value:
                best, value = moved / np.abs(moved).max(), now
        if value < until:
            break
        tau *= 0.3
    return best, value


def _turn(x: np.ndarray, base: np.ndarray) -> np.ndarray:
    n = len(base)
    return (np.eye(n) + np.triu(x.reshape(n, n))) @ base


def _objective(x, J, base, k, tau):
    """Smoothed objective and its gradient with respect to X in ``T = (I + triu X) base``."""
    T = _turn(x, base)
    if not np.linalg.cond(T) < 1e10:
        return 1e12, np.zeros(x.size)
    back = np.linalg.inv(T)
    M = T @ J @ back
    values, V = np.linalg.eigh(0.5 * (M + np.swapaxes(M, -1, -2)))
    mu = fermi_level(values, k, tau)
    arguments = (values - mu[:, None]) / tau
    sums = k * mu + tau * np.logaddexp(0, arguments).sum(axis=-1)
    top = sums.max()
    weights = special.softmax(sums / tau)
    total = tau * np.log(np.exp((sums - top) / tau).sum()) + top
    W = (V * special.expit(arguments)[:, None, :]) @ np.swapaxes(V, -1, -2)
    # d s = tr(W (dT back M - M dT back)), dT back = dX base back
    inner = np.einsum("v,vij->ij", weights, M @ W - W @ M)
    slope = np.triu((base @ back @ inner).T)
    return total, slope.ravel()


def fermi_level(values: np.ndarray, k: int, tau: float) -> np.ndarray:
    """mu with ``sum_i sigmoid((l_i - mu)/tau) = k`` by bisection (k = n: far below)."""
    n = values.shape[-1]
    if k == n:
        return values[:, 0] - 40 * tau
    low, high = values[:, 0] - 40 * tau, values[:, -1] + 40 * tau
    for _ in range(60):
        middle = 0.5 * (low + high)
        many = special.expit((values - middle[:, None]) / tau).sum(axis=-1) > k
        low, high = np.where(many, middle, low), np.where(many, high, middle)
    return 0.5 * (low + high)
