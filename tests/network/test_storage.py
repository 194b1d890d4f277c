"""Storage rules against the loops of the textbook, and the phenomena that tell them apart."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie.errors import SpecError
from neurolurie.network.storage import STORAGE, hetero_associative, require_patterns, store


@st.composite
def patterns(draw, fewer_than_units=False):
    units = draw(st.integers(2, 12))
    count = draw(st.integers(1, units - 1 if fewer_than_units else 6))
    return np.random.default_rng(draw(st.integers(0, 2**32))).choice([-1.0, 1.0], (count, units))


def hebb_by_loops(X):
    count, N = X.shape
    W = np.zeros((N, N))
    for i in range(N):
        for j in range(N):
            W[i, j] = sum(X[p, i] * X[p, j] for p in range(count)) / N
    return W


def storkey_by_loops(X):
    """Storkey 1997, equation as printed: h_ij = sum over k other than i and j of w_ik xi_k."""
    count, N = X.shape
    W = np.zeros((N, N))
    for xi in X:
        h = np.zeros((N, N))
        for i in range(N):
            for j in range(N):
                h[i, j] = sum(W[i, k] * xi[k] for k in range(N) if k not in (i, j))
        new = W.copy()
        for i in range(N):
            for j in range(N):
                new[i, j] += (xi[i] * xi[j] - xi[i] * h[j, i] - h[i, j] * xi[j]) / N
        W = new
    return W


@settings(max_examples=40, deadline=None)
@given(X=patterns())
def test_hebb_and_storkey_are_their_sums(X):
    assert store(X, "hebbian") == pytest.approx(hebb_by_loops(X), abs=1e-14)
    assert store(X, "storkey") == pytest.approx(storkey_by_loops(X), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(X=patterns())
@pytest.mark.parametrize("rule", STORAGE)
def test_weights_are_symmetric_and_the_diagonal_can_be_set(rule, X):
    W = store(X, rule)
    assert W == pytest.approx(W.T, abs=1e-12)
    for value in (0.0, 0.3):
        changed = store(X, rule, self_coupling=value)
        assert (np.diag(changed) == value).all()
        off = ~np.eye(len(W), dtype=bool)
        assert (changed[off] == W[off]).all()


@settings(max_examples=40, deadline=None)
@given(X=patterns())
def test_the_pseudo_inverse_projects_on_the_patterns_and_so_keeps_them(X):
    W = store(X, "pseudo-inverse")
    assert X @ W == pytest.approx(X, abs=1e-11)
    assert W @ W == pytest.approx(W, abs=1e-11)
    assert np.trace(W) == pytest.approx(np.linalg.matrix_rank(X), abs=1e-10)


@pytest.mark.parametrize("storage", ["hebbian", "pseudo-inverse"])
def test_a_pattern_is_turned_into_its_partner(storage):
    rng = np.random.default_rng(3)
    # Rows of a Hadamard matrix are orthogonal: then Hebb's form is exact as well.
    H = np.array([[1]])
    for _ in range(4):
        H = np.block([[H, H], [H, -H]])
    X, Y = H[:5].astype(float), rng.choice([-1.0, 1.0], (5, 7))
    W = hetero_associative(X, Y, storage)
    assert W.shape == (7, 16)
    assert X @ W.T == pytest.approx(Y, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(X=patterns(fewer_than_units=True), seed=st.integers(0, 999))
def test_hetero_association_is_exact_for_independent_patterns(X, seed):
    if np.linalg.matrix_rank(X) < len(X):
        return
    Y = np.random.default_rng(seed).choice([-1.0, 1.0], (len(X), 5))
    assert X @ hetero_associative(X, Y).T == pytest.approx(Y, abs=1e-9)


def kept(rule, count, units=200, seed=0):
    """Share of bits that one synchronous update keeps, averaged over ten sets of random patterns."""
    rng, shares = np.random.default_rng(seed), []
    for _ in range(10):
        X = rng.choice([-1.0, 1.0], (count, units))
        shares.append((np.sign(X @ store(X, rule, 0.0).T) == X).all(axis=1).mean())
    return float(np.mean(shares))


def test_hebb_holds_few_unrelated_patterns_and_loses_all_far_beyond_its_capacity():
    # Exact recall with no wrong bit needs count < N / (2 ln N) = 18.9 for N = 200 (McEliece et al. 1987); 0.138 N is 27.6.
    few, some, many = (kept("hebbian", count) for count in (5, 28, 80))
    assert few > 0.99 and some < 0.9 and many < 0.01


def test_the_rules_differ_where_hebb_fails():
    # 40 patterns on 200 units, 0.2 N: beyond Hebb, within Storkey's N / sqrt(2 ln N) = 61, far within the projection's N.
    assert kept("hebbian", 40) < 0.3
    assert kept("storkey", 40) > kept("hebbian", 40) + 0.3
    assert kept("pseudo-inverse", 40) == 1.0


@pytest.mark.parametrize("patterns, sentence", [
    ([1.0, -1.0], "patterns must be an array (count, units) of finite numbers, got shape (2,)."),
    (np.zeros((0, 3)), "patterns must be an array (count, units) of finite numbers, got shape (0, 3)."),
    ([[1.0, np.nan]], "patterns must be an array (count, units) of finite numbers, got shape (1, 2)."),
    ("digits.prototypes", "patterns must be an array (count, units) of numbers, got 'digits.prototypes'."),
    ([[1.0], [1.0, 2.0]], "patterns must be an array (count, units) of numbers, got [[1.0], [1.0, 2.0]]."),
])  # fmt: skip
def test_what_is_no_set_of_patterns_is_told(patterns, sentence):
    with pytest.raises(SpecError) as caught:
        require_patterns(patterns)
    assert str(caught.value) == sentence


def test_unknown_rules_and_unpaired_patterns_are_told():
    X = np.ones((2, 3))
    with pytest.raises(SpecError, match=r"^storage rule 'hebian' is not known\. Did you mean 'hebbian'\? Known: hebb"):
        store(X, "hebian")
    with pytest.raises(SpecError, match=r"^storage rule 'storkey' is not known\. Known: hebbian, pseudo-inverse\.$"):
        hetero_associative(X, X, "storkey")
    with pytest.raises(SpecError, match=r"^2 source patterns and 1 target patterns: pairs are needed\.$"):
        hetero_associative(X, X[:1])
