"""Denoise: noisy and masked images go in, clean ones should come out; beside honest baselines, at every level."""

from __future__ import annotations

import numpy as np

from neurolurie.analysis.denoising import BASELINES, Damaged, Training, snr_db, snr_each_db
from neurolurie.data import Patterns, find_patterns
from neurolurie.errors import SpecError, lookup
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import CUE_STREAM, Experiment
from neurolurie.tasks.task import Findings, Task, Trials

TUNE_STREAM, TUNING_IMAGES = 3, 200


def draw(experiment: Experiment) -> Trials:
    """Every condition (a level of noise, or a masked share) damages the same images, ``trials`` of them."""
    spec, source = experiment.scenario.denoise, experiment.source
    if spec is None:
        raise SpecError("a scenario of kind 'denoise' needs a denoise.", source.where("denoise"))
    images = find_patterns(spec.images, experiment.data, source.where("denoise", "images"))
    training = find_patterns(spec.training, experiment.data, source.where("denoise", "training"))
    for name in spec.baselines:
        lookup("baseline", name, BASELINES, source.where("denoise", "baselines"))
    slots = _slots(experiment, images)
    chosen = _choose(experiment, len(images.values))
    conditions = _conditions(experiment)
    seen = [_damage(images.values[chosen], *condition, experiment.rng(CUE_STREAM)) for condition in conditions]
    x0 = np.zeros((len(conditions) * len(chosen), experiment.network.n))
    if slots["read"] != slots["into"]:
        x0[:, slots["read"]] = training.values.mean(axis=0)
    x0[:, slots["into"]] = np.concatenate([np.where(each.visible, each.values, spec.blank) for each in seen])
    if slots["attention"] is not None:
        x0[:, slots["attention"]] = np.concatenate([~each.visible for each in seen])
    return Trials(x0, {"image": np.tile(chosen, len(conditions))})


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """The signal-to-noise ratio of the circuit and of every baseline, for every condition."""
    spec, data = experiment.scenario.denoise, experiment.data
    images, learnt = find_patterns(spec.images, data), find_patterns(spec.training, data)
    chosen, conditions = _choose(experiment, len(images.values)), _conditions(experiment)
    clean, mean = images.values[chosen], learnt.values.mean(axis=0)
    slot = _slots(experiment, images)["read"]
    answers = _read(trajectory.final[:, slot], spec.readout, learnt).reshape(len(conditions), len(chosen), -1)
    metrics, sentences = {}, []
    arrays = {
        "clean": clean, "labels": images.labels[chosen], "image_shape": np.array(images.shape),
        "times": problem.times(),
        "conditions": np.array([_name(*condition) for condition in conditions]),
        "levels": np.array(conditions), "range": np.array([learnt.values.min(), learnt.values.max()]),
    }  # fmt: skip
    for condition, answer in zip(conditions, answers, strict=True):
        name = _name(*condition)
        prefix = "" if len(conditions) == 1 else f"{name}."
        seen = _damage(clean, *condition, experiment.rng(CUE_STREAM))
        training = _training(experiment, learnt, condition)
        found = {"snr_db": snr_db(clean, answer, mean), "snr_median_db": np.median(snr_each_db(clean, answer, mean))}
        shown = np.where(seen.visible, seen.values, mean)  # a hidden pixel seen as the mean: what doing nothing gives
        found["input_db"] = snr_db(clean, shown, mean)
        found["gain_db"] = found["snr_db"] - found["input_db"]
        arrays |= {f"seen_{name}": seen.values, f"visible_{name}": seen.visible, f"answer_{name}": answer}
        for baseline in spec.baselines:
            estimate = BASELINES[baseline](training, seen)
            found[f"{baseline}_db"] = snr_db(clean, estimate, mean)
            found[f"{baseline}_median_db"] = np.median(snr_each_db(clean, estimate, mean))
            arrays[f"{baseline}_{name}"] = estimate
            if baseline == "lmmse":
                read = _read(estimate, spec.readout, learnt)
                found["lmmse_read_db"] = snr_db(clean, read, mean)
                found["over_lmmse_db"] = found["snr_db"] - found["lmmse_db"]
        if spec.baselines:
            best = max(spec.baselines, key=lambda each: found[f"{each}_db"])
            found["over_best_db"] = found["snr_db"] - found[f"{best}_db"]
            sentences.append(_sentence(name, found, best))
        if spec.readout == "sign":
            found["exact_rate"] = (answer == clean).all(axis=1).mean()
            for baseline in spec.baselines:
                found[f"{baseline}_exact_rate"] = (arrays[f"{baseline}_{name}"] == clean).all(axis=1).mean()
        metrics |= {prefix + key: float(value) for key, value in found.items()}
    if len(conditions) > 1 and spec.baselines:
        names = [str(name) for name in arrays["conditions"]]
        lost = [name for name in names if metrics[f"{name}.over_best_db"] < 0]
        metrics["conditions_lost"] = float(len(lost))
        sentences = [f"{name} {metrics[f'{name}.snr_db']:.1f} dB" for name in names]
        sentences = [
            ", ".join(sentences),
            f"loses to the best baseline at {', '.join(lost)}" if lost else "no baseline is better anywhere",
        ]
    return Findings(metrics, "; ".join(sentences), arrays)


