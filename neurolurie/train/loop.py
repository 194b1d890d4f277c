"""fit(): the training loop. Same seed, same numbers; stopped and resumed, still the same numbers."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neurolurie.errors import SpecError, did_you_mean
from neurolurie.train import checkpoint as files
from neurolurie.train.model import Model

Progress = Callable[[int, int, float, float], None]  # epochs done, epochs in all, training loss, validation loss


@dataclass(frozen=True)
class Settings:
    """How to train.

    optimiser : the name of any class in torch.optim. lr, weight_decay : given to it, with ``options`` for the rest.
    schedule : "constant", or "cosine": from lr to lr/100 over all epochs. clip : largest norm of the gradient.
    growing : share of the epochs in which the horizon grows, from a tenth of the data's times to all of them. Long runs
        past a saddle have gradients that grow exponentially with the horizon; short ones place the saddle first.
    solver, dt, every : the run of the model that is held against the data, which must be ``every * dt`` apart.
    dtype : of training. seed : order of the batches.
    """

    epochs: int = 100
    batch: int = 100
    optimiser: str = "Adam"
    lr: float = 1e-2
    weight_decay: float = 0.0
    options: dict = field(default_factory=dict)
    schedule: str = "cosine"
    clip: float = 1.0
    growing: float = 0.0
    solver: str = "rk4"
    dt: float = 0.1
    every: int = 1
    dtype: str = "float32"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Fit:
    """The model at its best validation loss, the loss after every epoch, and seconds spent.

    ``skipped`` counts the steps whose gradient was not finite: they changed nothing.
    """

    model: Model
    training: list[float]
    validation: list[float]
    seconds: float
    skipped: int

    @property
    def best(self) -> float:
        """Lowest validation loss; inf if it never was finite."""
        return min((loss for loss in self.validation if math.isfinite(loss)), default=math.inf)


def fit(
    model: Model,
    training: Tensor | np.ndarray,
    validation: Tensor | np.ndarray,
    settings: Settings | None = None,
    *,
    checkpoint: str | Path | None = None,
    interval: float = 20.0,
    progress: Progress | None = None,
) -> Fit:
    """Minimise the mean squared error between the model's runs and given trajectories.

    Parameters
    ----------
    training, validation : (trials, times, n), initial states first, times ``every * dt`` seconds apart. Tensors,
        arrays, or what `simulate` returns. The model is trained in place.
    checkpoint : a file. It is written about every ``interval`` seconds and at the end; if it is there already, training
        goes on from it, to the same numbers as without a stop. Raises SpecError if it belongs to another training.

    >>> from neurolurie.train import PARAMETRISATIONS
    >>> t = torch.linspace(0, 1, 11)[None, :, None]
    >>> data = torch.linspace(0.5, 1, 8)[:, None, None] * torch.exp(-t)
    >>> found = fit(PARAMETRISATIONS["hurwitz"](n=1, k=1), data, data, Settings(epochs=40, batch=8, lr=0.1))
    >>> found.best < 1e-3
    True
    """
    settings = Settings() if settings is None else settings
    dtype = getattr(torch, settings.dtype)
    model = model.to(dtype)
    training, validation = _tensor(training, dtype), _tensor(validation, dtype)
    optimiser = _optimiser(model, settings)
    state = _State(asdict(settings), fingerprint(model, training, validation, settings))
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        state.resume(path, model, optimiser)
    began, saved = time.perf_counter() - state.seconds, time.perf_counter()
    for epoch in range(len(state.training), settings.epochs):
        _epoch(model, optimiser, training, settings, epoch, state)
        loss = evaluate(model, validation, settings)
        if not state.validation or loss < min(state.validation):
            state.best = {name: value.clone() for name, value in model.state_dict().items()}
        state.validation.append(loss)
        state.seconds = time.perf_counter() - began
        if path is not None and (time.perf_counter() - saved >= interval or epoch + 1 == settings.epochs):
            files.save(path, model.state_dict(), state.best, optimiser.state_dict(), state.notes())
            saved = time.perf_counter()
        if progress is not None:
            progress(epoch + 1, settings.epochs, state.training[-1], loss)
    if state.best:
        model.load_state_dict(state.best)
    return Fit(model, state.training, state.validation, state.seconds, state.skipped)


def _tensor(data, dtype: torch.dtype) -> Tensor:
    return (data if isinstance(data, Tensor) else torch.tensor(np.asarray(data))).to(dtype)


def evaluate(model: Model, data: Tensor, settings: Settings, start: Tensor | None = None) -> float:
    """Mean squared error over all trials, times and states; inf if the model's run is not finite.

    ``start`` replaces the data's initial states (a noisy look at them).
    """
    data = data.to(getattr(torch, settings.dtype))
    start = None if start is None else start.to(data.dtype)
    with torch.no_grad():
        error = _run(model, data[:, 0] if start is None else start, data.shape[1], settings) - data
    loss = float(error.double().square().mean())
    return loss if math.isfinite(loss) else math.inf


class _State:
    """What changes from epoch to epoch beside the model and the optimiser."""

    def __init__(self, settings: dict, digest: str):
        self.settings, self.digest = settings, digest
        self.training: list[float] = []
        self.validation: list[float] = []
        self.best: dict[str, Tensor] = {}
        self.seconds, self.skipped = 0.0, 0

    def notes(self) -> dict:
        text = lambda losses: [repr(loss) for loss in losses]  # noqa: E731 (JSON has no inf)
        return {
            "digest": self.digest, "settings": self.settings, "training": text(self.training),
            "validation": text(self.validation), "seconds": self.seconds, "skipped": self.skipped,
        }  # fmt: skip

    def resume(self, path: Path, model: Model, optimiser: torch.optim.Optimizer) -> None:
        parameters, self.best, state, notes = files.load(path)
        if notes["digest"] != self.digest:
            raise SpecError(
                f"the checkpoint '{path}' belongs to another model, data or settings; remove it or choose another file."
            )
        model.load_state_dict(parameters)
        optimiser.load_state_dict(state)
        self.training, self.validation = ([float(x) for x in notes[key]] for key in ("training", "validation"))
        self.seconds, self.skipped = notes["seconds"], notes["skipped"]


def _epoch(model, optimiser, training: Tensor, settings: Settings, epoch: int, state: _State) -> None:
    """One pass over the data, in an order drawn from the seed and the number of the epoch."""
    rng = np.random.default_rng([settings.seed, epoch])
    order = torch.as_tensor(rng.permutation(len(training)))
    total, count = 0.0, math.ceil(len(order) / settings.batch)
    for number, chosen in enumerate(order.split(settings.batch)):
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * _share(settings, (epoch + number / count) / settings.epochs)
        batch = training[chosen, : _horizon(settings, epoch, training.shape[1])]
        loss = optimiser.step(lambda batch=batch: _loss(model, optimiser, batch, settings, state))
        total += float(loss.detach()) * len(chosen)
    state.training.append(total / len(order))


def _loss(model, optimiser, batch: Tensor, settings: Settings, state: _State) -> Tensor:
    """The loss, its gradient left at the parameters; none if it is not finite, so that the step changes nothing."""
    optimiser.zero_grad()
    loss = (_run(model, batch[:, 0], batch.shape[1], settings) - batch).square().mean()
    loss.backward()
    if not torch.isfinite(torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)):
        optimiser.zero_grad(set_to_none=True)
        state.skipped += 1
    return loss


def _horizon(settings: Settings, epoch: int, times: int) -> int:
    """How many of the data's times count in this epoch: growing geometrically, so that every scale gets its time."""
    full = settings.growing * settings.epochs
    return times if epoch >= full else max(2, round(times * 0.1 ** (1.0 - epoch / full)))


