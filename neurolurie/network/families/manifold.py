"""A circuit whose slow directions are those in which its training patterns vary: it cleans what it sees."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.families.checks import count, number, positive
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.storage import require_patterns


def slow_manifold(
    patterns=200,
    dimensions: int = 8,
    noise: float = 0.3,
    low: float = 0.0,
    high: float = 1.0,
    wall: float = 5.0,
    time_constant: float = 0.01,
    clusters: int = 1,
    masked: float = 0.0,
    units: int | None = None,
    seed: int = 0,
) -> LurieNetwork:
    """``tau dx/dt = -e S^-1 (x - mu) + (e / noise^2) gate(s - x) - wall (x - clip(x, low, high))``.

    mu and S are the mean and the covariance of ``patterns`` (count, units), S with its ``dimensions`` largest principal
    components kept and all others replaced by their mean variance e (Tipping & Bishop 1999). On its own the
    circuit is slow along the kept components, at the rates ``e / (tau variance)``, and decays with tau across them. The
    retina s holds what is seen, the attention h is 0 where a pixel is seen and 1 where it is hidden, and

        ``gate(s - x) = relu(s - x - 4 r h) - relu(x - s - 4 r h)``, r = high - low,

    is s - x for a seen pixel and 0 for a hidden one. Without the last term, the wall, the equilibrium is the
    conditional mean of a Gaussian with mean mu and covariance S, given the seen pixels with noise of standard
    deviation ``noise``: the linear minimum mean-square estimate. The wall keeps pixels in their range. The whole
    descends a strictly convex energy, so there is one equilibrium for every image seen.

    With ``clusters`` k above 1, mu is not one mean but ``sum_c p_c mu_c``: k-means groups the patterns, S is their
    covariance within groups, and k units weigh which group the image is of, by linear evidence with the group's prior,

        ``p_c = logistic(w_c . s + b_c - z)``, ``tau dz/dt = 2 (sum_c p_c - 1)``,

    where z inhibits all until the p add up to 1: nearly a softmax, without a product of states. The evidence expects
    the noise, and a share ``masked`` of all pixels at 0. It depends on s only, so there is still one equilibrium.

    States: estimate x, retina s and attention h, ``units`` each; s and h stay what they start as; the inhibition z if
    there are clusters. ``patterns`` may be a number of random ones near a subspace of ``dimensions``, drawn by
    ``seed`` over ``units`` units (16 unless given).

    >>> net = slow_manifold(dimensions=2, units=6)
    >>> net.n, list(net.parts)
    (18, ['estimate', 'retina', 'attention'])
    """
    low, span = number("low", low), number("high", high) - number("low", low)
    if span <= 0:
        raise SpecError(f"high must lie above low, got {low} and {high}.")
    kept = count("dimensions", dimensions)
    if isinstance(patterns, Integral) and not isinstance(patterns, bool):
        rng = np.random.default_rng(count("seed", seed, least=0))
        size = count("units", 16 if units is None else units)
        mixed = rng.normal(size=(count("patterns", patterns, least=2), kept)) @ rng.normal(size=(kept, size))
        patterns = low + span * (0.5 + 0.15 * (mixed + 0.1 * rng.normal(size=mixed.shape)) / np.sqrt(kept))
    patterns = require_patterns(patterns)
    size = patterns.shape[1]
    if units is not None and units != size:
        raise SpecError(f"units is {units}, the patterns have {size}.")
    if kept >= size:
        raise SpecError(f"dimensions must be below the number of units, {size}, got {kept}.")
    groups = count("clusters", clusters)
    if groups > len(patterns):
        raise SpecError(f"{groups} clusters need as many patterns, there are {len(patterns)}.")
    means, member = grouped(patterns, groups, count("seed", seed, least=0))
    _, precision, across = fitted_precision(patterns - means[member], kept)
    mean = means[0] if groups == 1 else np.zeros(size)
    rate, drive = 1.0 / positive("time_constant", time_constant), across / positive("noise", noise) ** 2
    wall, eye, zero = number("wall", wall), np.eye(size), np.zeros((size, size))
    A = np.zeros((3 * size, 3 * size))
    A[:size, :size] = -rate * (across * precision + wall * eye)
    B = np.zeros((3 * size, 3 * size))
    B[:size] = rate * np.hstack([drive * eye, -drive * eye, wall * span * eye])
    hidden = 4.0 * span * eye
    C = np.block([[-eye, eye, -hidden], [eye, -eye, -hidden], [eye / span, zero, zero]])
    network = LurieNetwork(
        A=A, B=B, C=C, bx=rate * np.concatenate([across * precision @ mean + wall * low, np.zeros(2 * size)]),
        by=np.repeat([0.0, 0.0, -low / span], size), phi=["relu"] * (2 * size) + ["saturating-linear"] * size,
        parts={
            "estimate": Part(slice(0, size), slice(0, 3 * size)),
            "retina": Part(slice(size, 2 * size), slice(3 * size, 3 * size)),
            "attention": Part(slice(2 * size, 3 * size), slice(3 * size, 3 * size)),
        },
        states=tuple(f"{name}{i + 1}" for name in ("x", "s", "h") for i in range(size)),
    )  # fmt: skip
    if groups == 1:
        return network
    weights, offsets = evidence(patterns, means, member, float(noise), number("masked", masked))
    return _with_groups(network, rate, rate * across * precision @ means.T, weights, offsets)


def _with_groups(
    network: LurieNetwork, rate: float, into: np.ndarray, weights: np.ndarray, offsets: np.ndarray
) -> LurieNetwork:
    """The network with units p = logistic(weights s + offsets - z) that drive the estimate through ``into``."""
    n, m, k, size = network.n, network.m, len(weights), weights.shape[1]
    A, B, C = np.zeros((n + 1, n + 1)), np.zeros((n + 1, m + k)), np.zeros((m + k, n + 1))
    A[:n, :n], B[:n, :m], C[:m, :n] = network.A, network.B, network.C
    B[:size, m:], B[n, m:] = into, 2.0 * rate
    C[m:, size : 2 * size], C[m:, n] = weights, -1.0
    return LurieNetwork(
        A=A, B=B, C=C, bx=np.append(network.bx, -2.0 * rate), by=np.concatenate([network.by, offsets]),
        phi=[*network.phi.names, *["logistic"] * k],
        parts=dict(network.parts) | {"groups": Part(slice(n, n + 1), slice(m, m + k))},
        states=(*network.states, "z"),
    )  # fmt: skip


def grouped(patterns: np.ndarray, groups: int, seed: int, sweeps: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """k-means (Lloyd 1982): the means (groups, units), and the group of every pattern; no group stays empty."""
    if groups == 1:
        return patterns.mean(axis=0)[None], np.zeros(len(patterns), np.intp)
    means = patterns[np.random.default_rng(seed).choice(len(patterns), groups, replace=False)]
    for _ in range(sweeps):
        squared = (patterns**2).sum(1)[:, None] - 2.0 * patterns @ means.T + (means**2).sum(1)
        member = squared.argmin(axis=1)
        for empty in np.setdiff1d(np.arange(groups), member):
            member[squared[np.arange(len(patterns)), member].argmax()] = empty
        means = np.array([patterns[member == group].mean(axis=0) for group in range(groups)])
    return means, member


def evidence(
    patterns: np.ndarray, means: np.ndarray, member: np.ndarray, noise: float, masked: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (groups, units) and offsets of the log posterior of the groups, up to what all of them share: Fisher's
    linear discriminant for images with noise and a share of pixels at 0."""
    if not 0 <= masked < 1:
        raise SpecError(f"masked must be a share from 0 to below 1, got {masked!r}.")
    seen, within = 1.0 - masked, np.cov((patterns - means[member]).T, bias=True)
    spread = seen**2 * within + np.diag(seen * masked * (within.diagonal() + (means[member] ** 2).mean(axis=0)))
    spread = spread + noise**2 * np.eye(len(within))
    weights = np.linalg.solve(spread, seen * means.T).T
    share = np.bincount(member, minlength=len(means)) / len(member)
    offsets = np.log(share) - 0.5 * (weights * seen * means).sum(axis=1)
    centre = weights.mean(axis=0)  # what all groups share moves z only
    return weights - centre, offsets - offsets.mean()


def fitted_precision(patterns: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean of the patterns (count, units), inverse of their covariance, mean variance across ``kept`` components."""
    mean = patterns.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(patterns.T, bias=True))
    variances, directions = variances[::-1], directions[:, ::-1]
    across = float(variances[kept:].mean())
    if across <= 0 or variances[kept - 1] <= across:
        raise SpecError(f"the patterns vary in fewer than {kept} directions, or in no others; choose other dimensions.")
    kept_directions = directions[:, :kept]
    precision = (np.eye(len(mean)) + (kept_directions * (across / variances[:kept] - 1.0)) @ kept_directions.T) / across
    return mean, precision, across
