"""What a parametrisation claims is held against the vertices of the slope box, never against its formula."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie.certificates.box import SlopeBox, top_sums
from neurolurie.certificates.certify import certify
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.train import PARAMETRISATIONS
from neurolurie.train.factors import lowered
from neurolurie.train.graphs import union
from neurolurie.train.names import model_names

SPECTRAL = [name for name, cls in PARAMETRISATIONS.items() if cls.guarantee == "k-contracting"]
GRAPHS = ["graph-collection", "graph-metric"]
COMBOS = ["svd-combo", "graph-svd-combo"]
LURIE = [name for name in PARAMETRISATIONS if name != "neural-ode"]
SHARPER = [("hurwitz", "k1-hurwitz"), ("hurwitz", "non-hurwitz"), ("non-hurwitz", "k1"), ("k1", "k2"), ("k2", "metric")]


def worst(model, g=1.0) -> np.ndarray:
    """``max_D s_k(T J(D) T^-1)`` for every k over all corners of [0, g]^m, in the metric that the model states."""
    with torch.no_grad():
        A, B, C, _, _ = (part.double().numpy() for part in model.double()())
    box = SlopeBox(A, B, C, np.zeros(B.shape[1]), np.full(B.shape[1], g))
    if model.metric is not None:
        box = box.turned(np.linalg.cholesky(model.metric).T)
    return top_sums(box.jacobian(box.vertices())).max(axis=0)


def shaken(model, rng, scale=3.0):
    """Free parameters far from where `sample` puts them."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.as_tensor(rng.normal(0.0, scale, parameter.shape), dtype=parameter.dtype))
    return model


@pytest.mark.parametrize("name", SPECTRAL)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), m=st.integers(1, 6), g=st.sampled_from([0.25, 1.0, 4.0]))
def test_every_member_is_k_contracting_at_the_vertices(name, seed, k, m, g):
    rng = np.random.default_rng(seed)
    model = PARAMETRISATIONS[name](n=4, k=k, g=g, m=m, phi="logistic")
    assert worst(model.sample(rng), g)[k - 1] < 0
    assert worst(shaken(model, rng, 1.0), g)[k - 1] < 0


@pytest.mark.parametrize("name", GRAPHS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 6))
def test_the_whole_of_a_collection_is_k_contracting(name, seed, k):
    rng = np.random.default_rng(seed)
    model = PARAMETRISATIONS[name](n=6, k=k)
    for member in (model.sample(rng), shaken(model, rng, 0.7)):
        assert worst(member)[k - 1] < 0
        assert member.whole()[k - 1] >= worst(member)[k - 1] - 1e-9
        assert member.order <= k


@pytest.mark.parametrize("name", COMBOS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_svd_combos_contract(name, seed):
    assert worst(shaken(PARAMETRISATIONS[name](n=6, k=2), np.random.default_rng(seed), 1.0))[0] < 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 3))
def test_per_circuit_says_the_order_that_is_true(seed, k):
    rng = np.random.default_rng(seed)
    model = shaken(PARAMETRISATIONS["graph-per-circuit"](n=6, k=k), rng, 1.0)
    A, B, C, _ = model.pieces()
    box = SlopeBox(*(piece.detach().double().numpy()[0] for piece in (A, B, C)), np.zeros(3), np.ones(3))
    assert top_sums(box.jacobian(box.vertices())).max(axis=0)[k - 1] < 0
    assert worst(model)[model.order - 1] < 0


def test_two_hopfield_circuits_are_a_per_circuit_network_of_order_3_and_no_collection_of_order_2():
    A, B, skew = -2.5 * np.eye(3), np.ones((3, 3)), np.kron([[0.0, -1.0], [1.0, 0.0]], np.eye(3))
    network = LurieNetwork(A=np.kron(np.eye(2), A) + skew, B=np.kron(np.eye(2), B), C=np.eye(6))
    assert PARAMETRISATIONS["graph-per-circuit"](n=6, k=2).init_from(network).order == 3
    PARAMETRISATIONS["graph-collection"](n=6, k=3).init_from(network)
    with pytest.raises(SpecError, match="not a member of GraphCollection"):
        PARAMETRISATIONS["graph-collection"](n=6, k=2).init_from(network)


@pytest.mark.parametrize("name", [*SPECTRAL, *GRAPHS, *COMBOS])
@pytest.mark.parametrize("optimiser", ["Adam", "SGD", "RMSprop"])
def test_members_stay_members_under_any_optimiser(name, optimiser):
    k = 1 if name in COMBOS else 2
    model = PARAMETRISATIONS[name](n=6, k=2, seed=3)
    x0, target = torch.randn(8, 6), torch.randn(8, 6, 6)
    chosen = getattr(torch.optim, optimiser)(model.parameters(), lr=0.1, weight_decay=1e-3)
    for _ in range(6):  # pulled towards nonsense
        chosen.zero_grad()
        loss = (model.run(x0, steps=5, dt=0.1) - 5.0 * target).square().mean() - 0.1 * model()[0].diagonal().sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        chosen.step()
        assert worst(model)[k - 1] < 0
        model.float()


