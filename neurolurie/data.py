"""Data that comes with the installed packages: loader, citation, licence. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurolurie.errors import SpecError, Where, lookup
from neurolurie.spec.scenario import DataSpec


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples (count, units), their labels, the prototypes chosen to stand for each class, the split."""

    samples: np.ndarray
    labels: np.ndarray
    shape: tuple[int, int]
    citation: str
    licence: str
    prototypes: np.ndarray | None = None
    prototype_labels: np.ndarray | None = None
    test: np.ndarray | None = None  # numbers of the samples set apart


@dataclass(frozen=True, eq=False)
class Patterns:
    """Patterns (count, units) as a scenario refers to them, with what is needed to draw and to name them."""

    values: np.ndarray
    labels: np.ndarray
    shape: tuple[int, int]


def sklearn_digits() -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels, values 0 to 16 (scikit-learn's copy of the UCI test set)."""
    from importlib.util import find_spec

    # The table inside the installed package, read without importing scikit-learn, which takes a second.
    package = find_spec("sklearn")
    table = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz" if package else None
    if table is None or not table.exists():
        raise SpecError("the data source 'sklearn-digits' needs scikit-learn: pip install scikit-learn.")
    numbers = np.loadtxt(table, delimiter=",")
    return Dataset(
        numbers[:, :-1], numbers[:, -1].astype(int), (8, 8),
        "Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository",
        "CC BY 4.0",
    )  # fmt: skip


# What a scenario may refer to, as in `digits.prototypes`.
PARTS = ("samples", "prototypes", "training", "test")
SOURCES: dict[str, Callable[[], Dataset]] = {"sklearn-digits": sklearn_digits}


def load_data(spec: DataSpec, where: Where | None = None) -> Dataset:
    """The dataset of a spec: loaded, scaled, binarised, then split and prototypes chosen."""
    data = lookup("data source", spec.source, SOURCES, where)()
    if spec.scale is not None:
        data = replace(data, samples=data.samples * spec.scale)
    if spec.binarise is not None:
        low, high = spec.binarise.values
        data = replace(data, samples=np.where(data.samples > spec.binarise.threshold, high, low))
    if spec.prototypes is not None:
        chosen = np.concatenate(
            [_choose(data, label, spec.prototypes.by, spec.prototypes.per_class) for label in np.unique(data.labels)]
        )
        chosen = np.roll(chosen, -spec.prototypes.shift)
        data = replace(data, prototypes=data.samples[chosen], prototype_labels=data.labels[chosen])
    if spec.split is not None:
        count = len(data.samples)
        if spec.split.test >= count:
            raise SpecError(f"{spec.split.test} of {count} samples cannot be set apart for the test.", where)
        order = np.random.default_rng(spec.split.seed).permutation(count)
        data = replace(data, test=np.sort(order[: spec.split.test]))
    return data


def find_patterns(reference: Any, data: dict[str, Dataset], where: Where | None = None) -> Patterns:
    """What ``digits.samples``, ``digits.prototypes``, ``digits.training`` or ``digits.test`` refers to;
    ``digits.prototypes.3`` is the fourth of them."""
    name, _, rest = str(reference).partition(".")
    what, _, number = rest.partition(".")
    dataset = lookup("data", name, data, where)
    choices = {"samples": Patterns(dataset.samples, dataset.labels, dataset.shape)}
    if dataset.prototypes is not None:
        choices["prototypes"] = Patterns(dataset.prototypes, dataset.prototype_labels, dataset.shape)
    if dataset.test is not None:
        apart = np.zeros(len(dataset.samples), dtype=bool)
        apart[dataset.test] = True
        choices["test"] = Patterns(dataset.samples[apart], dataset.labels[apart], dataset.shape)
        choices["training"] = Patterns(dataset.samples[~apart], dataset.labels[~apart], dataset.shape)
    patterns = lookup(f"part of the data '{name}'", what, choices, where)
    if not number:
        return patterns
    if not number.isdigit() or int(number) >= len(patterns.values):
        raise SpecError(f"'{name}.{what}' is numbered from 0 to {len(patterns.values) - 1}, got '{number}'.", where)
    one = slice(int(number), int(number) + 1)
    return Patterns(patterns.values[one], patterns.labels[one], patterns.shape)


def _choose(data: Dataset, label: int, by: str, count: int) -> np.ndarray:
    """Row numbers of the prototypes of one class; the medoid has the smallest sum of distances to its class."""
    members = np.flatnonzero(data.labels == label)
    if by == "first":
        return members[:count]
    samples = data.samples[members]
    squares = (samples**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2.0 * samples @ samples.T, 0.0))
    return members[np.argsort(distance.sum(axis=1), kind="stable")[:count]]
