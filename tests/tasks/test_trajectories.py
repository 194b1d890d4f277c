"""Trajectories: what rests, oscillates or escapes in hand-made runs is counted as such."""

import numpy as np
import pytest

from neurolurie import pipeline
from neurolurie.analysis.equilibria import find_equilibrium
from neurolurie.analysis.motion import distinct, period, settling_times, time_constant
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import Trajectory
from neurolurie.spec.model import parse
from neurolurie.spec.scenario import Scenario
from neurolurie.spec.source import parse_yaml, with_settings
from neurolurie.tasks import load_task
from neurolurie.tasks.experiment import build

TEXT = """
schema: 1
name: leak
kind: trajectories
circuits:
  unit: {A: [[-0.5]], B: [[0]], C: [[1]]}
start: {uniform: [-1, 1]}
trials: 4
simulate: {backend: reference, dt: 0.1, duration: 40}
"""
TASK = load_task("trajectories")
TIMES = np.arange(401) * 0.1


def experiment(*words):
    source = with_settings(parse_yaml(TEXT), words)
    return build(parse(Scenario, source), source)


def findings(*signals):
    one = experiment(f"trials={len(signals)}")
    trials = TASK.draw(one)
    problem = one.pose(trials.x0)
    states = np.array(signals)[:, :, None]
    return TASK.measure(one, trials, problem, Trajectory(states, states[:, -1], 0.0, 0.0, "by hand"))


def test_rest_oscillation_and_escape_are_told_apart():
    rest = np.zeros_like(TIMES)
    wave = 0.75 * np.sin(2 * np.pi * TIMES / 2.5 + 0.3)
    fading = np.exp(-0.05 * TIMES) * np.sin(2 * np.pi * TIMES / 2.5 + 0.3)
    escaped = np.full_like(TIMES, np.nan)
    found = findings(rest, wave, fading, escaped)
    assert found.metrics["settled_fraction"] == 0.25
    assert found.metrics["oscillating_fraction"] == 0.25
    assert found.metrics["diverged_fraction"] == 0.25
    assert found.metrics["equilibria"] == 1
    assert found.metrics["period_s"] == pytest.approx(2.5, rel=1e-3)
    assert found.arrays["finite"].tolist() == [True, True, True, False]
    for words in ("1 of 4 came to rest at 1 equilibrium", "1 of 4 keep oscillating", "period 2.5 s", "1 of 4 escaped"):
        assert words in found.sentence


def test_the_amplitude_of_a_wave_is_its_own():
    found = findings(0.75 * np.sin(2 * np.pi * TIMES / 2.5 + 0.3))
    assert found.metrics["amplitude"] == pytest.approx(0.75, rel=8e-3)  # 25 samples a period: cos(pi / 25) at worst
    assert found.metrics["amplitude_ratio"] == pytest.approx(1.0, rel=1e-3)


def test_all_trials_escaped_is_a_finding_and_no_crash():
    found = findings(np.full_like(TIMES, np.nan), np.full_like(TIMES, np.inf))
    assert found.metrics == {"diverged_fraction": 1.0} and found.sentence == "2 of 2 escaped"


def test_a_real_leak_settles_and_its_spread_shrinks_by_its_rate():
    text = TEXT.replace("dt: 0.1", "solver: rk4, dt: 0.1")
    source = with_settings(parse_yaml(text), ["trials=9"])
    (run,) = [pipeline.run_variant("", source)]
    metrics = run.findings.metrics
    assert metrics["settled_fraction"] == 1 and metrics["equilibria"] == 1
    assert metrics["spread_end"] / metrics["spread_start"] == pytest.approx(np.exp(-20), rel=1e-4)


def test_starts_are_as_written_or_uniform_in_the_box_and_follow_the_seed():
    assert TASK.draw(experiment("start={states: [[1], [2]]}", "trials=2")).x0.tolist() == [[1.0], [2.0]]
    box = TASK.draw(experiment("trials=500", "start.uniform=[-2, 5]")).x0
    assert box.min() >= -2 and box.max() <= 5 and np.ptp(box) > 6.5
    assert (TASK.draw(experiment("seed=3")).x0 == TASK.draw(experiment("seed=3")).x0).all()
    assert (TASK.draw(experiment("seed=3")).x0 != TASK.draw(experiment("seed=4")).x0).any()
    assert (TASK.draw(experiment("trials=9")).x0[:4] == TASK.draw(experiment()).x0).all()


def test_settling_is_the_first_time_after_which_all_is_quiet():
    times = np.arange(5.0)
    speed = np.array([[5, 5, 0, 0, 0], [5, 0, 5, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 5]], float)
    assert settling_times(times, speed, 1.0).tolist() == [2.0, 3.0, 0.0, np.inf]


def test_small_measures():
    assert time_constant(LurieNetwork(A=np.diag([-4.0, -0.5, 0.0]), B=np.zeros((3, 1)), C=np.zeros((1, 3)))) == 2.0
    assert np.isnan(period(np.arange(9.0), np.arange(9.0)))
    assert distinct(np.array([[0.0], [0.001], [1.0], [0.999]]), 0.01).tolist() == [[0.0], [1.0]]


def test_an_equilibrium_is_found_from_its_basin_to_rounding_or_not_at_all():
    net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    for start in ([0.1, 0, 0], [3, 3, 3]):
        at = find_equilibrium(net, np.array(start))
        assert np.abs(net.field(at)).max() < 1e-13 and at[0] > 0.79
    centre = LurieNetwork(A=[[0.0, 1.0], [-1.0, 0.0]], B=np.zeros((2, 1)), C=np.zeros((1, 2)))
    assert find_equilibrium(centre, np.array([1.0, 0.0])) is None
