"""Laws of certificates on random networks: ordered bounds, no proof that a reachable state contradicts, energies that
fall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie.certificates import certify, closed_forms, energy_of, falsify, lure, multipliers, vertices, weights
from neurolurie.certificates import compound as compound_rung
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.proofs import compound, compound_places
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

KINDS = sorted(set(NONLINEARITIES) - {"cubic"})
seeds = st.integers(0, 2**32 - 1)


def random_network(seed: int, largest: int = 4) -> LurieNetwork:
    """Networks of every temper: unstable, non-normal, defective, cascades, rank-deficient, mixed."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, largest + 1, 2)
    A = rng.normal(size=(n, n)) * rng.choice([0.1, 1.0]) - rng.choice([0.3, 1.0, 3.0]) * np.eye(n)
    if rng.random() < 0.2:
        A = np.triu(A) * rng.choice([1.0, 30.0])
        np.fill_diagonal(A, -1.0)
    B = rng.normal(size=(n, m)) * 10.0 ** rng.uniform(-1.5, 0.7)
    C = rng.normal(size=(m, n))
    if rng.random() < 0.2:
        C[:, rng.integers(n)] = 0.0
    kinds = list(rng.choice(KINDS, m)) if rng.random() < 0.5 else str(rng.choice(KINDS))
    return LurieNetwork(A=A, B=B, C=C, by=rng.normal(size=m), bx=rng.normal(size=n), phi=kinds)


def contradiction(network: LurieNetwork, seed: int) -> str | None:
    """A proof that a reachable state contradicts, or a refutation of what is proved; None if all is well."""
    k = int(np.random.default_rng(seed).integers(1, network.n + 1))
    answer = certify(network, k=k)
    if answer.status == "proved":
        found = falsify(network, k, seed=seed, effort=3)
        if found is not None and found.total > -answer.margin * (1 - 1e-9) + 1e-9 * (1 + found.scale):
            return f"{answer.sentence()} but at a reachable state the sum is {found.total}"
    if answer.status == "refuted":
        J = network.jacobian(answer.witness["state"])
        if np.sort(np.linalg.eigvals(J).real)[::-1][:k].sum() <= 0:
            return f"{answer.sentence()} but its own state does not show it"
    return None


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_no_reachable_state_contradicts_a_proof(seed):
    assert contradiction(random_network(seed), seed) is None


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(-16, -6), st.booleans())
def test_a_hair_from_the_boundary_no_answer_is_wrong(seed, exponent, inside):
    """Symmetric Jacobians, shifted until the true bound is a hair from zero: eigenvalues are then right to rounding."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    k = int(rng.integers(1, n + 1))
    A, B = rng.normal(size=(2, n, n))
    A = A + A.T
    network = LurieNetwork(A=A, B=B, C=B.T, by=-B.T @ rng.normal(size=n))
    top = np.linalg.eigvalsh(A + B @ B.T)[-k:].sum()  # D = I is the worst corner, and every y is reachable
    hair = 10.0**exponent * (1 + abs(top)) * (1 if inside else -1)
    answer = certify(network.replace(A=A - (top / k + hair) * np.eye(n)), k=k, budget=5)
    rounding = 1e-13 * (1 + np.abs(A).sum() + np.abs(B @ B.T).sum())
    if k * hair < -rounding:
        assert not answer.holds
    if k * hair > rounding:
        assert answer.status != "refuted"


@pytest.mark.slow
def test_no_reachable_state_contradicts_ten_thousand_proofs():
    wrong = [note for seed in range(10_000) if (note := contradiction(random_network(seed), seed))]
    assert not wrong


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_bounds_are_ordered_and_never_below_a_corner(seed):
    box = SlopeBox.of(random_network(seed))
    one, two, three = closed_forms.theorem_1(box), closed_forms.k1(box), closed_forms.k2(box)
    slack = 1e-9 * (1 + np.abs(one).max())
    assert (two <= one + slack).all() and (three <= two + slack).all()
    for k in range(1, box.n + 1):
        exact = -vertices.check(box, k, {})
        assert exact <= three[k - 1] + slack
        S = multipliers.optimise(box, k, move=False)
        assert exact <= -multipliers.check(box, k, S) + slack


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_every_witness_bounds_the_corners_eigenvalues(seed):
    network = random_network(seed)
    box = SlopeBox.of(network)
    corners = np.linalg.eigvals(box.jacobian(box.vertices())).real
    for k in range(1, box.n + 1):
        worst = np.sort(corners, axis=1)[:, ::-1][:, :k].sum(axis=1).max()
        slack = 1e-6 * (1 + np.abs(corners).max())
        for rung, subject in ((weights, network), (vertices, box), (lure, box), (compound_rung, box)):
            if rung.applies(subject, k) is None:
                for finding in rung.search(subject, k):
                    assert finding.margin is None or finding.margin <= -worst + slack, finding.method


@given(seeds, st.integers(2, 5), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_the_two_compounds_agree(seed, n, k):
    J = np.random.default_rng(seed).normal(size=(n, n))
    k = min(k, n)
    assert np.allclose(compound_rung.additive(J, k), compound(J, compound_places(n, k)), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_the_energy_of_symmetric_circuits_never_rises(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    W = rng.normal(size=(n, n)) * 2
    W = W + W.T
    tau, gain = rng.uniform(0.01, 2, n), rng.uniform(0.3, 3, n)
    kinds = [str(name) for name in rng.choice(["tanh", "logistic", "softplus", "erf", "relu", "hard-tanh"], n)]
    network = LurieNetwork(
        A=-np.diag(1 / tau),
        B=W / tau[:, None],
        C=np.diag(gain),
        by=rng.normal(size=n),
        bx=rng.normal(size=n),
        phi=kinds,
    )
    energy = energy_of(network)
    x = rng.normal(size=(50, n)) * 3
    step = 1e-7 * tau.min()
    speed = network.field(x)
    measured = (energy.value(x + step * speed) - energy.value(x - step * speed)) / (2 * step)
    assert (energy.rate(x) <= 0).all()
    assert np.allclose(measured, energy.rate(x), rtol=1e-4, atol=1e-5 * (1 + np.abs(energy.rate(x)).max()))


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_everything_in_a_certified_basin_ends_at_its_equilibrium(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    W = rng.normal(size=(n, n)) * 3 / np.sqrt(n)
    network = LurieNetwork(A=-np.eye(n), B=W + W.T, C=np.eye(n), phi=Phi.of("tanh", n))
    x = rng.normal(size=n)
    for _ in range(4000):
        x = x + 0.02 * network.field(x)
    answer = certify(network, claim="basin", equilibrium=x)
    if not answer.holds:
        return
    box = answer.witness["boxes"][0]
    corner = rng.integers(0, 2, size=(40, n))
    starts = np.where(corner, box["low"], box["high"])
    starts = starts + rng.random((40, 1)) * (x - starts)
    assert answer.contains(starts).all() and not answer.contains(x + 10 * (box["high"] - box["low"]).max())
    for _ in range(8000):
        starts = starts + 0.02 * network.field(starts)
    assert np.abs(starts - answer.witness["centre"]).max() < 1e-4
