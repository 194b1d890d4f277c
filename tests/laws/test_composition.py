"""Composition: the whole's field is the circuits' fields plus the couplings, whatever is nested, sparse or reordered."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.connectivity import RULES, Coupling
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.projection import Projection

KINDS = ("tanh", "relu", "gelu", "sine", "softplus")
PORTS = [("state", "rate"), ("out", "rate"), ("state", "in")]
seeds = st.integers(0, 2**32)


def network(rng, square=False, inputs=True):
    n = int(rng.integers(1, 5))
    m = n if square else int(rng.integers(1, 5))
    E = rng.normal(size=(n, int(rng.integers(0, 3)))) if inputs else None
    C = np.eye(n) * rng.uniform(1, 2, n) + 0.1 * rng.normal(size=(n, n)) if square else rng.normal(size=(m, n))
    return LurieNetwork(
        A=-np.diag(rng.uniform(1, 3, n)), B=rng.normal(size=(n, m)), C=C, bx=rng.normal(size=n), by=rng.normal(size=m), E=E,
        phi=[KINDS[i] for i in rng.integers(len(KINDS), size=m)],
    )  # fmt: skip


def size(net, port):
    return net.n if port in ("state", "rate") else net.m


@settings(max_examples=80, deadline=None)
@given(seed=seeds, ports=st.lists(st.sampled_from(PORTS), max_size=6), count=st.integers(1, 4), thin=st.booleans())
def test_the_field_of_the_whole_is_that_of_the_circuits_plus_the_couplings(seed, ports, count, thin):
    rng = np.random.default_rng(seed)
    circuits = {f"c{i}": network(rng) for i in range(count)}
    graph, couplings = CircuitGraph(), []
    for name, net in circuits.items():
        graph.add(name, net)
    for source_port, target_port in ports:
        a, b = (f"c{i}" for i in rng.integers(count, size=2))
        W = rng.normal(size=(size(circuits[b], target_port), size(circuits[a], source_port)))
        graph.couple(f"{a}.{source_port}", f"{b}.{target_port}", sparse.csr_array(W) if thin else W)
        couplings.append((a, source_port, b, target_port, W))
    whole = graph.compose()
    x = {name: rng.normal(size=net.n) for name, net in circuits.items()}
    u = {name: rng.normal(size=net.E.shape[1]) for name, net in circuits.items()}
    # By hand: preactivations first, with what reaches them from states; then rates.
    y = {name: net.C @ x[name] + net.by for name, net in circuits.items()}
    for a, _, b, target_port, W in couplings:
        if target_port == "in":
            y[b] = y[b] + W @ x[a]
    out = {name: net.phi(y[name]) for name, net in circuits.items()}
    rate = {name: net.A @ x[name] + net.B @ out[name] + net.bx + net.E @ u[name] for name, net in circuits.items()}
    for a, source_port, b, target_port, W in couplings:
        if target_port == "rate":
            rate[b] = rate[b] + W @ (x[a] if source_port == "state" else out[a])
    field = whole.field(np.concatenate(list(x.values())), np.concatenate(list(u.values())))
    assert field == pytest.approx(np.concatenate(list(rate.values())), abs=1e-11)
    for name, part in whole.parts.items():
        assert field[part.states] == pytest.approx(rate[name], abs=1e-11)
        labels = tuple(f"{name}.{label}" for label in circuits[name].states)
        assert whole.states[part.states] == labels
        assert whole.phi.names[part.preactivations] == circuits[name].phi.names
    assert whole.is_sparse == False  # noqa: E712 (small networks are composed dense, whatever the couplings are stored as)


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_out_to_in_raises_the_preactivation_at_rest_by_w_phi(seed):
    rng = np.random.default_rng(seed)
    source, target = network(rng, inputs=False), network(rng, square=True, inputs=False)
    target = target.replace(B=np.zeros((target.n, target.m)))  # b's own leak and nothing else
    W = rng.normal(size=(target.m, source.m))
    graph = CircuitGraph()
    graph.add("a", source)
    graph.add("b", target)
    graph.couple("a.out", "b.in", W)
    whole, xa = graph.compose(), rng.normal(size=source.n)
    out = source.phi(source.preactivation(xa))

    def rest(drive):  # where b rests while a is held at xa
        return np.linalg.solve(target.A, -target.bx - drive)

    coupled = whole.B[source.n :, : source.m] @ out
    raised = target.C @ rest(coupled) - target.C @ rest(np.zeros(target.n))
    assert raised == pytest.approx(W @ out, abs=1e-10)
    assert whole.B[source.n :, : source.m] == pytest.approx(-target.A @ np.linalg.inv(target.C) @ W, abs=1e-10)
    for letter in "AC":  # nothing else was touched
        block = getattr(whole, letter)[-getattr(target, letter).shape[0] :, : source.n]
        assert (block == 0).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds, count=st.integers(2, 5))
def test_the_order_of_adding_changes_nothing_but_the_numbering(seed, count):
    rng = np.random.default_rng(seed)
    circuits = {f"c{i}": network(rng, inputs=False) for i in range(count)}
    pairs = [(f"c{i}", f"c{j}") for i in range(count) for j in range(count) if i != j and rng.random() < 0.6]

    def compose(names, edges):
        graph = CircuitGraph(seed=11)
        for name in names:
            graph.add(name, circuits[name])
        for a, b in edges:
            graph.couple(f"{a}.out", f"{b}.rate", "dense-random", scale=0.5)
        return graph.compose()

    one = compose(list(circuits), pairs)
    names = [list(circuits)[i] for i in rng.permutation(count)]
    other = compose(names, [pairs[i] for i in rng.permutation(len(pairs))])
    order = [other.states.index(label) for label in one.states]
    x = rng.normal(size=(3, one.n))
    there = np.empty_like(x)
    there[:, order] = x
    assert other.field(there)[:, order] == pytest.approx(one.field(x), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_graph_in_a_graph_is_the_flat_graph(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (network(rng) for _ in range(3))
    ab, bc = rng.normal(size=(b.n, a.m)), rng.normal(size=(c.n, b.n))
    inner = CircuitGraph()
    inner.add("a", a)
    inner.add("b", b)
    inner.couple("a.out", "b.rate", ab)
    nested = CircuitGraph()
    nested.add("pair", inner)
    nested.add("c", c)
    nested.couple("pair", "c", np.hstack([np.zeros((c.n, a.n)), bc]))
    flat = CircuitGraph()
    for name, net in {"a": a, "b": b, "c": c}.items():
        flat.add(name, net)
    flat.couple("a.out", "b.rate", ab)
    flat.couple("b", "c", bc)
    deep, wide = nested.compose(), flat.compose()
    assert deep.digest() == wide.digest()
    assert list(deep.parts) == ["pair/a", "pair/b", "c"] and list(wide.parts) == ["a", "b", "c"]
    assert list(deep.parts.values()) == list(wide.parts.values())
    assert deep.states[0] == "pair.a.x1"


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_sparse_circuits_compose_to_the_same_network_and_stay_sparse(seed):
    rng = np.random.default_rng(seed)
    circuits = [network(rng) for _ in range(3)]

    def compose(prepare):
        graph = CircuitGraph()
        for number, net in enumerate(circuits):
            graph.add(f"c{number}", prepare(net))
        graph.couple("c0.out", "c2.in", W) if square else graph.couple("c0.out", "c2.rate", W)
        return graph.compose()

    square = bool(rng.integers(2))
    if square:
        circuits[2] = network(rng, square=True)
    W = rng.normal(size=(circuits[2].n, circuits[0].m))
    thin = compose(lambda net: net.replace(**{name: sparse.csr_array(getattr(net, name)) for name in "ABC"}))
    dense = compose(lambda net: net)
    assert all(sparse.issparse(getattr(thin, name)) for name in "ABC") and not dense.is_sparse
    assert thin.digest() == dense.digest()


def test_projections_between_the_same_circuits_add_up():
    net = LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]])
    graph = CircuitGraph()
    graph.add("a", net)
    graph.add("b", net)
    for weight in (0.25, 0.5):
        graph.couple("a", "b", [[weight]])
    graph.couple("a", "a", [[0.125]])
    assert graph.compose().A.tolist() == [[-0.875, 0.0], [0.75, -1.0]]
    assert graph.graph.number_of_edges("a", "b") == 2


# Rules


@settings(max_examples=60, deadline=None)
@given(seed=seeds, n=st.integers(1, 5), m=st.integers(1, 5))
def test_the_skew_rule_cancels_in_its_metric(seed, n, m):
    rng = np.random.default_rng(seed)

    def metric(size):
        root = rng.normal(size=(size, size)) + 2 * np.eye(size)
        return root @ root.T + 0.1 * np.eye(size)

    G, Pa, Pb = rng.normal(size=(m, n)), metric(n), metric(m)
    graph = CircuitGraph()
    for name, count in (("a", n), ("b", m)):
        graph.add(name, LurieNetwork(A=np.zeros((count, count)), B=np.zeros((count, 1)), C=np.zeros((1, count))))
    graph.couple("a", "b", "skew", matrix=G, source_metric=Pa, target_metric=Pb)
    L = graph.compose().A
    P = np.block([[Pa, np.zeros((n, m))], [np.zeros((m, n)), Pb]])
    assert P @ L + L.T @ P == pytest.approx(np.zeros_like(P), abs=1e-8 * np.abs(P @ L).max())
    assert (L[n:, :n] == G).all()
    for x in rng.normal(size=(5, n + m)):  # d/dt x^T P x gets nothing from the coupling
        assert x @ P @ L @ x == pytest.approx(0, abs=1e-8 * np.abs(P @ L).max() * (x @ x))


def test_the_paper_s_rule_with_strength_and_scalar_metrics():
    net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
    graph = CircuitGraph()
    graph.add("left", net)
    graph.add("right", net)
    graph.couple("left", "right", "skew", strength=0.3)
    A = graph.compose().A
    assert A[3:, :3] == pytest.approx(0.3 * np.eye(3)) and A[:3, 3:] == pytest.approx(-0.3 * np.eye(3))


def random_weights(seed, before=(), text=("a.out", "b.rate")):
    rng, graph = np.random.default_rng(0), CircuitGraph(seed)
    for name in "abc":
        graph.add(name, network(rng, square=True))
    for source, target in before:
        graph.couple(source, target, "one-to-one") if source == target else graph.couple(source, target, "dense-random")
    already = len(graph.graph.edges)
    graph.couple(*text, "dense-random")
    edge = list(graph.graph.edges(data=True))
    assert len(edge) == already + 1
    found = [d["projection"] for a, b, d in edge if (a, b) == ("a", "b") and d["projection"].source_port == "out"]
    return found[0].matrix


def test_random_weights_belong_to_their_seed_and_their_pair_only():
    weights = random_weights(7)
    assert (random_weights(7) == weights).all() and not (random_weights(8) == weights).all()
    # Other couplings before make no difference, even those the other way, between the same ports, or of another kind.
    assert (random_weights(7, before=[("b", "c"), ("c.out", "a.rate"), ("c", "c")]) == weights).all()
    assert (random_weights(7, before=[("b", "a")]) == weights).all()
    assert (random_weights(7, before=[("a.state", "b.rate")]) == weights).all()
    twice = CircuitGraph(7)
    for name in "ab":
        twice.add(name, LurieNetwork(A=-np.eye(3), B=np.eye(3), C=np.eye(3)))
    twice.couple("a", "b", "dense-random")
    twice.couple("a.state", "b.rate", "dense-random")  # the same ports, written out: another draw of the same pair
    first, second = (data["projection"].matrix for _, _, data in twice.graph.edges(data=True))
    assert not np.isclose(first, second).any()


def test_a_port_left_out_is_the_same_as_written():
    graphs = [CircuitGraph(3), CircuitGraph(3)]
    for graph, source, target in zip(graphs, ("a", "a.state"), ("b", "b.rate"), strict=True):
        for name in "ab":
            graph.add(name, LurieNetwork(A=-np.eye(3), B=np.eye(3), C=np.eye(3)))
        graph.couple(source, target, "dense-random")
    assert graphs[0].compose().digest() == graphs[1].compose().digest()


def test_dense_random_has_the_stated_spread():
    rng = np.random.default_rng(0)
    normal = RULES["dense-random"](200, 400, rng, scale=1.5).matrix
    assert normal.std() == pytest.approx(1.5 / 20, rel=0.02) and abs(normal.mean()) < 1e-3
    uniform = RULES["dense-random"](200, 400, rng, scale=1.5, distribution="uniform").matrix
    assert np.abs(uniform).max() == pytest.approx(1.5, rel=1e-3)
    assert uniform.std() == pytest.approx(1.5 / 3**0.5, rel=0.02)


def test_hetero_association_couples_circuits():
    rng = np.random.default_rng(1)
    X, Y = rng.choice([-1.0, 1.0], (2, 6)), rng.choice([-1.0, 1.0], (2, 4))
    W = RULES["hetero-associative"](4, 6, rng, source=X, target=Y, gain=0.5).matrix
    assert X @ W.T == pytest.approx(0.5 * Y, abs=1e-12)


# Sentences


def two(seed=0):
    graph = CircuitGraph(seed)
    graph.add("visual", LurieNetwork(A=-np.eye(2), B=np.eye(2), C=np.eye(2)))
    graph.add("memory", LurieNetwork(A=-np.eye(3), B=np.ones((3, 1)), C=np.ones((1, 3))))
    return graph


WRONG = [
    (("visaul", "memory", "one-to-one"), {}, "circuit 'visaul' is not known. Did you mean 'visual'? Known: memory, visual."),
    (("visual.oot", "memory", "skew"), {}, "port 'oot' is not known. Did you mean 'out'?"),
    (("visual", "memory.inn", "skew"), {}, "port 'inn' is not known. Did you mean 'in'?"),
    (("visual.", "memory", "skew"), {}, "port '' is not known."),
    (("visual", "memory", "dense-randum"), {}, "visual -> memory: coupling rule 'dense-randum' is not known. Did you mean 'dense-random'?"),
    (("visual", "memory", "one-to-one"), {}, "visual -> memory: one-to-one needs equal sizes, the source has 2 and the target 3."),
    (("visual", "memory", "one-to-one"), {"wieght": 1}, "visual -> memory: parameter of rule 'one-to-one' 'wieght' is not known. Did you mean 'weight'? Known: weight."),
    (("visual", "visual", "one-to-one"), {"weight": "big"}, "visual -> visual: weight must be a number, got 'big'."),
    (("visual", "visual", "one-to-one"), {"weight": float("nan")}, "visual -> visual: weight must be a number, got nan."),
    (("visual", "memory", "dense-random"), {"scale": "big"}, "visual -> memory: scale must be a number, got 'big'."),
    (("visual", "memory", "dense-random"), {"scale": -1.0}, "visual -> memory: scale must not be negative, got -1.0."),
    (("visual", "memory", "dense-random"), {"distribution": "gauss"}, "distribution 'gauss' is not known. Known: normal, uniform."),
    (("visual", "memory", "matrix"), {}, "visual -> memory: rule 'matrix' needs the parameter 'matrix'."),
    (("visual", "memory", np.eye(2)), {}, "visual -> memory: the matrix of the coupling has shape (2, 2), expected (3, 2): target x source."),
    (("visual", "memory", [["a"]]), {}, "visual -> memory: the matrix of a coupling must be numbers, got [['a']]."),
    (("visual", "memory", np.full((3, 2), np.nan)), {}, "visual -> memory: the matrix of the coupling has 6 entries that are not finite numbers."),
    (("visual", "memory", "skew"), {}, "visual -> memory: skew needs either 'strength' or 'matrix'."),
    (("visual", "visual", "skew"), {"strength": 1.0, "source_metric": [-1, 1]}, "source_metric must be a positive definite matrix of size 2."),
    (("visual", "visual", "skew"), {"strength": 1.0, "source_metric": "P"}, "source_metric must be a positive definite matrix of size 2."),
    (("visual.out", "visual.in", "skew"), {"strength": 1.0}, "rule 'skew' couples both ways and goes from a state to a rate only."),
]  # fmt: skip


@pytest.mark.parametrize("arguments, parameters, sentence", WRONG, ids=[sentence[:60] for *_, sentence in WRONG])
def test_wrong_couplings_are_told_and_leave_the_graph_as_it_was(arguments, parameters, sentence):
    graph = two()
    with pytest.raises(SpecError) as caught:
        graph.couple(*arguments, **parameters)
    assert sentence in str(caught.value)
    assert graph.graph.number_of_edges() == 0


@pytest.mark.parametrize("name, circuit, parameters, sentence", [
    ("visual", two(), {}, "the graph already has a circuit 'visual'."),
    ("a.b", two(), {}, "a circuit's name must be a word without '.' and '/', got 'a.b'."),
    ("", two(), {}, "a circuit's name must be a word without '.' and '/', got ''."),
    (3, two(), {}, "a circuit's name must be a word without '.' and '/', got 3."),
    ("new", np.eye(2), {}, "a circuit must be a LurieNetwork, a CircuitGraph or a name, got ndarray."),
    ("new", two(), {"gain": 1}, "parameters (gain) go with a circuit's name, not with a network."),
    ("new", "memory/hopfeld", {}, "circuit 'memory/hopfeld' is not known. Did you mean 'memory/hopfield'?"),
])  # fmt: skip
def test_wrong_circuits_are_told(name, circuit, parameters, sentence):
    with pytest.raises(SpecError) as caught:
        two().add(name, circuit, **parameters)
    assert sentence in str(caught.value)


def test_an_empty_graph_and_an_impossible_target_are_told():
    with pytest.raises(SpecError, match=r"^a graph without circuits cannot be composed\.$"):
        CircuitGraph().compose()
    graph, sentence = two(), "'out -> in' needs a target whose C is square and invertible, 'memory' has one of shape"
    with pytest.raises(SpecError, match=f"^visual.out -> memory.in: {sentence}"):
        graph.couple("visual.out", "memory.in", np.ones((1, 2)))
    graph.couple("visual", "memory", Projection(np.ones((3, 2))))
    graph.graph.edges["visual", "memory", 0]["projection"] = Projection(np.ones((1, 2)), "out", "in")
    with pytest.raises(SpecError, match=f"^{sentence}"):
        graph.compose()


# networkx, and size


def test_the_graph_is_networkx_s_own():
    graph = two()
    graph.add("motor", "paper/opinion")
    graph.couple("visual", "memory", np.ones((3, 2)))
    graph.couple("memory.state", "motor.in", "one-to-one", weight=0.1)
    assert isinstance(graph.graph, nx.MultiDiGraph)
    assert list(nx.topological_sort(graph.graph)) == ["visual", "memory", "motor"]
    assert nx.is_directed_acyclic_graph(graph.graph) and nx.shortest_path_length(graph.graph, "visual", "motor") == 2
    assert graph.graph.edges["visual", "memory", 0]["projection"].matrix.shape == (3, 2)
    assert graph.graph.nodes["motor"]["circuit"].n == 3
    # What is changed through networkx is what gets composed.
    graph.graph.remove_node("motor")
    graph.graph.edges["visual", "memory", 0]["projection"] = Projection(2 * np.ones((3, 2)))
    net = graph.compose()
    assert net.n == 5 and (net.A[2:, :2] == 2.0).all()
    assert net.parts == {"visual": Part(slice(0, 2), slice(0, 2)), "memory": Part(slice(2, 5), slice(2, 3))}


def test_couplings_may_be_objects():
    graph = two()
    graph.couple("visual", "memory", Coupling(np.ones((3, 2)), back=-np.ones((2, 3))))
    A = graph.compose().A
    assert (A[2:, :2] == 1).all() and (A[:2, 2:] == -1).all()
    with pytest.raises(SpecError, match=r"expected \(3, 2\): target x source"):
        two().couple("visual", "memory", Coupling(np.ones((2, 2))))


def test_ten_thousand_different_circuits_compose_in_seconds_and_stay_sparse():
    rng, count = np.random.default_rng(0), 10_000
    circuits = [
        LurieNetwork(A=-np.eye(8), B=matrix, C=np.eye(8), phi="tanh") for matrix in 0.1 * rng.normal(size=(count, 8, 8))
    ]
    edges = [(i, (i + 1) % count) for i in range(count)] + [
        tuple(pair) for pair in rng.integers(count, size=(2_000, 2))
    ]
    began = time.process_time()
    graph = CircuitGraph(seed=1)
    for number, net in enumerate(circuits):
        graph.add(f"c{number}", net)
    for a, b in edges:
        graph.couple(f"c{a}.out", f"c{b}.rate", "dense-random", scale=0.1)
    net = graph.compose()
    seconds = time.process_time() - began
    assert net.n == 80_000 and len(net.parts) == count and len(net.states) == 80_000
    assert all(sparse.issparse(matrix) for matrix in (net.A, net.B, net.C)) and not sparse.issparse(net.bx)
    assert net.B.nnz <= 64 * (count + len(edges)) and net.A.nnz == 80_000
    assert net.field(np.zeros(net.n)).shape == (80_000,)
    assert (
        seconds < 4.0
    )  # processor time, so that a busy machine does not matter; a Python object for each synapse would take minutes
