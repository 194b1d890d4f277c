"""A study: several models, each with the same search, fitted with several seeds and examined on the same data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neurolurie.errors import SpecError
from neurolurie.train.loop import Fit, Settings, evaluate, fingerprint, fit
from neurolurie.train.model import Model

# (model's label, what is being done, epochs done, epochs in all, training loss, validation loss)
Watch = Callable[[str, str, int, int, float, float], None]


@dataclass(frozen=True)
class Data:
    """Trajectories (trials, times, n) in three parts, and more examinations: name -> (initial states seen, truth)."""

    training: Tensor
    validation: Tensor
    test: Tensor
    others: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A model to be studied: ``make(seed)`` gives a fresh one."""

    label: str
    make: Callable[[int], Model]
    data: Data
    settings: Settings
    seeds: tuple[int, ...]
    search: tuple[tuple[float, float], ...]
    search_epochs: int
    search_seed: int = 0


@dataclass(frozen=True)
class Row:
    """What became of a candidate: one entry of each list for each seed."""

    label: str
    lr: float
    weight_decay: float
    searched: list[float]
    fits: list[Fit]
    errors: dict[str, list[float]]
    seconds: list[float]
    size: int

    @property
    def best(self) -> int:
        """The seed's place with the lowest validation loss."""
        return int(np.argmin([each.best for each in self.fits]))


def study(candidate: Candidate, folder: Path, watch: Watch | None = None) -> Row:
    """Choose lr and weight decay on validation, fit with every seed, examine. Goes on from the folder's checkpoints."""
    losses = []
    for lr, decay in candidate.search if len(candidate.search) > 1 else ():
        settings = replace(
            candidate.settings, lr=lr, weight_decay=decay, epochs=candidate.search_epochs, seed=candidate.search_seed
        )
        words = f"search lr {lr:g}, decay {decay:g}"
        losses.append(_fit(candidate, settings, folder, words, watch).best)
    lr, decay = candidate.search[int(np.argmin(losses)) if losses else 0]
    fits, errors = [], {}
    for seed in candidate.seeds:
        settings = replace(candidate.settings, lr=lr, weight_decay=decay, seed=seed)
        found = _fit(candidate, settings, folder, f"seed {seed}", watch)
        fits.append(found)
        for name, value in examine(found.model, candidate.data, settings).items():
            errors.setdefault(name, []).append(value)
    return Row(
        candidate.label, lr, decay, losses, fits, errors, [each.seconds for each in fits], fits[0].model.size
    )


def examine(model: Model, data: Data, settings: Settings) -> dict[str, float]:
    """Mean squared error on the test trajectories and on every other examination."""
    out = {"test": evaluate(model, data.test, settings)}
    for name, (seen, truth) in data.others.items():
        out[name] = evaluate(model, truth, settings, seen)
    return out


def floor(data: Data) -> dict[str, float]:
    """The errors of "predict the mean": the mean training trajectory for all; beyond its end, its last value."""
    mean = data.training.double().mean(dim=0, keepdim=True)
    truths = {"test": data.test} | {name: truth for name, (_, truth) in data.others.items()}
    out = {}
    for name, truth in truths.items():
        longer = max(0, truth.shape[1] - mean.shape[1])
        guess = torch.cat([mean, mean[:, -1:].expand(-1, longer, -1)], dim=1)[:, : truth.shape[1]]
        out[name] = float((truth.double() - guess).square().mean())
    return out


def paired(first: list[float], second: list[float]) -> tuple[float, float, float]:
    """Mean of the differences ``first - second`` per seed and its 95 % interval by Student's t; nan for one seed.

    >>> paired([2.0, 2.1, 2.2], [1.0, 1.0, 1.0])
    (1.1, 0.8515..., 1.3484...)
    """
    from scipy import stats

    count = min(len(first), len(second))
    gap = np.array(first[:count]) - np.array(second[:count])
    if count < 2 or not np.isfinite(gap).all():
        return float(gap.mean()), float("nan"), float("nan")
    reach = stats.t.ppf(0.975, count - 1) * gap.std(ddof=1) / np.sqrt(count)
    return float(gap.mean()), float(gap.mean() - reach), float(gap.mean() + reach)


def require_times(settings: Settings, spacing: float) -> Settings:
    """Settings whose ``every`` makes the model's times meet the data's, ``spacing`` seconds apart."""
    every = round(spacing / settings.dt)
    if every < 1 or abs(every * settings.dt - spacing) > 1e-9 * spacing:
        raise SpecError(
            f"the data are {spacing:g} s apart, which is no whole number of the model's steps of {settings.dt:g} s."
        )
    return replace(settings, every=every)


def _fit(candidate: Candidate, settings: Settings, folder: Path, words: str, watch: Watch | None) -> Fit:
    """One training; its checkpoint is named by all it depends on, so nothing else is ever taken for it."""
    model, data = candidate.make(settings.seed), candidate.data
    mark = fingerprint(model, data.training, data.validation, settings)
    step = None if watch is None else lambda *state: watch(candidate.label, words, *state)
    file = folder / candidate.label / f"{mark[:16]}.safetensors"
    return fit(model, data.training, data.validation, settings, checkpoint=file, progress=step)


class Clock:
    """Rate and remaining time of many fits, from epochs done since this process began."""

    def __init__(self, total: int):
        self.total, self.done, self.began = total, 0, time.perf_counter()

    def tick(self) -> tuple[float, float]:
        """After one more epoch: (epochs per second, seconds left)."""
        self.done += 1
        rate = self.done / max(time.perf_counter() - self.began, 1e-9)
        return rate, max(self.total - self.done, 0) / rate
