"""Composed networks: the max-plus rule, what couplings cost, and where the published reading of the graph theorem
fails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie.certificates import certify, composition, proofs_composition, repair, verify, vertices
from neurolurie.certificates.box import SlopeBox
from neurolurie.network.lurie import LurieNetwork, Part


def composed(circuits, L=None, phi="tanh") -> LurieNetwork:
    """Circuits (A, B, C) side by side, plus a coupling matrix between their states."""
    parts, n, m = {}, 0, 0
    for q, (A, B, _) in enumerate(circuits):
        parts[f"c{q}"] = Part(slice(n, n + len(A)), slice(m, m + B.shape[1]))
        n, m = n + len(A), m + B.shape[1]
    block = lambda i: sparse.block_diag([circuit[i] for circuit in circuits]).toarray()  # noqa: E731
    A = block(0) + (0 if L is None else L)
    return LurieNetwork(A=A, B=block(1), C=block(2), phi=phi, parts=parts)


HOPFIELD = (-2.5 * np.eye(3), np.ones((3, 3)), np.eye(3))


@pytest.mark.parametrize("w", [0.0, 0.1, 1.0])
def test_two_2_contracting_hopfields_are_3_contracting_and_not_2(w):
    net = composed([HOPFIELD, HOPFIELD], np.kron([[0, -w], [w, 0]], np.eye(3)))
    assert certify(net, k=2).status == "refuted"
    three = certify(net, k=3)
    assert three.status == "proved"
    F = composition.Decomposition.of(net).total(np.ones(2))
    assert F[:3] == pytest.approx([0.5, 1.0, -1.5])


def test_one_plus_the_sum_of_k_minus_one_is_not_enough():
    wild, tame = np.diag([100.0, -101.0]), -np.eye(2)
    net = composed([(wild, np.zeros((2, 1)), np.zeros((1, 2))), (tame, np.zeros((2, 1)), np.zeros((1, 2)))])
    assert certify(net, k=2).status == "refuted"
    assert composition.Decomposition.of(net).total(np.ones(2))[1] == pytest.approx(99.0)


def test_feed_forward_gains_are_free_whatever_their_size():
    one = (-np.eye(2), 0.5 * np.eye(2), np.eye(2))
    L = np.zeros((6, 6))
    L[2:4, :2] = L[4:, 2:4] = 1e6
    answer = certify(composed([one, one, one], L), k=1)
    assert answer.status == "proved" and answer.method == "composition F(K)"
    assert answer.margin == pytest.approx(0.5, rel=1e-6)


def test_a_failing_loop_is_blamed_with_the_gain_that_would_do():
    one = (-np.eye(2), 0.5 * np.eye(2), np.eye(2))
    L = np.kron([[0.0, 0.8], [0.8, 0.0]], np.eye(2))
    net = composed([one, one], L)
    note = next(one.note for one in certify(net, k=1).tried if one.method == "composition F(K)")
    assert "edge c1 -> c0 costs most (0.8 /s): scaled by at most 0.625 the claim would hold" in note


def test_repair_scales_or_skews_the_coupling_and_the_claim_holds_again():
    one = (-np.eye(2), 0.5 * np.eye(2), np.eye(2))
    symmetric = repair(composed([one, one], np.kron([[0.0, 0.8], [0.8, 0.0]], np.eye(2))), k=1)
    assert symmetric.kind == "scale" and 0.62 <= symmetric.gain <= 0.626 and symmetric.after.status == "proved"
    turn = 2.0 * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    L = np.kron(turn + 0.2 * (np.ones((3, 3)) - np.eye(3)), np.eye(2))
    nearly_skew = repair(composed([(-0.6 * np.eye(2), 0.5 * np.eye(2), np.eye(2))] * 3, L), k=1)
    assert nearly_skew.kind == "skew" and nearly_skew.after.status == "proved"
    assert nearly_skew.change < 0.2
    hopeless = repair(composed([HOPFIELD, HOPFIELD]), k=1)
    assert hopeless.kind == "impossible" and not hopeless.found


def test_a_strong_loop_between_two_of_many_circuits_stays_local():
    """One loop of strength 3 among 40 circuits at -0.48: its four states at +2.5 are paid for by 22 others, not by
    80."""
    L = np.zeros((80, 80))
    L[0, 20], L[20, 0] = 3.0, 3.0
    for q in range(40):  # a weak ring ties all circuits into one component
        L[2 * q + 1, (2 * q + 3) % 80] += 0.01
        L[(2 * q + 3) % 80, 2 * q + 1] += 0.01
    net = composed([(-np.eye(2), 0.5 * np.eye(2), np.eye(2))] * 40, L)
    assert composition.smallest_order(composition.Decomposition.of(net)) == 26
    note = next(one.note for one in certify(net, k=1, budget=1).tried if one.method == "composition F(K)")
    assert "edge c10 -> c0 costs most (3 /s): scaled by at most 0.16" in note


def random_composition(seed):
    rng = np.random.default_rng(seed)
    circuits = []
    for _ in range(int(rng.integers(2, 4))):
        n, m = rng.integers(1, 4), rng.integers(1, 3)
        circuits.append((rng.normal(size=(n, n)) - 2 * np.eye(n), rng.normal(size=(n, m)), rng.normal(size=(m, n))))
    net = composed(circuits)
    states, reads = composition.owners(net)
    off = states[:, None] != states[None, :]
    link = rng.random((len(circuits),) * 2) < 0.5
    mask = off & link[states][:, states]
    cross = (reads[:, None] != states[None, :]) & link[reads][:, states]
    return net.replace(
        A=net.A + 0.3 * mask * rng.normal(size=net.A.shape), C=net.C + 0.3 * cross * rng.normal(size=net.C.shape)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_feed_forward_scaling_F_bounds_every_corner(seed):
    """With one strongly connected component F(K) bounds the corners of the whole network in P = I."""
    net = random_composition(seed)
    parts = composition.Decomposition.of(net)
    w = np.random.default_rng(seed).uniform(0.5, 2, len(net.parts))
    F, box = parts.total(w), SlopeBox.of(net)
    low, high = net.phi.slope_range()
    for k in range(1, net.n + 1):
        rigorous = proofs_composition.bound(net, low, high, k, w)
        assert rigorous >= F[k - 1] - 1e-9
        assert rigorous <= F[k - 1] + 1e-9 * (1 + np.abs(F).max())
        if len(set(parts.component)) == 1:
            assert -vertices.check(box, k, {}) <= F[k - 1] + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_F_bounds_the_spectrum_of_every_corner(seed):
    net = random_composition(seed)
    parts = composition.Decomposition.of(net)
    F, box = parts.total(parts.weights()), SlopeBox.of(net)
    real = np.sort(np.linalg.eigvals(box.jacobian(box.vertices())).real, axis=1)[:, ::-1]
    assert (np.cumsum(real, axis=1).max(axis=0) <= F + 1e-6 * (1 + np.abs(F).max())).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_dynamic_programme_is_exact_and_the_hull_above_it(seed):
    rng = np.random.default_rng(seed)
    f = np.full((3, 4), -np.inf)
    f[:, 0] = 0
    for row, size in zip(f, rng.integers(1, 4, 3), strict=True):
        row[1 : size + 1] = rng.normal(size=size)
    n = int(np.isfinite(f).sum() - 3)
    best = np.full(n + 1, -np.inf)
    for j in np.ndindex(4, 4, 4):
        if sum(j) <= n:
            best[sum(j)] = max(best[sum(j)], f[0, j[0]] + f[1, j[1]] + f[2, j[2]])
    assert np.allclose(composition.by_dynamic_programme(f, n), best[1:])
    assert (composition.by_hulls(f) >= best[1:] - 1e-12).all()


def test_a_thousand_circuits_are_proved_and_verified(tmp_path):
    rng = np.random.default_rng(0)
    Q, n = 1000, 8
    blocks = lambda size: sparse.csr_array(sparse.block_diag(list(size * rng.normal(size=(Q, n, n)))))  # noqa: E731
    place = rng.integers(0, Q * n, (2, 3000))
    L = sparse.coo_array((0.01 * rng.normal(size=3000), tuple(place)), shape=(Q * n, Q * n))
    parts = {f"c{q}": Part(slice(q * n, (q + 1) * n), slice(q * n, (q + 1) * n)) for q in range(Q)}
    A = blocks(0.1) - sparse.eye_array(Q * n) + L
    answer = certify(LurieNetwork(A=A, B=blocks(0.1), C=blocks(0.1), parts=parts))
    assert (answer.status, answer.k, answer.method) == ("proved", 1, "composition F(K)")
    answer.save(tmp_path / "big.json")
    assert verify(tmp_path / "big.json").valid
