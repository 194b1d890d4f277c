"""Coupling rules by distance, sparse random and of low rank: weights written out by hand, counts, moments, sentences."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.connectivity import make_coupling


def weights(rule, rows, columns, seed=0, **parameters):
    return make_coupling(rule, rows, columns, np.random.default_rng(seed), parameters).matrix


def by_hand(rows, columns, on, kernel):
    """The kernel of the distance of every pair, with loops."""
    W = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            if on == "ring":
                d = abs(2 * np.pi * i / rows - 2 * np.pi * j / columns)
                d = min(d, 2 * np.pi - d)
            else:
                d = abs((i + 0.5) / rows - (j + 0.5) / columns)
            W[i, j] = kernel(d) / columns
    return W


@pytest.mark.parametrize("rows, columns", [(5, 5), (4, 7), (7, 3)])
@pytest.mark.parametrize("on", ["ring", "line"])
@pytest.mark.parametrize("reach", [None, 0.1, 0.9, 10.0])
def test_distance_is_its_formula(rows, columns, on, reach):
    def cut(kernel):
        return lambda d: kernel(d) if reach is None or d <= reach + 1e-9 else 0.0

    gaussian = weights("distance", rows, columns, on=on, strength=2.0, width=0.4, baseline=-0.3, reach=reach)
    expected = by_hand(rows, columns, on, cut(lambda d: 2.0 * np.exp(-d * d / (2 * 0.4**2)) - 0.3))
    assert sparse.issparse(gaussian) == (reach is not None)
    assert np.asarray(sparse.csr_array(gaussian).toarray()) == pytest.approx(expected, abs=1e-14)
    hat = weights(
        "distance", rows, columns, shape="difference-of-gaussians", on=on, strength=2.0, width=0.3, surround_strength=1.0,
        surround_width=0.9, reach=reach,
    )  # fmt: skip
    expected = by_hand(
        rows, columns, on, cut(lambda d: 2.0 * np.exp(-d * d / (2 * 0.3**2)) - np.exp(-d * d / (2 * 0.9**2)))
    )
    assert sparse.csr_array(hat).toarray() == pytest.approx(expected, abs=1e-14)


def test_cosine_on_a_ring_is_the_kernel_of_the_ring_attractor():
    from neurolurie.network.circuits import circuit

    ring = circuit("motifs/ring-attractor", units=12, time_constant=1.0)
    assert weights("distance", 12, 12, shape="cosine", strength=8.0, baseline=-4.0) == pytest.approx(ring.B, abs=1e-14)


def test_a_kernel_with_a_reach_stays_sparse_where_the_full_matrix_would_not_fit():
    W = weights("distance", 200_000, 200_000, on="line", width=1e-5, reach=2e-5)
    assert W.nnz <= 9 * 200_000 and W[1000, 1004] > 0 and W[1000, 1006] == 0


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 30), columns=st.integers(1, 30), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_an_in_degree_is_kept_exactly_with_different_sources(rows, columns, share, seed):
    degree = round(share * columns)
    W = weights("sparse-random", rows, columns, seed, in_degree=degree, distribution="constant", scale=0.5)
    assert sparse.issparse(W) and W.shape == (rows, columns)
    assert ((W.toarray() == 0.5).sum(axis=1) == degree).all() and set(np.unique(W.toarray())) <= {0.0, 0.5}


@pytest.mark.parametrize("probability", [0.02, 0.5, 0.9])
def test_every_pair_is_as_likely_as_the_probability_says(probability):
    W = weights("sparse-random", 400, 300, probability=probability, distribution="constant").toarray()
    assert W.mean() == pytest.approx(probability, abs=5 * np.sqrt(probability * (1 - probability) / W.size))
    for axis in (0, 1):  # no row and no column is favoured
        spread = np.sqrt(probability * (1 - probability) / W.shape[axis])
        assert np.abs(W.mean(axis=axis) - probability).max() < 5 * spread
    assert weights("sparse-random", 5, 6, probability=0.0).nnz == 0
    assert weights("sparse-random", 5, 6, probability=1.0, distribution="constant").toarray() == pytest.approx(1.0)


def test_weights_have_the_stated_moments_and_follow_the_seed():
    W = weights("sparse-random", 2000, 1000, in_degree=20, scale=3.0)
    assert W.data.std() == pytest.approx(3.0 / np.sqrt(20), rel=0.03) and abs(W.data.mean()) < 0.02
    U = weights("sparse-random", 2000, 1000, in_degree=20, scale=3.0, distribution="uniform").data
    assert U.min() < -2.9 and U.max() > 2.9 and np.abs(U).max() <= 3.0
    again, other = (weights("sparse-random", 2000, 1000, seed, in_degree=20, scale=3.0) for seed in (0, 1))
    assert (again != W).nnz == 0 and (other != W).nnz > 0


def test_low_rank_is_its_factors_and_has_its_rank():
    M, N = [[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]], [[1.0, 2.0], [3.0, 4.0]]
    assert weights("low-rank", 3, 2, left=M, right=N, scale=2.0) == pytest.approx(2.0 * np.array(M) @ np.array(N).T / 2)
    drawn = weights("low-rank", 50, 40, rank=3)
    assert np.linalg.matrix_rank(drawn) == 3
    assert drawn.var() * 40**2 == pytest.approx(3.0, rel=0.5)  # a sum of 3 products of standard normals


@pytest.mark.parametrize("rule, parameters, sentence", [
    ("distance", dict(shape="gausian", width=1.0), "shape 'gausian' is not known. Did you mean 'gaussian'?"),
    ("distance", dict(), "shape 'gaussian' needs a parameter 'width'."),
    ("distance", dict(shape="cosine", width=1.0), "shape 'cosine' has no parameter 'width'."),
    ("distance", dict(shape="cosine", on="line"), "shape 'cosine' needs a ring; on a line use 'gaussian' or 'difference-of-gaussians'."),
    ("distance", dict(on="sphere", width=1.0), "place 'sphere' is not known. Known: line, ring."),
    ("distance", dict(width=0.0), "width must be a positive number, got 0.0."),
    ("distance", dict(width=1.0, reach=-1), "reach must be a positive number, got -1."),
    ("distance", dict(shape="difference-of-gaussians", width=1.0), "shape 'difference-of-gaussians' needs a parameter 'surround_strength'."),
    ("sparse-random", dict(), "sparse-random needs either 'probability' or 'in_degree'."),
    ("sparse-random", dict(probability=0.1, in_degree=2), "sparse-random needs either 'probability' or 'in_degree'."),
    ("sparse-random", dict(probability=1.5), "probability must lie between 0 and 1, got 1.5."),
    ("sparse-random", dict(in_degree=5), "in_degree is 5, the source has 4 units."),
    ("sparse-random", dict(in_degree=2, scale=-1.0), "scale must not be negative, got -1.0."),
    ("sparse-random", dict(in_degree=2, distribution="gauss"), "distribution 'gauss' is not known. Known: constant, normal, uniform."),
    ("low-rank", dict(), "low-rank needs either 'rank' or both 'left' and 'right'."),
    ("low-rank", dict(left=[1.0] * 4), "low-rank needs either 'rank' or both 'left' and 'right'."),
    ("low-rank", dict(rank=5), "rank is 5, a 4 x 4 matrix has at most 4."),
    ("low-rank", dict(left=[1.0, 2.0], right=[1.0] * 4), "left has shape (2, 1), expected (4, rank)."),
    ("low-rank", dict(left=[1.0] * 4, right=[[1.0, 2.0]] * 4), "left has 1 columns, right has 2: one rank is needed."),
])  # fmt: skip
def test_wrong_parameters_are_told(rule, parameters, sentence):
    with pytest.raises(SpecError) as caught:
        weights(rule, 4, 4, **parameters)
    assert sentence in str(caught.value)