def _sentence(name: str, found: dict, best: str) -> str:
    verdict = "ahead of" if found["over_best_db"] >= 0 else "behind"
    return (
        f"{name}: {found['snr_db']:.2f} dB, {abs(found['over_best_db']):.2f} dB {verdict} the best baseline "
        f"({best}, {found[f'{best}_db']:.2f} dB)"
    )


def _conditions(experiment: Experiment) -> list[tuple[float, float]]:
    """Pairs (noise, masked share)."""
    spec = experiment.scenario.denoise
    return [(level, 0.0) for level in spec.noise] + [(0.0, share) for share in spec.mask]


def _name(noise: float, mask: float) -> str:
    return f"mask-{100 * mask:.0f}" if mask else f"noise-{100 * noise:.0f}"


def _choose(experiment: Experiment, count: int) -> np.ndarray:
    """Numbers of the images: some of many, drawn once; all in turn where there are fewer than trials."""
    trials = experiment.scenario.trials
    if trials >= count:
        return np.arange(trials) % count
    return np.sort(experiment.rng(CUE_STREAM).permutation(count)[:trials])


def _damage(images: np.ndarray, noise: float, mask: float, rng: np.random.Generator) -> Damaged:
    """Gaussian noise on every pixel, and exactly that share of the pixels of every image hidden."""
    values = images + noise * rng.normal(size=images.shape)
    order = rng.random(images.shape).argsort(axis=1).argsort(axis=1)
    return Damaged(values, order >= round(mask * images.shape[1]), noise)


def _training(experiment: Experiment, learnt: Patterns, condition: tuple[float, float]) -> Training:
    rng = experiment.rng(TUNE_STREAM)
    clean = learnt.values[rng.permutation(len(learnt.values))[:TUNING_IMAGES]]
    return Training(learnt.values, learnt.labels, learnt.shape, clean, _damage(clean, *condition, rng))


def _read(states: np.ndarray, readout: str, learnt: Patterns) -> np.ndarray:
    """``state`` as it is; ``clip`` to the range of the training images; ``sign``: the upper or the lower of its "
    "ends."""
    low, high = learnt.values.min(), learnt.values.max()
    if readout == "clip":
        return np.clip(states, low, high)
    return np.where(states > (low + high) / 2.0, high, low) if readout == "sign" else states


def _slots(experiment: Experiment, images: Patterns) -> dict[str, slice | None]:
    """The states that receive the image, that answer, and that hold which pixels are hidden."""
    spec, size = experiment.scenario.denoise, images.values.shape[1]
    slots: dict[str, slice | None] = {"attention": None}
    for key, circuit in (("into", spec.into), ("read", spec.read or spec.into), ("attention", spec.attention)):
        if circuit is None:
            continue
        slots[key] = experiment.part(circuit, "denoise", key).states
        found = slots[key].stop - slots[key].start
        if found != size:
            raise SpecError(
                f"the images have {size} pixels, '{circuit}' has {found} states.",
                experiment.source.where("denoise", key),
            )
    return slots


TASK = Task(draw, measure, "Noisy and masked images are cleaned, beside baselines tuned on the training images.")