@pytest.mark.parametrize("name", [*SPECTRAL, *GRAPHS, *COMBOS, "graph-per-circuit", "unconstrained"])
def test_biases_are_true_or_false(name):
    with pytest.raises(SpecError, match="biases must be true or false, got 'no'"):
        PARAMETRISATIONS[name](n=6, k=2, biases="no")


@pytest.mark.parametrize("name", [*SPECTRAL, *GRAPHS, *COMBOS, "graph-per-circuit", "unconstrained"])
def test_without_biases_a_run_from_the_mirrored_start_is_the_mirrored_run(name):
    model = PARAMETRISATIONS[name](n=6, k=2, phi="tanh", biases=False, seed=1)
    free = PARAMETRISATIONS[name](n=6, k=2, phi="tanh", seed=1)
    assert model.size == free.size - 12
    x0 = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    run = lambda start: model.run(start, steps=20, dt=0.1).detach()  # noqa: E731
    torch.testing.assert_close(run(-x0), -run(x0), rtol=0, atol=0)
    again = PARAMETRISATIONS[name](n=6, k=2, phi="tanh", biases=False, seed=2)
    again.init_from(model.freeze(), metric=model.metric)
    with pytest.raises(SpecError, match="not a member"):
        again.init_from(model.freeze().replace(bx=np.ones(6)), metric=model.metric)


@pytest.mark.parametrize("name", LURIE)
def test_freeze_gives_the_same_network_and_init_from_its_own_place(name):
    first, second = (PARAMETRISATIONS[name](n=6, k=2, seed=seed) for seed in (1, 2))
    network = first.freeze()
    second.init_from(network, metric=first.metric)
    for matrix in ("A", "B", "C", "bx", "by"):
        assert np.allclose(getattr(second.freeze(), matrix), getattr(network, matrix), atol=1e-5)
    x0 = torch.as_tensor(np.random.default_rng(0).normal(size=(4, network.n)), dtype=torch.float32)
    states = first.run(x0[:, :6], steps=1, dt=1e-3, solver="euler")
    if name != "cornn":
        assert np.allclose((states[:, 1] - states[:, 0]).detach() / 1e-3, network.field(x0.numpy()), atol=2e-3)


@pytest.mark.parametrize("name", [*SPECTRAL, *GRAPHS, *COMBOS])
def test_frozen_members_are_proved_at_once(name):
    model = PARAMETRISATIONS[name](n=3, k=2, seed=5)
    certificate = certify(model.freeze(), k=model.order)
    assert certificate.status == "proved"


@pytest.mark.parametrize("small,large", SHARPER)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_sharper_bounds_contain_the_weaker_ones(small, large, seed, k):
    network = PARAMETRISATIONS[small](n=3, k=k).sample(np.random.default_rng(seed)).freeze()
    PARAMETRISATIONS[large](n=3, k=k).init_from(network)


def test_classes_that_are_strictly_larger():
    rank_one = LurieNetwork(A=-np.eye(3), B=[[2.5], [0.0], [0.0]], C=[[1.0, 0.0, 0.0]])  # K1: -0.5
    inhibition = LurieNetwork(A=-np.eye(2), B=-3.0 * np.eye(2), C=np.eye(2))  # K2 -1, K1 +2
    PARAMETRISATIONS["k1"](n=3, k=3, m=1).init_from(rank_one)
    with pytest.raises(SpecError, match="not a member of NonHurwitz"):
        PARAMETRISATIONS["non-hurwitz"](n=3, k=3, m=1).init_from(rank_one)
    PARAMETRISATIONS["k2"](n=2, k=1).init_from(inhibition)
    with pytest.raises(SpecError, match="not a member of KyFan"):
        PARAMETRISATIONS["k1"](n=2, k=1).init_from(inhibition)
    sheared = LurieNetwork(A=[[-1.0, 3.0], [0.0, -1.0]], B=0.2 * np.eye(2)[:, 1:], C=[[0.0, 1.0]])
    PARAMETRISATIONS["metric"](n=2, k=1, m=1).init_from(sheared, metric=np.diag([1.0, 16.0]))
    with pytest.raises(SpecError, match="not a member of Centred"):
        PARAMETRISATIONS["k2"](n=2, k=1, m=1).init_from(sheared)


