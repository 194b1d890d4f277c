"""Recall: cues are damaged by exactly what is asked, and the metrics of hand-made endings are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neurolurie import pipeline
from neurolurie.analysis.memory import nearest, overlap, wilson_interval
from neurolurie.data import load_data
from neurolurie.simulation.problem import Trajectory
from neurolurie.spec.model import parse
from neurolurie.spec.scenario import DataSpec, Scenario
from neurolurie.spec.source import parse_yaml, with_settings
from neurolurie.tasks import load_task
from neurolurie.tasks.experiment import build

TEXT = """
schema: 1
name: small
kind: recall
data:
  digits: {source: sklearn-digits, binarise: {threshold: 8}, prototypes: {by: medoid}}
circuits:
  memory: {use: memory/hopfield, with: {patterns: digits.prototypes}}
cue: {circuit: memory, from: digits.prototypes, corrupt: {flip: 13}}
trials: 4
simulate: {backend: reference, dt: 1.0e-3, duration: 0.01, record: {states: [memory.x1]}}
seed: 3
"""
TASK = load_task("recall")


def experiment(*words, text=TEXT):
    source = with_settings(parse_yaml(text), words)
    return build(parse(Scenario, source), source)


@settings(max_examples=20, deadline=None)
@given(flip=st.integers(0, 64), seed=st.integers(0, 99))
def test_exactly_as_many_pixels_are_flipped_as_asked(flip, seed):
    one = experiment(f"cue.corrupt.flip={flip}", f"seed={seed}", "trials=23")
    trials, prototypes = TASK.draw(one), one.data["digits"].prototypes
    assert trials.x0.shape == (23, 64)
    assert trials.notes["target"].tolist() == [i % 10 for i in range(23)]
    changed = (trials.notes["cues"] != prototypes[trials.notes["target"]]).sum(axis=1)
    assert (changed == flip).all() and set(np.unique(trials.x0)) <= {-1.0, 1.0}
    assert (trials.x0 == trials.notes["cues"]).all()


def test_a_mask_silences_its_share_of_pixels():
    trials = TASK.draw(experiment("cue.corrupt={flip: 0, mask: 0.25}"))
    assert ((trials.x0 == 0).sum(axis=1) == 16).all()


def test_the_same_seed_draws_the_same_cues_and_another_seed_others():
    draw = lambda *words: TASK.draw(experiment(*words)).x0  # noqa: E731
    assert (draw("seed=5") == draw("seed=5")).all() and (draw("seed=5") != draw("seed=6")).any()
    # More trials do not change those that were there before.
    assert (draw("seed=5", "trials=9")[:4] == draw("seed=5")).all()


def test_a_run_is_the_same_twice_and_other_with_another_seed():
    small = ["trials=20", "simulate.backend=reference", "simulate.record.states=[memory.x1]"]
    runs = [pipeline.run("digits-recall", settings=small, seed=seed) for seed in (1, 1, 2)]
    finals = [run.runs[0].trajectory.final for run in runs]
    assert (finals[0] == finals[1]).all() and (finals[0] != finals[2]).any()
    assert runs[0].metrics == runs[1].metrics


def findings(ends, words=()):
    """The findings of hand-made endings, one for each trial."""
    one = experiment(f"trials={len(ends)}", *words)
    trials = TASK.draw(one)
    problem = one.pose(trials.x0)
    final = np.array(ends, float)
    states = np.stack([trials.x0, final], axis=1)[:, :, problem.record.states]
    return TASK.measure(one, trials, problem, Trajectory(states, final, 0.0, 0.0, "by hand"))


def test_the_metrics_of_hand_made_endings():
    patterns = load_data(DataSpec.model_validate({
        "source": "sklearn-digits", "binarise": {"threshold": 8.0}, "prototypes": {"by": "medoid"},
    })).prototypes  # fmt: skip
    near, far = patterns[2].copy(), -patterns[3]
    near[0] *= -1
    ends = [0.9 * patterns[0], 0.3 * patterns[7], 1.5 * near, far]
    found = findings(ends)
    metrics = found.metrics
    assert metrics["recall_rate"] == 0.25  # trial 0 alone ends at its own digit
    assert metrics["wrong_rate"] == 0.25  # trial 1 ends at the seven
    assert metrics["spurious_rate"] == 0.5  # trials 2 and 3 end at none of the ten
    assert metrics["near_rate"] == 0.5  # trials 0 and 2: 62/64 agree
    own = [1.0, patterns[1] @ patterns[7] / 64, 1 - 2 / 64, -1.0]
    assert metrics["overlap_end"] == pytest.approx(np.mean(own), abs=1e-12)
    assert metrics["overlap_start"] == pytest.approx(1 - 2 * 13 / 64, abs=1e-12)
    pairs = [patterns[i] @ patterns[j] / 64 for i in range(10) for j in range(10) if i != j]
    assert metrics["prototype_overlap_mean"] == pytest.approx(np.mean(pairs), abs=1e-12)
    assert metrics["prototype_overlap_max"] == pytest.approx(np.max(pairs), abs=1e-12)
    assert found.sentence.startswith("recalled 1 of 4 (25.0 %, 95 % interval ")
    assert found.arrays["exact"].tolist() == [True, False, False, False]


def test_a_state_of_zero_is_no_recall_of_its_sign():
    patterns = experiment().data["digits"].prototypes
    end = patterns[0].copy()
    end[5] = 0.0
    assert findings([end]).metrics["recall_rate"] == 0.0


def test_the_baseline_is_the_nearest_prototype_on_the_same_cues():
    one = experiment("trials=60", "cue.corrupt.flip=24")
    trials, patterns = TASK.draw(one), one.data["digits"].prototypes
    hits = 0
    for cue, target in zip(trials.notes["cues"], trials.notes["target"], strict=True):
        hits += int(np.argmin([((cue - pattern) ** 2).sum() for pattern in patterns]) == target)
    ends = patterns[trials.notes["target"]]
    assert findings(ends, ["cue.corrupt.flip=24"]).metrics["baseline_nearest"] == pytest.approx(hits / 60)
    assert 0 < hits < 60


@settings(max_examples=60, deadline=None)
@given(trials=st.integers(1, 1000), data=st.data())
def test_the_interval_is_wilson_s(trials, data):
    successes = data.draw(st.integers(0, trials))
    exact = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((exact.low, exact.high), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999))
def test_overlap_and_nearest_are_their_definitions(seed):
    rng = np.random.default_rng(seed)
    X, x = rng.choice([-1.0, 1.0], (4, 9)), rng.normal(size=(5, 9))
    by_hand = [[sum(np.sign(a) * b for a, b in zip(row, p, strict=True)) / 9 for p in X] for row in x]
    assert overlap(x, X) == pytest.approx(np.array(by_hand), abs=1e-12)
    assert nearest(x, X).tolist() == [int(np.argmin(np.linalg.norm(X - row, axis=1))) for row in x]
