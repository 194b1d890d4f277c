"""Holding: the slow mode is the adjoint one, diffusion is told from pinning, the line forgets at its eigenvalue."""

import numpy as np
import pytest

from neurolurie import pipeline
from neurolurie.analysis.equilibria import relax
from neurolurie.analysis.holding import diffusion, horizon, ring_angle, slow_mode
from neurolurie.errors import SpecError
from neurolurie.network.circuits import circuit
from neurolurie.tasks.experiment import build


def bump(ring, angle):
    theta = 2.0 * np.pi * np.arange(ring.n) / ring.n
    return relax(ring, np.cos(theta - angle), steps=4000, rest=1e-12)


def test_psi_is_one_along_the_ring_and_does_not_see_fast_directions():
    ring = circuit("motifs/ring-attractor", units=64)
    x = bump(ring, 0.7)
    mode = slow_mode(ring.jacobian(x), x, ring_angle)
    assert abs(mode.eigenvalue) < 1e-6  # 1/s, against a leak of 100
    step = 1e-3
    tangent = (bump(ring, 0.7 + step) - bump(ring, 0.7 - step)) / (2.0 * step)
    assert mode.psi @ tangent == pytest.approx(1.0, abs=1e-6)
    values, vectors = np.linalg.eig(ring.jacobian(x))
    fast = vectors[:, np.abs(values) > 1.0]
    assert np.abs(mode.psi @ fast).max() < 1e-6


def test_the_diffusion_of_theory_needs_only_the_noise_along_psi():
    ring = circuit("motifs/ring-attractor", units=32)
    x = bump(ring, 0.0)
    mode = slow_mode(ring.jacobian(x), x, ring_angle)
    sigma = np.full(32, 0.3)
    assert mode.diffusion(sigma) == pytest.approx(0.3**2 * (mode.psi @ mode.psi) / 2.0)
    assert mode.diffusion(2 * sigma) == pytest.approx(4 * mode.diffusion(sigma))


def paths(rate, count=400, steps=200, dt=0.05, sigma=0.5):
    """An Ornstein-Uhlenbeck value (a Wiener process at rate 0), exactly sampled from 0."""
    rng = np.random.default_rng(2)
    keep = np.exp(-rate * dt)
    spread = sigma * np.sqrt(dt if rate == 0 else (1 - keep**2) / (2 * rate))
    x = np.zeros((count, steps + 1))
    for step in range(steps):
        x[:, step + 1] = keep * x[:, step] + spread * rng.normal(size=count)
    return dt * np.arange(steps + 1), x


def test_a_wiener_process_diffuses_and_its_interval_holds_the_truth():
    found = diffusion(*paths(0.0), np.random.default_rng(0))
    assert found.linear
    assert found.per_s_interval[0] < 0.5**2 / 2 < found.per_s_interval[1]
    assert found.per_s == pytest.approx(0.125, rel=0.2)  # a variance of 400 paths is known to 7 %


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_a_value_held_by_a_spring_is_pinned(rate):
    assert not diffusion(*paths(rate), np.random.default_rng(0)).linear


def test_a_value_that_drifts_is_pinned_too():
    times, x = paths(0.0)
    drift = np.linspace(-1, 1, len(x))[:, None] * times  # every trial with a speed of its own: Var grows as t^2
    assert not diffusion(times, x + drift, np.random.default_rng(0)).linear


def test_the_horizon_is_censored_when_it_is_not_reached():
    times = np.array([0.0, 1.0, 2.0, 3.0])
    errors = np.array([[0.0, 0.1, 0.3, 0.1], [0.0, -0.1, 0.3, 0.1]])
    assert horizon(times, errors, 0.2) == (2.0, False)
    assert horizon(times, errors, 0.4) == (3.0, True)


def run(variant, *words):
    source = pipeline.load_scenario("hold-a-number", settings=words)
    wanted = dict(pipeline.variants(source))[variant]
    return pipeline.run_variant(variant, wanted)


def test_a_ring_of_64_holds_any_angle_and_one_of_16_does_not():
    words = ["simulate.dt=0.002", "simulate.record.every=5"]
    large = run("ring", *words).findings
    small = run("small-ring", *words).findings
    assert large.metrics["drift_rms"] < 1e-9 and large.metrics["encoding_rms"] < 1e-6
    assert 0.05 < small.metrics["drift_rms"] < 0.12  # 0.08 rad in 200 time constants
    # What is read is the angle that was put in, for all 64 of them, none between the same two units alike.
    phase = np.sort((large.arrays["values"] * 64 / (2 * np.pi)) % 1.0)
    assert np.diff(phase).max() < 0.3 and large.metrics["horizon_censored"] == 1.0


def test_the_line_forgets_at_its_eigenvalue_and_spreads_as_the_law_says():
    found = run("line", "variants.line.trials=400").findings.metrics
    assert found["leak_theory_per_s"] == pytest.approx(0.2, rel=1e-9)  # (1 - 0.98) / 0.1 s
    assert found["leak_per_s"] == pytest.approx(0.2, rel=0.03)
    # sigma^2 |psi|^2 (1 - e^{-2 lambda t}) / (2 lambda), psi = w / |w|^2 with 20 weights of size 1: |psi|^2 = 1/20
    assert found["variance_theory_end"] == pytest.approx(0.1**2 / 20 * (1 - np.exp(-4.0)) / 0.4, rel=1e-6)
    assert found["variance_ratio"] == pytest.approx(1.0, abs=0.15)


def test_a_line_without_leak_diffuses():
    source = pipeline.load_scenario("hold-a-number")
    changed = dict(source.data["variants"]["line"]) | {
        "circuits.memory": {"use": "motifs/line-attractor", "with": {"loop_gain": 1.0}}, "simulate.duration": 3.5,
    }  # fmt: skip
    source.data["variants"]["line"] = changed
    found = pipeline.run_variant("line", dict(pipeline.variants(source))["line"]).findings.metrics
    assert abs(found["leak_theory_per_s"]) < 1e-9
    assert found["variance_theory_end"] == pytest.approx(0.1**2 / 20 * 3.0, rel=1e-6)
    assert found["variance_ratio"] == pytest.approx(1.0, abs=0.25)  # 200 trials: 10 %


@pytest.mark.parametrize(
    "word, sentence",
    [
        ("hold=null", "a scenario of kind 'hold' needs a hold."),
        ("hold.pulse=puls", "circuit 'puls' is not known. Did you mean 'pulse'?"),
        ("hold.read=value", "a pulse that carries a value has 1 states, 'pulse' has 2."),
        ("hold.delay_from=9.0", "the delay must begin within the run of 2.5 s."),
        ("hold.tolerance=0", "expected more than 0, got 0"),
    ],
)
def test_wrong_words_of_a_hold_are_told(word, sentence):
    with pytest.raises(SpecError) as error:
        source = pipeline.load_scenario("hold-a-number", settings=["variants=null", word])
        spec = pipeline.parse(pipeline.Scenario, source)
        pipeline.load_task("hold").draw(build(spec, source))
    assert sentence in str(error.value)