def test_outside_says_how_far_changes_nothing_and_nearest_takes_the_member():
    network = LurieNetwork(A=np.diag([1.0, -3.0]), B=np.zeros((2, 1)), C=np.zeros((1, 2)))
    model = PARAMETRISATIONS["k2"](n=2, k=1, m=1, seed=4).double()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(SpecError, match=r"the nearest member is 1 away .* nearest=True takes that one"):
        model.init_from(network)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    nearest = model.init_from(network, nearest=True).freeze()
    assert np.allclose(nearest.A, np.diag([0.0, -3.0]), atol=2e-4)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.integers(1, 6), st.floats(-4, 4), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_lowered_is_the_nearest_point_within_the_bound(values, k, bound, seed):
    values, k = np.array(values), min(k, len(values))
    found = lowered(values, k, bound)
    total = lambda v: np.sort(v)[::-1][:k].sum()  # noqa: E731
    assert total(found) <= bound + 1e-8
    other = np.random.default_rng(seed).normal(values, 2.0)
    other -= max(0.0, total(other) - bound) / k  # any other point within
    assert np.linalg.norm(found - values) <= np.linalg.norm(other - values) + 1e-7


def test_union_is_the_best_split_over_the_circuits():
    rng = np.random.default_rng(0)
    f = [np.cumsum(np.sort(rng.normal(size=3))[::-1]) for _ in range(3)]
    pairs = np.concatenate([np.diff(each, prepend=0.0) for each in f])  # concave: the largest of the union
    assert np.allclose(union(f), np.cumsum(np.sort(pairs)[::-1]))


def test_determinants_of_both_signs_and_unstable_linear_parts_are_reached():
    signs = {np.sign(np.linalg.det(PARAMETRISATIONS["hurwitz"](n=3, k=1, seed=s).freeze().B)) for s in range(12)}
    assert signs == {-1.0, 1.0}
    unstable = LurieNetwork(A=np.diag([0.5, -3.0, -3.0]), B=0.1 * np.eye(3), C=np.eye(3))  # not Hurwitz
    PARAMETRISATIONS["non-hurwitz"](n=3, k=2).init_from(unstable)
    with pytest.raises(SpecError, match="not a member of Hurwitz"):
        PARAMETRISATIONS["hurwitz"](n=3, k=2).init_from(unstable)


def test_edges_of_a_graph_are_the_only_couplings():
    model = PARAMETRISATIONS["graph-collection"](n=9, k=3, graph=nx.path_graph(3))
    A = model.freeze().A
    assert not A[0:3, 6:9].any() and not A[6:9, 0:3].any()
    assert A[0:3, 3:6].all() and A[3:6, 6:9].all()


def test_a_neural_ode_does_not_freeze_and_says_so():
    with pytest.raises(SpecError, match="a Neural ODE is not of Lurie form"):
        PARAMETRISATIONS["neural-ode"](n=3, k=1).freeze()


def test_neural_ode_follows_the_solver():
    model = PARAMETRISATIONS["neural-ode"](n=1, k=1, width=4)
    with torch.no_grad():
        for part in model.field:
            if hasattr(part, "weight"):
                part.weight.zero_(), part.bias.fill_(0.5)
    states = model.run(torch.zeros(2, 1), steps=10, dt=0.1, every=5)
    assert torch.allclose(states[:, :, 0], torch.tensor([0.0, 0.25, 0.5]).expand(2, 3))


@pytest.mark.parametrize(
    "call,sentence",
    [
        (lambda: PARAMETRISATIONS["k2"](n=2, k=3), "k is 3, expected at most n = 2"),
        (lambda: PARAMETRISATIONS["k2"](n=0, k=1), "n must be a whole number from 1, got 0"),
        (lambda: PARAMETRISATIONS["k2"](n=2, k=1, g=-1.0), "g must be a positive number"),
        (lambda: PARAMETRISATIONS["k2"](n=2, k=1, phi="gelu"), "slopes in .* was made for .* with g = 1"),
        (lambda: PARAMETRISATIONS["graph-metric"](n=4, k=1, size=3), "circuits of 3 states do not make up 4"),
        (lambda: PARAMETRISATIONS["graph-metric"](n=4, k=1, graph=nx.path_graph(3)), "has 3 nodes, expected 2"),
        (
            lambda: PARAMETRISATIONS["k2"](n=2, k=1).init_from(LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]])),
            "1 states and 1 preactivations, the model 2 and 2",
        ),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(call, sentence):
    with pytest.raises(SpecError, match=sentence):
        call()


@pytest.mark.parametrize("name", [*SPECTRAL, *GRAPHS])
@pytest.mark.parametrize("g", [0.5, 2.0])
def test_a_phi_within_the_slopes_is_chosen(name, g):
    model = PARAMETRISATIONS[name](n=3, k=2, g=g).sample(7)
    assert model.phi.slope_range()[1].max() <= g
    assert certify(model.freeze(), k=2).status == "proved"


def test_names_are_listed_without_torch():
    import subprocess
    import sys

    code = "import sys; from neurolurie.train.names import model_names as f; print(len(f()), 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [str(len(PARAMETRISATIONS)), "False"]
    assert model_names() == list(PARAMETRISATIONS)
