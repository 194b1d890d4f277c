"""Hold: a pulse puts a number into a circuit, the circuit keeps it through a delay, noise or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurolurie.analysis.equilibria import relax
from neurolurie.analysis.holding import diffusion, horizon, ring_angle, slow_mode
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import START_STREAM, Experiment
from neurolurie.tasks.task import Findings, Task, Trials

BOOTSTRAP_STREAM = 4
WINDOWS = 60  # the delay is read at so many equal distances


def draw(experiment: Experiment) -> Trials:
    """The values are spread over the circle, or over the range. The pulse starts as amplitude times value."""
    spec, source = experiment.scenario.hold, experiment.source
    if spec is None:
        raise SpecError("a scenario of kind 'hold' needs a hold.", source.where("hold"))
    count, run = experiment.scenario.trials, experiment.scenario.simulate
    experiment.part(spec.circuit, "hold", "circuit")
    cue = experiment.part(spec.pulse, "hold", "pulse").states
    size = 2 if spec.read == "angle" else 1
    if cue.stop - cue.start != size:
        raise SpecError(
            f"a pulse that carries {'an angle' if size == 2 else 'a value'} has {size} states, '{spec.pulse}' has "
            f"{cue.stop - cue.start}.",
            source.where("hold", "pulse"),
        )
    if not 0 < spec.delay_from < run.duration:
        raise SpecError(f"the delay must begin within the run of {run.duration} s.", source.where("hold", "delay_from"))
    if spec.read == "angle":
        # One angle drawn in each of `count` equal arcs: evenly spaced ones could all sit alike between the units.
        arcs = np.arange(count) + experiment.rng(START_STREAM).uniform(size=count)
        values = 2.0 * np.pi * arcs / count - np.pi
        pulses = np.stack([np.cos(values), np.sin(values)], axis=1)
    else:
        values = np.linspace(*spec.values, count)
        pulses = values[:, None]
    x0 = np.zeros((count, experiment.network.n))
    x0[:, cue] = spec.amplitude * pulses
    return Trials(x0, {"values": values})


def measure(experiment: Experiment, trials: Trials, problem: Problem, trajectory: Trajectory) -> Findings:
    """Drift, diffusion beside its theory, horizon; for a line also leak and variance beside theirs."""
    spec, values = experiment.scenario.hold, trials.notes["values"]
    alone, slot = _alone(experiment)
    decode, angular = _decoder(spec.read, alone), spec.read == "angle"
    recorded = np.searchsorted(problem.record.states, np.arange(slot.start, slot.stop))
    if len(problem.record.states) < slot.stop - slot.start or not np.array_equal(
        problem.record.states[np.minimum(recorded, len(problem.record.states) - 1)], np.arange(slot.start, slot.stop)
    ):
        raise SpecError(
            f"all states of '{spec.circuit}' must be recorded.", experiment.source.where("simulate", "record", "states")
        )
    decoded = decode(trajectory.states[:, :, recorded])
    decoded = np.unwrap(decoded, axis=1) if angular else decoded
    times = problem.times()
    start = int(np.searchsorted(times, spec.delay_from - 1e-12))
    delay, held = times[start:] - times[start], decoded[:, start:]
    since = held - held[:, :1]
    errors = _wrapped(held - values[:, None]) if angular else held - values[:, None]
    sigma = experiment.sigma[slot]
    mode = slow_mode(*_at_rest(alone, trajectory.states[len(values) // 3, start, recorded]), decode)
    reach, censored = horizon(delay, errors, spec.tolerance)
    metrics = {
        "encoding_rms": np.sqrt((errors[:, 0] ** 2).mean()), "error_rms_end": np.sqrt((errors[:, -1] ** 2).mean()),
        "horizon_s": reach, "horizon_censored": float(censored), "delay_s": delay[-1],
        "slow_rate_per_s": mode.eigenvalue,
    }  # fmt: skip
    arrays = {"times": times, "start": np.array(start), "decoded": decoded, "values": values, "errors": errors}
    if not sigma.any():
        metrics["drift_rms_per_s"] = np.sqrt((since[:, -1] ** 2).mean()) / delay[-1]
        metrics["drift_rms"] = np.sqrt((since[:, -1] ** 2).mean())
        words = f"drifts by {metrics['drift_rms']:.2g}{' rad' if angular else ''} rms in {delay[-1]:g} s without noise"
    else:
        metrics["diffusion_theory_per_s"] = mode.diffusion(sigma)
        pick = np.unique(np.linspace(0, len(delay) - 1, WINDOWS).round().astype(int))
        if angular:
            found, words = _diffusion(experiment, delay[pick], since[:, pick], metrics)
            arrays |= {"var_times": delay[pick], "variance": since[:, pick].var(axis=0, ddof=1)}
            arrays["variance_theory"] = 2.0 * metrics["diffusion_theory_per_s"] * delay[pick]
            metrics |= found
        else:
            found, words = _leaky_variance(delay[pick], held[:, pick], mode, sigma, arrays)
            metrics |= found
    sentence = f"{words}; beyond {spec.tolerance:g} {'never' if censored else f'after {reach:.3g} s'}"
    return Findings({name: float(value) for name, value in metrics.items()}, sentence, arrays)


def _diffusion(experiment: Experiment, times: np.ndarray, since: np.ndarray, metrics: dict) -> tuple[dict, str]:
    """The diffusion coefficient where the variance grows linearly; the word 'pinned' where it does not."""
    spread = diffusion(times, since, experiment.rng(BOOTSTRAP_STREAM))
    found = {
        "variance_exponent": spread.exponent, "variance_bend": spread.bend, "pinned": float(not spread.linear),
    }  # fmt: skip
    if not spread.linear:
        return found, (
            f"pinned: the variance grows as t^{spread.exponent:.2f} and {spread.bend:.2f} times as fast in the second "
            "half "
            "of the delay as in the first, which is no diffusion"
        )
    theory = metrics["diffusion_theory_per_s"]
    found |= {
        "diffusion_per_s": spread.per_s,
        "diffusion_low_per_s": spread.per_s_interval[0], "diffusion_high_per_s": spread.per_s_interval[1],
        "diffusion_ratio": spread.per_s / theory,
    }  # fmt: skip
    words = (
        f"diffuses at {spread.per_s:.3g} rad^2/s ({found['diffusion_low_per_s']:.3g} to "
        f"{found['diffusion_high_per_s']:.3g}), theory {theory:.3g}"
    )
    return found, words


def _leaky_variance(times: np.ndarray, held: np.ndarray, mode, sigma: np.ndarray, arrays: dict) -> tuple[dict, str]:
    """Leak from the regression of the value on its start; the variance around it beside the Ornstein-Uhlenbeck law."""
    start = held[:, 0] - held[:, 0].mean()
    slopes = (start @ (held - held.mean(axis=0))) / (start @ start)
    residual = held - held.mean(axis=0) - start[:, None] * slopes
    variance = (residual**2).sum(axis=0) / (len(held) - 2)
    leak, strength = -mode.eigenvalue, 2.0 * mode.diffusion(sigma)
    theory = strength * (times if abs(leak) < 1e-9 else -np.expm1(-2.0 * leak * times) / (2.0 * leak))
    late = times > 0
    weight = np.maximum(slopes, 0.0) ** 2  # the smaller a slope, the less is known about its logarithm
    found = {
        "leak_per_s": -(weight * times * np.log(np.maximum(slopes, 1e-12))).sum() / (weight * times**2).sum(),
        "leak_theory_per_s": leak,
        "variance_end": variance[-1], "variance_theory_end": theory[-1],
        "variance_ratio": variance[late].sum() / theory[late].sum(),
    }  # fmt: skip
    arrays |= {"var_times": times, "variance": variance, "variance_theory": theory}
    words = (
        f"leaks at {found['leak_per_s']:.3g} /s (theory {leak:.3g}), variance {variance[-1]:.3g} after {times[-1]:g} s "
        f"(theory {theory[-1]:.3g})"
    )
    return found, words


def _alone(experiment: Experiment) -> tuple[LurieNetwork, slice]:
    """The holding circuit without its pulse, which is over when the delay begins."""
    part, network = experiment.part(experiment.scenario.hold.circuit), experiment.network.dense()
    x, y = part.states, part.preactivations
    own = experiment.graph.graph.nodes[experiment.scenario.hold.circuit]["circuit"]
    return own.dense().replace(A=network.A[x, x], B=network.B[x, y], C=network.C[y, x]), x


def _decoder(read: str, alone: LurieNetwork) -> Callable[[np.ndarray], np.ndarray]:
    """The angle of a ring; or the value along the slow mode at 0, in the units in which an input is integrated."""
    if read == "angle":
        return ring_angle
    values, left = np.linalg.eig(alone.jacobian(np.zeros(alone.n)).T)
    weights = left[:, np.abs(values).argmin()].real
    weights = weights / (weights @ alone.E[:, 0])
    return lambda x: x @ weights


def _at_rest(alone: LurieNetwork, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rest = relax(alone, x, steps=4000, rest=1e-9)
    return alone.jacobian(rest), rest


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * angle))


TASK = Task(draw, measure, "A number is put in by a pulse and held through a delay: drift, diffusion, horizon.")
