"""Deciding: the optimal integrator sees exactly what the circuit sees, and nothing beats it in a fair race."""

import numpy as np
import pytest
from scipy import special

from neurolurie import pipeline
from neurolurie.analysis.decisions import (
    bound_for_mean_time,
    first_crossing,
    fit_psychometric,
    integrated_evidence,
)
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import solve
from neurolurie.tasks.experiment import build

INTEGRATOR = "{A: [[0, 0], [0, 0]], B: [[0], [0]], C: [[0, 0]], E: [[10, 0], [0, 10]]}"
SHORT = ["trials=1100", "simulate.duration=1.5"]


@pytest.mark.parametrize("every, steps", [(1, 60), (10, 130), (60, 120)])
def test_the_integrated_evidence_is_what_a_circuit_without_leak_holds(every, steps):
    drift = np.array([[0.5, -0.5], [0.1, 0.3], [-1.0, 0.0]])
    A = np.zeros((3, 3))
    rows = []
    for a, b in drift:  # one state holds the evidence 1, the other two take it in
        A[1:, 0] = a, b
        net = LurieNetwork(A=A.copy(), B=np.zeros((3, 1)), C=np.zeros((1, 3)))
        x0 = np.tile([1.0, 0.0, 0.0], (3, 1))
        problem = pose(
            net, x0, duration=steps * 0.01, dt=0.01, noise=np.array([0.0, 0.4, 0.7]), seed=5, record={"every": every}
        )
        rows.append(solve(problem, "reference").states)
    held = np.stack([rows[i][i, :, 1] - rows[i][i, :, 2] for i in range(3)])
    evidence = integrated_evidence(drift, np.array([0.4, 0.7]), range(1, 3), 5, 0, steps, 0.01, every)
    assert np.allclose(evidence, held, atol=1e-12)


def test_a_perfect_integrator_is_the_optimal_one():
    """Two pools without leak or saturation, at any threshold: the same answers at the same times, trial by trial."""
    words = [f"circuits.choice={INTEGRATOR}", *SHORT]
    found = pipeline.run("evidence", settings=words).runs[0].findings
    assert found.metrics["optimal_bound"] == pytest.approx(0.4, abs=0.02)  # the threshold, to what the times resolve
    assert found.metrics["accuracy"] == pytest.approx(found.metrics["optimal_accuracy"], abs=0.005)
    assert np.allclose(found.arrays["difference"], found.arrays["evidence"], atol=1e-9)


def test_the_circuit_does_not_beat_the_optimum_and_strong_evidence_is_fast():
    found = pipeline.run("evidence", settings=SHORT).runs[0].findings.metrics
    assert found["accuracy"] <= found["optimal_accuracy"] + 0.01  # one and the same noise: 1000 trials, paired
    assert found["rt_mean_s"] == pytest.approx(found["optimal_rt_mean_s"], abs=0.002)
    assert found["rt_strongest_s"] < 0.8 * found["rt_weakest_s"]
    assert found["optimal_accuracy"] <= found["accuracy_of_all_evidence"] + 0.01


def test_without_evidence_answers_are_a_coin():
    found = pipeline.run("evidence", settings=["couplings[0].with.matrix=[[0.0], [0.0]]", *SHORT]).runs[0].findings
    assert found.metrics["accuracy"] == pytest.approx(0.5, abs=0.06)  # 1000 trials: 0.016
    assert abs(found.metrics["psychometric_slope"]) < 3 * found.metrics["psychometric_slope_error"]


@pytest.mark.parametrize("slope, bias", [(2.0, 0.0), (5.0, 0.1), (0.8, -0.2)])
def test_the_fit_finds_the_psychometric_function(slope, bias):
    rng = np.random.default_rng(3)
    coherence = np.repeat(np.linspace(-0.6, 0.6, 9), 1000)
    right = rng.random(len(coherence)) < special.ndtr(slope * (coherence - bias))
    found = fit_psychometric(coherence, right)
    assert found.slope == pytest.approx(slope, abs=4 * found.slope_error)
    assert found.slope_error < 0.1 * slope and found.bias == pytest.approx(bias, abs=0.1)


def test_the_slope_of_perfect_answers_is_finite():
    coherence = np.repeat([-1.0, 1.0], 50)
    assert np.isfinite(fit_psychometric(coherence, coherence > 0).slope)


def test_the_first_crossing_counts_and_not_the_last_sign():
    times = np.array([0.0, 0.1, 0.2])
    answer, when = first_crossing(times, np.array([[0, 1.2, -3], [0, -0.2, -1.0], [0, 0.1, 0.4]]), 1.0)
    assert answer.tolist() == [1.0, -1.0, 1.0]
    assert when.tolist() == [0.1, 0.2, np.inf]


def test_the_bound_gives_the_mean_time_that_is_asked_for():
    rng = np.random.default_rng(0)
    times = 0.01 * np.arange(301)
    evidence = np.cumsum(0.1 * rng.normal(size=(500, 301)), axis=1)
    bound = bound_for_mean_time(times, evidence, 0.8)
    when = np.minimum(first_crossing(times, evidence, bound)[1], times[-1])
    assert when.mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    "word, sentence",
    [
        ("decide=null", "a scenario of kind 'decide' needs a decide."),
        ("decide.circuit=stimulus", "'stimulus' has 1 states, expected 2."),
        ("decide.evidence=stimulas", "circuit 'stimulas' is not known. Did you mean 'stimulus'?"),
        ("decide.coherences=[]", "decide.coherences"),
        ("simulate.record={every: 7}", "a decision needs all states recorded, at equal distances to the end."),
    ],
)
def test_wrong_words_of_a_decide_are_told(word, sentence):
    with pytest.raises(SpecError) as error:
        pipeline.run("evidence", settings=[word, "trials=4"])
    assert sentence in str(error.value)


def test_every_coherence_comes_with_both_signs_equally_often():
    source = pipeline.load_scenario("evidence", settings=["trials=110"])
    experiment = build(pipeline.parse(pipeline.Scenario, source), source)
    coherence = pipeline.load_task("decide").draw(experiment).notes["coherence"]
    values, counts = np.unique(coherence, return_counts=True)
    assert len(values) == 11 and (counts == 10).all() and np.allclose(values, -values[::-1])
