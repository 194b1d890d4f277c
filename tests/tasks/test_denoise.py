"""Denoising: the circuit is the estimator it claims to be, the baselines are what they are called."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie import pipeline
from neurolurie.analysis.denoising import (
    BASELINES,
    CEILING_DB,
    Damaged,
    Training,
    linear_mmse,
    nearest_prototype,
    snr_db,
    snr_each_db,
)
from neurolurie.errors import SpecError
from neurolurie.network.families.manifold import evidence, fitted_precision, grouped, slow_manifold
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import solve
from neurolurie.tasks.denoise import _damage
from neurolurie.tasks.experiment import build

SIZE, KEPT = 7, 3


def samples(seed, count=60):
    rng = np.random.default_rng(seed)
    return (
        0.5
        + 0.1 * rng.normal(size=(count, KEPT)) @ rng.normal(size=(KEPT, SIZE))
        + 0.02 * rng.normal(size=(count, SIZE))
    )


def rate_of_change(net, estimate, retina, hidden):
    return net.field(np.concatenate([estimate, retina, hidden]))


@given(
    seed=st.integers(0, 50), noise=st.floats(0.05, 1.0), hidden=st.lists(st.booleans(), min_size=SIZE, max_size=SIZE)
)
@settings(max_examples=60, deadline=None)
def test_without_the_wall_the_circuit_rests_at_the_conditional_mean(seed, noise, hidden):
    data, hidden = samples(seed), np.array(hidden)
    net = slow_manifold(data, dimensions=KEPT, noise=noise, wall=0.0, low=-5.0, high=5.0)
    mean, precision, _ = fitted_precision(data, KEPT)
    S, v = np.linalg.inv(precision), ~hidden
    retina = data[0] + noise * np.random.default_rng(seed).normal(size=SIZE)
    estimate = mean.copy()
    if v.any():
        gain = S[:, v] @ np.linalg.inv(S[np.ix_(v, v)] + noise**2 * np.eye(v.sum()))
        estimate = mean + gain @ (retina - mean)[v]
    # The fastest rate is 1/tau times (1 + e/noise^2); the retina and the attention must not move at all.
    rate = rate_of_change(net, estimate, retina, hidden.astype(float))
    assert np.abs(rate[:SIZE]).max() <= 1e-8 * np.abs(net.A).max()
    assert not rate[SIZE:].any()


def test_the_wall_keeps_pixels_in_range_and_changes_nothing_inside_it():
    data = np.clip(samples(0), 0.0, 1.0)
    with_wall, without = slow_manifold(data, dimensions=KEPT), slow_manifold(data, dimensions=KEPT, wall=0.0)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 1, SIZE), rng.uniform(0, 1, SIZE), np.zeros(SIZE)])
    assert np.allclose(with_wall.field(x), without.field(x), atol=1e-10)
    x[:SIZE] += 2.0
    assert (with_wall.field(x)[:SIZE] < without.field(x)[:SIZE]).all()


def test_the_slow_directions_are_the_principal_components():
    data = samples(3)
    net = slow_manifold(data, dimensions=KEPT, wall=0.0, time_constant=0.01)
    blind = np.concatenate([data.mean(axis=0), np.full(SIZE, 0.5), np.ones(SIZE)])  # every pixel hidden
    found = np.sort(np.linalg.eigvals(net.jacobian(blind)[:SIZE, :SIZE]).real)
    variances = np.sort(np.linalg.eigvalsh(np.cov(data.T, bias=True)))[::-1]
    across = variances[KEPT:].mean()
    expected = np.sort(np.concatenate([-across / variances[:KEPT], np.full(SIZE - KEPT, -1.0)]) / 0.01)
    assert np.allclose(found, expected, rtol=1e-9)
    assert expected[-KEPT] > 20 * expected[0]  # slow is slow: a tenth of a second against a millisecond


@given(seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_the_circuit_descends_a_strictly_convex_energy(seed):
    net = slow_manifold(samples(2), dimensions=KEPT, noise=0.2)
    x = np.random.default_rng(seed).uniform(-1, 2, 3 * SIZE)
    jacobian = net.jacobian(x)[:SIZE, :SIZE]
    assert np.allclose(jacobian, jacobian.T)
    assert np.linalg.eigvalsh(jacobian).max() < 0


def test_groups_are_weighed_until_they_add_up_and_the_estimate_rests_between_their_means():
    rng = np.random.default_rng(4)
    centres = rng.uniform(0.2, 0.8, (3, SIZE))
    data = np.concatenate([centre + samples(9, 40) - samples(9, 40).mean(axis=0) for centre in centres])
    net = slow_manifold(data, dimensions=KEPT, clusters=3, noise=0.2, wall=0.0, low=-5.0, high=5.0, seed=1)
    means, member = grouped(data, 3, 1)
    _, precision, _ = fitted_precision(data - means[member], KEPT)
    S = np.linalg.inv(precision)
    seen = data[rng.permutation(120)[:6]] + 0.2 * rng.normal(size=(6, SIZE))
    x0 = np.hstack([np.tile(data.mean(axis=0), (6, 1)), seen, np.zeros((6, SIZE)), np.zeros((6, 1))])
    problem = pose(net, x0, duration=2.0, dt=2e-4, record="final")
    final = solve(problem, "reference").final
    p = net.phi(net.preactivation(final))[:, net.parts["groups"].preactivations]
    assert p.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    prior = p @ means
    expected = prior + (seen - prior) @ np.linalg.solve(S + 0.04 * np.eye(SIZE), S)
    assert np.allclose(final[:, :SIZE], expected, atol=1e-6)


def test_the_evidence_orders_groups_as_the_posterior_does():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(4, SIZE))
    member = rng.integers(0, 4, 2000)
    data = means[member] + 0.5 * rng.normal(size=(2000, SIZE))
    weights, offsets = evidence(data, means, member, 0.3, 0.0)
    within = np.cov((data - means[member]).T, bias=True) + 0.09 * np.eye(SIZE)
    gaps = data[:50, None] - means
    share = np.bincount(member) / len(member)
    log = np.log(share) - 0.5 * np.einsum("tki,ij,tkj->tk", gaps, np.linalg.inv(within), gaps)
    found = data[:50] @ weights.T + offsets
    assert np.allclose(found - found[:, :1], log - log[:, :1], atol=1e-9)


def test_no_group_is_empty_and_every_pattern_belongs_to_the_nearest():
    data = samples(5, 200)
    means, member = grouped(data, 12, 0)
    assert (np.bincount(member, minlength=12) > 0).all()
    assert (((data[:, None] - means) ** 2).sum(axis=2).argmin(axis=1) == member).mean() > 0.95
    assert np.array_equal(grouped(data, 12, 0)[0], means)


@pytest.mark.parametrize(
    "parameters, sentence",
    [
        ({"clusters": 61}, "61 clusters need as many patterns, there are 60."),
        ({"clusters": 2, "masked": 1.0}, "masked must be a share from 0 to below 1, got 1.0."),
        ({"dimensions": SIZE}, f"dimensions must be below the number of units, {SIZE}, got {SIZE}."),
        ({"high": 0.0}, "high must lie above low, got 0.0 and 0.0."),
        ({"noise": 0.0}, "noise must be a positive number, got 0.0."),
        ({"units": 3}, f"units is 3, the patterns have {SIZE}."),
    ],
)
def test_wrong_parameters_of_the_manifold_are_told(parameters, sentence):
    with pytest.raises(SpecError) as error:
        slow_manifold(**({"patterns": samples(0), "dimensions": KEPT} | parameters))
    assert error.value.message == sentence


def test_patterns_that_span_less_than_the_dimensions_are_told():
    with pytest.raises(SpecError, match="vary in fewer than 3 directions"):
        slow_manifold(np.outer(np.arange(5.0), np.ones(SIZE)), dimensions=KEPT)


def test_the_ratio_is_pooled_and_the_mean_scores_nothing():
    clean = np.array([[0.0, 0.0], [4.0, 0.0]])
    mean = clean.mean(axis=0)
    assert snr_db(clean, np.tile(mean, (2, 1)), mean) == pytest.approx(0.0)
    assert snr_db(clean, clean, mean) == CEILING_DB
    # signal 4 + 4, error 0 + 0.8: pooled 10 dB; on their own the images have no error and 10 log10(4 / 0.8)
    answer = clean + np.array([[0.0, 0.0], [np.sqrt(0.8), 0.0]])
    assert snr_db(clean, answer, mean) == pytest.approx(10.0)
    assert snr_each_db(clean, answer, mean) == pytest.approx([CEILING_DB, 10 * np.log10(5)])


def gaussian_world(noise, hide, count=400):
    """Training and test images from one Gaussian with neighbouring pixels alike, on a grid of 4 x 4."""
    rng = np.random.default_rng(0)
    place = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    S = np.exp(-((place[:, None] - place) ** 2).sum(-1) / 4.0) + 0.01 * np.eye(16)
    images = rng.multivariate_normal(np.full(16, 0.5), S, count + 1500)
    damage = lambda x: Damaged(x + noise * rng.normal(size=x.shape), rng.random(x.shape) >= hide, noise)  # noqa: E731
    test, learnt = images[:count], images[count:]
    return (
        test,
        damage(test),
        Training(learnt, rng.integers(0, 3, len(learnt)), (4, 4), learnt[:200], damage(learnt[:200])),
    )


@pytest.mark.parametrize("noise, hide", [(0.3, 0.0), (1.0, 0.0), (0.0, 0.5)])
def test_in_a_gaussian_world_nothing_beats_the_linear_estimator(noise, hide):
    clean, seen, training = gaussian_world(noise, hide)
    scores = {name: snr_db(clean, estimate(training, seen), training.mean) for name, estimate in BASELINES.items()}
    assert max(scores, key=scores.get) == "lmmse", scores
    assert scores["lmmse"] > snr_db(clean, np.where(seen.visible, seen.values, training.mean), training.mean)


def test_the_linear_estimator_leaves_what_it_sees_without_noise():
    clean, seen, training = gaussian_world(0.0, 0.5)
    gap = (linear_mmse(training, seen) - clean)[seen.visible]
    assert np.abs(gap).max() < 0.1 * clean.std()


def test_the_nearest_prototype_compares_visible_pixels_only():
    training = Training(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1]), (1, 2), None, None)
    seen = Damaged(np.array([[0.9, -50.0]]), np.array([[True, False]]), 0.0)
    assert (nearest_prototype(training, seen) == [[1.0, 1.0]]).all()


def test_tuning_does_not_look_at_the_test():
    _, seen, training = gaussian_world(0.5, 0.0)
    half = Damaged(seen.values[:50], seen.visible[:50], seen.noise)
    for name, estimate in BASELINES.items():
        assert np.allclose(estimate(training, seen)[:50], estimate(training, half), atol=1e-9), name


def test_masks_hide_exactly_their_share_and_noise_has_its_size():
    images = np.zeros((300, 64))
    hidden = _damage(images, 0.0, 0.25, np.random.default_rng(0))
    assert ((~hidden.visible).sum(axis=1) == 16).all() and (hidden.values == 0).all()
    noisy = _damage(images, 0.8, 0.0, np.random.default_rng(0))
    assert noisy.visible.all() and noisy.values.std() == pytest.approx(0.8, rel=0.02)  # 19,200 normals: 0.5 %


def draw(settings):
    ((_, source), *_) = pipeline.variants(pipeline.load_scenario("denoise-stored", settings=settings))
    spec = pipeline.parse(pipeline.Scenario, source)
    experiment = build(spec, source)
    return experiment, pipeline.load_task(spec.kind).draw(experiment)


def test_every_condition_damages_the_same_images_and_starts_the_circuit_at_them():
    experiment, trials = draw(["trials=20"])
    conditions = len(experiment.scenario.denoise.noise) + len(experiment.scenario.denoise.mask)
    assert trials.x0.shape == (20 * conditions, 64)
    assert (trials.notes["image"].reshape(conditions, 20) == trials.notes["image"][:20]).all()
    hidden_share = (trials.x0.reshape(conditions, 20, 64)[-3:] == 0).mean(axis=(1, 2))
    assert hidden_share == pytest.approx([0.25, 0.5, 0.75])


@pytest.mark.parametrize(
    "setting, sentence",
    [
        ("denoise.baselines=[nearset]", "denoise.baselines: baseline 'nearset' is not known. Did you mean 'nearest'?"),
        (
            "denoise={images: digits.prototypes, training: digits.prototypes, into: memory}",
            "at least one level of 'noise'",
        ),
        ("denoise.into=retina", "circuit 'retina' is not known."),
        ("denoise.images=digits.tset", "part of the data 'digits' 'tset' is not known."),
        (
            "circuits.memory={use: memory/hopfield, with: {units: 16}}",
            "the images have 64 pixels, 'memory' has 16 states.",
        ),
    ],
)
def test_wrong_words_of_a_denoise_are_told(setting, sentence):
    with pytest.raises(SpecError) as error:
        draw([setting, "data.digits.prototypes={per_class: 1}"])
    assert sentence in str(error.value)


def test_the_split_is_fixed_by_its_own_seed_and_leaves_nothing_in_both():
    def parts(*settings):
        words = ["variants={}", "trials=5", "simulate.duration=0.1", *settings]
        source = pipeline.load_scenario("denoise-manifold", settings=words)
        data = build(pipeline.parse(pipeline.Scenario, source), source).data
        return [pipeline_patterns(data, name) for name in ("training", "test")]

    training, test = parts()
    assert len(training) == 1297 and len(test) == 500
    assert np.array_equal(np.sort(np.concatenate([training, test]), axis=0), np.sort(digits(), axis=0))
    assert np.array_equal(parts("seed=8")[1], test)
    assert not np.array_equal(parts("data.digits.split.seed=4")[1], test)


def pipeline_patterns(data, name):
    from neurolurie.data import find_patterns

    return find_patterns(f"digits.{name}", data).values


def digits():
    from neurolurie.data import sklearn_digits

    return sklearn_digits().samples / 16.0