def _share(settings: Settings, done: float) -> float:
    return 1.0 if settings.schedule == "constant" else 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done))


def _run(model: Model, x0: Tensor, times: int, settings: Settings) -> Tensor:
    steps = (times - 1) * settings.every
    return model.run(x0, steps=steps, dt=settings.dt, solver=settings.solver, every=settings.every)


def _optimiser(model: Model, settings: Settings) -> torch.optim.Optimizer:
    kinds = vars(torch.optim).items()
    known = [name for name, cls in kinds if isinstance(cls, type) and name not in ("Optimizer", "SparseAdam")]
    if settings.optimiser not in known:
        raise SpecError(did_you_mean("optimiser", settings.optimiser, known))
    if settings.schedule not in ("constant", "cosine"):
        raise SpecError(did_you_mean("schedule", settings.schedule, ("constant", "cosine")))
    options = {"lr": settings.lr, **settings.options}
    if settings.weight_decay:
        options["weight_decay"] = settings.weight_decay
    try:
        return getattr(torch.optim, settings.optimiser)(model.parameters(), **options)
    except (TypeError, ValueError) as error:
        raise SpecError(f"optimiser '{settings.optimiser}' with {options} cannot train this model: {error}.") from None


def fingerprint(model: Model, training: Tensor, validation: Tensor, settings: Settings) -> str:
    """SHA-256 of everything that a training's result depends on, given the fresh model."""
    hasher = hashlib.sha256(json.dumps([type(model).__name__, asdict(settings)], sort_keys=True).encode())
    for tensor in (training, validation, *model.state_dict().values()):
        hasher.update(tensor.detach().contiguous().cpu().numpy().tobytes())
    return hasher.hexdigest()
