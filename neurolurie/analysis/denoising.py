"""Denoising: how close an estimate is to the clean image, and the estimators a circuit must be held against.

Every baseline is fitted and tuned on training images only, damaged like those of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

CEILING_DB = 100.0  # an estimate without any error would have an infinite ratio
WIDTHS = tuple(np.geomspace(0.3, 3.0, 16))  # of the Gaussian filter, in pixels
RIDGES = (1e-4, 1e-3, 1e-2)  # variance added to seen pixels that carry no noise, in squared pixel values


def snr_db(clean: np.ndarray, estimate: np.ndarray, mean: np.ndarray) -> float:
    """``10 log10( sum |s - mean|^2 / sum |s_hat - s|^2 )``, both sums over all images (count, units): pooled, in dB.

    The mean is that of the training images: answering with it always scores 0 dB. At most 100 dB.

    >>> clean = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> round(snr_db(clean, clean + 0.1, np.zeros(2)), 6)
    16.9897
    """
    return _decibels(((clean - mean) ** 2).sum(), ((estimate - clean) ** 2).sum())


def snr_each_db(clean: np.ndarray, estimate: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The same ratio for every image on its own, shape (count,)."""
    signal, error = ((clean - mean) ** 2).sum(axis=1), ((estimate - clean) ** 2).sum(axis=1)
    return np.array([_decibels(s, e) for s, e in zip(signal, error, strict=True)])


@dataclass(frozen=True, eq=False)
class Damaged:
    """Images as they are seen: values (count, units), which pixels are visible, the standard deviation of the noise."""

    values: np.ndarray
    visible: np.ndarray
    noise: float


@dataclass(frozen=True, eq=False)
class Training:
    """Clean images (count, units) with labels and shape, and damaged copies of some of them to tune on."""

    images: np.ndarray
    labels: np.ndarray
    shape: tuple[int, int]
    clean: np.ndarray
    damaged: Damaged

    @property
    def mean(self) -> np.ndarray:
        return self.images.mean(axis=0)

    def best(self, estimator: Callable[[Damaged, float], np.ndarray], choices) -> float:
        """The setting with the smallest error on the damaged training images."""
        errors = [((estimator(self.damaged, choice) - self.clean) ** 2).sum() for choice in choices]
        return choices[int(np.argmin(errors))]


def nearest_prototype(training: Training, seen: Damaged) -> np.ndarray:
    """The class mean of the training images nearest in the visible pixels."""
    means = np.array([training.images[training.labels == label].mean(axis=0) for label in np.unique(training.labels)])
    visible = seen.visible.astype(float)
    squared = (
        ((seen.values**2) * visible).sum(1)[:, None] - 2.0 * (seen.values * visible) @ means.T + visible @ (means**2).T
    )
    return means[squared.argmin(axis=1)]


def gaussian_filter(training: Training, seen: Damaged) -> np.ndarray:
    """Visible pixels smoothed with a Gaussian of tuned width, normalised by how much of it falls on visible pixels."""

    def smooth(damaged: Damaged, width: float) -> np.ndarray:
        weights = damaged.visible.reshape(-1, *training.shape).astype(float)
        blur = lambda images: ndimage.gaussian_filter(images, (0.0, width, width), mode="constant", truncate=8.0)  # noqa: E731
        shares = blur(weights)
        values = blur(damaged.values.reshape(weights.shape) * weights) / np.maximum(shares, 1e-12)
        far = shares.reshape(len(damaged.values), -1) < 1e-9  # no visible pixel within eight widths
        return np.where(far, training.mean, values.reshape(len(damaged.values), -1))

    return smooth(seen, training.best(smooth, WIDTHS))


def principal_components(training: Training, seen: Damaged) -> np.ndarray:
    """Least squares, over the visible pixels, in the span of the first K principal components; K is tuned."""
    mean = training.mean
    directions = np.linalg.eigh(np.cov(training.images.T, bias=True))[1][:, ::-1]

    def project(damaged: Damaged, kept: int) -> np.ndarray:
        U = directions[:, :kept]
        return np.array(
            [
                mean + U @ np.linalg.lstsq(U[v], (x - mean)[v], rcond=None)[0]
                for x, v in zip(damaged.values, damaged.visible, strict=True)
            ]
        )

    choices = [kept for kept in (1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40) if kept < len(mean)]
    return project(seen, training.best(project, choices))


def linear_mmse(training: Training, seen: Damaged) -> np.ndarray:
    """``mu + S_v^T (S_vv + noise^2 I)^-1 (x_v - mu_v)``, v the visible pixels: the best linear estimate, and the
    conditional mean of a Gaussian. Without noise a small variance, tuned, takes its place."""
    mean, S = training.mean, np.cov(training.images.T, bias=True)

    def estimate(damaged: Damaged, variance: float) -> np.ndarray:
        if damaged.visible.all():
            return mean + (damaged.values - mean) @ np.linalg.solve(S + variance * np.eye(len(S)), S)
        return np.array(
            [
                mean + S[:, v] @ np.linalg.solve(S[np.ix_(v, v)] + variance * np.eye(v.sum()), (x - mean)[v])
                for x, v in zip(damaged.values, damaged.visible, strict=True)
            ]
        )

    return estimate(seen, seen.noise**2 if seen.noise else training.best(estimate, RIDGES))


BASELINES: dict[str, Callable[[Training, Damaged], np.ndarray]] = {
    "nearest": nearest_prototype, "gaussian": gaussian_filter, "pca": principal_components, "lmmse": linear_mmse,
}  # fmt: skip


def _decibels(signal: float, error: float) -> float:
    if error <= signal * 10.0 ** (-CEILING_DB / 10.0):
        return CEILING_DB
    return float(10.0 * np.log10(signal / error)) if signal > 0 else -CEILING_DB
