"""The graph builder: graphs in graphs, circuits on networkx graphs, edges from files, extends; laws and sentences."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.circuits import circuit
from neurolurie.network.connectivity import Coupling
from neurolurie.network.generators import generate, read_edges
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.parts import find_part
from neurolurie.network.populate import populate

seeds = st.integers(0, 10_000)


def network(rng, n=3, m=3, inputs=1):
    shapes = dict(A=(n, n), B=(n, m), C=(m, n), E=(n, inputs))
    return LurieNetwork(**{name: rng.normal(size=shape) for name, shape in shapes.items()})


def same(one, other):
    """The same network, up to the order in which sums were rounded."""
    for letter in "ABCE":
        a, b = (np.asarray(sparse.coo_array(getattr(net, letter)).toarray()) for net in (one, other))
        assert a == pytest.approx(b, abs=1e-12)


# Graphs in graphs


def nest(depth, rng, names):
    """A graph of two circuits, one of which is again such a graph; the leaves, and the same circuits side by side."""
    graph, leaf = CircuitGraph(), network(rng)
    path = names[:1]
    graph.add(path[0], leaf)
    flat = {(path[0],): leaf}
    if depth:
        inner, inside = nest(depth - 1, rng, names)
        graph.add("box", inner)
        flat |= {("box", *key): net for key, net in inside.items()}
    return graph, flat


@settings(max_examples=25, deadline=None)
@given(seed=seeds, depth=st.integers(1, 4), slash=st.booleans(), ports=st.sampled_from([
    ("state", "rate"), ("out", "rate"), ("state", "in"), ("out", "in"), ("state", "drive"), ("out", "drive"),
]))  # fmt: skip
def test_a_coupling_ends_at_circuits_of_any_depth_as_in_the_flat_graph(seed, depth, slash, ports):
    rng = np.random.default_rng(seed)
    inner, leaves = nest(depth, rng, ["leaf"])
    outer, flat = CircuitGraph(), CircuitGraph()
    outer.add("area", inner)
    outer.add("other", network(rng))
    for key, net in leaves.items():
        flat.add("-".join(("area", *key)), net)
    flat.add("other", outer.graph.nodes["other"]["circuit"])
    keys = list(leaves)
    deep, shallow = keys[-1], keys[int(rng.integers(len(keys) - 1))]
    for source, target in ((deep, shallow), (("other",), deep), (deep, ("other",))):
        rows = {"rate": 3, "in": 3, "drive": 1}[ports[1]]
        W = rng.normal(size=(rows, 3))

        def name(key, port, join):
            return join.join(key if key == ("other",) else ("area", *key)) + "." + port

        sign = "/" if slash else "."
        outer.couple(name(source, ports[0], sign), name(target, ports[1], sign), W)
        flat.couple(name(source, ports[0], "-"), name(target, ports[1], "-"), W)
    same(outer.compose(), flat.compose())


def test_a_whole_graph_is_an_end_too_and_parts_are_found_by_path():
    rng = np.random.default_rng(0)
    inner, middle, outer = CircuitGraph(), CircuitGraph(), CircuitGraph()
    inner.add("e", network(rng, 2))
    inner.add("i", network(rng, 1))
    middle.add("column", inner)
    middle.add("relay", network(rng, 4))
    outer.add("v1", middle)
    outer.add("v2", middle)
    outer.couple("v1.column", "v2.column.e", np.ones((2, 3)))
    net = outer.compose()
    assert list(net.parts) == ["v1/column/e", "v1/column/i", "v1/relay", "v2/column/e", "v2/column/i", "v2/relay"]
    assert find_part(net, ["v2", "column"]).states == slice(7, 10) and find_part(net, ["v2"]).states == slice(7, 14)
    assert find_part(net, ["v2"]).inputs == slice(3, 6) and find_part(net, ["v2", "colum"]) is None
    block = np.array(net.A)
    assert (block[7:9, 0:3] == 1).all() and np.count_nonzero(block[7:, :7]) == 6


def test_a_graph_of_one_circuit_keeps_its_path():
    outer, inner = CircuitGraph(), CircuitGraph()
    inner.add("only", "motifs/flip-flop")
    outer.add("box", inner)
    outer.couple("box.only.out", "box.only.drive", [[0.5]])
    assert list(outer.compose().parts) == ["box/only"] and outer.compose().B[0, 0] == 20.0 + 0.5 * 10.0


def test_random_weights_of_nested_ends_belong_to_their_pair():
    def made(order):
        inner, graph = CircuitGraph(), CircuitGraph(seed=4)
        for name in ("a", "b"):
            inner.add(name, network(np.random.default_rng(0)))
        graph.add("box", inner)
        for pair in order:
            graph.couple(*pair, "dense-random")
        return graph.compose()

    pairs = [("box.a", "box.b"), ("box.b", "box.a")]
    assert made(pairs).digest() == made(pairs[::-1]).digest()
    net = made(pairs)
    assert not np.allclose((net.A[3:, :3]), net.A[:3, 3:])


@pytest.mark.parametrize("source, sentence", [
    ("box.c", "circuit of 'box', or port, 'c' is not known. Known: a, b, out, state."),
    ("box.a.oot", "port 'oot' is not known. Did you mean 'out'? Known: out, state."),
    ("bax.a", "circuit 'bax' is not known. Did you mean 'box'? Known: box."),
    ("box.a.rate", "port 'rate' is not known. Did you mean 'state'? Known: out, state."),
])  # fmt: skip
def test_wrong_paths_are_told(source, sentence):
    inner, graph = CircuitGraph(), CircuitGraph()
    for name in ("a", "b"):
        inner.add(name, "motifs/flip-flop")
    graph.add("box", inner)
    with pytest.raises(SpecError) as caught:
        graph.couple(source, "box", np.ones((2, 1)))
    assert str(caught.value) == sentence


def test_of_thousands_of_names_the_nearest_are_told():
    graph = populate(nx.empty_graph(2000), "motifs/flip-flop", [[1.0]])
    with pytest.raises(SpecError) as caught:
        graph.couple("1234", "12b4", [[1.0]])
    sentence = str(caught.value)
    assert sentence.startswith("circuit '12b4' is not known. Did you mean '124'? Known: 124, ")
    assert sentence.endswith("... (2000 in all).") and len(sentence) < 200


def test_a_circuit_is_not_named_like_a_port():
    with pytest.raises(SpecError, match=r"^a circuit's name must not be that of a port, got 'state'\.$"):
        CircuitGraph().add("state", "motifs/flip-flop")


# Circuits on networkx graphs


def one_by_one(graph, make, W, source, target, both):
    """The same network by add and couple alone."""
    whole = CircuitGraph()
    for node in graph:
        whole.add(str(node), make(node))
    for a, b, data in graph.edges(data=True):
        for x, y in ((a, b), (b, a)) if both and a != b else ((a, b),):
            whole.couple(f"{x}.{source}", f"{y}.{target}", data.get("weight", 1.0) * W)
    return whole.compose()


@settings(max_examples=30, deadline=None)
@given(
    seed=seeds, directed=st.booleans(), multi=st.booleans(), weighted=st.booleans(), kinds=st.integers(1, 3),
    source=st.sampled_from(["state", "out"]), target=st.sampled_from(["rate", "in", "drive"]),
)  # fmt: skip
def test_circuits_on_a_graph_are_those_added_and_coupled_one_by_one(seed, directed, multi, weighted, kinds, source, target):
    rng = np.random.default_rng(seed)
    kind = {(0, 0): nx.Graph, (1, 0): nx.DiGraph, (0, 1): nx.MultiGraph, (1, 1): nx.MultiDiGraph}[directed, multi]
    graph = kind()
    graph.add_nodes_from(range(6))
    for a, b in rng.integers(6, size=(9, 2)).tolist():
        graph.add_edge(a, b, **({"weight": float(rng.normal())} if weighted else {}))
    networks = [network(rng) for _ in range(kinds)]
    W = rng.normal(size=({"rate": 3, "in": 3, "drive": 1}[target], 3))

    def make(node):
        return networks[node % kinds]

    made = populate(graph, make, W, source=source, target=target)
    assert list(made.graph) == [str(node) for node in graph]
    same(made.compose(), one_by_one(graph, make, W, source, target, not directed))


def test_random_rules_draw_for_every_edge_and_follow_the_seed():
    graph, net = nx.cycle_graph(6, create_using=nx.DiGraph), circuit("paper/hopfield-3")
    first, again, other = (populate(graph, net, "dense-random", seed=s).compose().A for s in (1, 1, 2))
    blocks = [first[3 * ((k + 1) % 6) :, :][:3, 3 * k : 3 * k + 3] for k in range(6)]
    assert all(not np.allclose(a, b) for k, a in enumerate(blocks) for b in blocks[:k])
    assert (first == again).all() and not np.allclose(first, other)
    drive = populate(graph, "motifs/decision", "dense-random", source="out", target="drive", seed=1).compose()
    assert drive.n == 12 and np.count_nonzero(drive.B) == 6 * 4 + 6 * 4  # of the circuits and of the edges


@pytest.mark.parametrize("rule, parameters", [
    ("dense-random", {"scale": 3.0}), ("sparse-random", {"in_degree": 4, "scale": 3.0}),
    ("low-rank", {"rank": 2, "scale": 3.0}),
])  # fmt: skip
def test_every_edge_of_many_gets_weights_of_its_own_with_the_rules_moments(rule, parameters):
    graph, net = nx.cycle_graph(400, create_using=nx.DiGraph), network(np.random.default_rng(0), n=20, m=20)
    made = populate(graph, net, rule, parameters=parameters)
    found = [data["projection"].matrix for *_, data in made.graph.edges(data=True)]
    blocks = np.array([sparse.csr_array(matrix).toarray() for matrix in found])
    assert len(np.unique(blocks.reshape(400, -1), axis=0)) == 400 and blocks.shape == (400, 20, 20)
    # of a row: 20 weights of variance 9/20; 4 of 9/4; 20 sums of 2 products over 20, times 3
    variance = {"dense-random": 9 / 20, "sparse-random": 9 / 20, "low-rank": 9 * 2 / 400}[rule]
    assert blocks.var() == pytest.approx(variance, rel=0.1) and abs(blocks.mean()) < 0.01
    if rule == "sparse-random":
        assert all(sparse.issparse(matrix) for matrix in found) and ((blocks != 0).sum(axis=2) == 4).all()


def test_a_rule_that_couples_both_ways_does_so_once_for_every_edge():
    A = populate(nx.path_graph(3), "paper/hopfield-3", "skew", parameters={"strength": 2.0}).compose().A
    assert A + 2.5 * np.eye(9) == pytest.approx(np.kron([[0, -2, 0], [2, 0, -2], [0, 2, 0]], np.eye(3)))


def test_circuits_that_are_graphs_are_coupled_by_paths():
    cell = CircuitGraph()
    cell.add("soma", "motifs/flip-flop")
    cell.add("dendrite", "motifs/low-pass")
    graph = nx.path_graph(2, create_using=nx.DiGraph)
    net = populate(graph, cell, [[0.5]], source="soma.out", target="dendrite.drive").compose()
    assert list(net.parts) == ["0/soma", "0/dendrite", "1/soma", "1/dendrite"]
    assert net.B[3].tolist() == [50.0, 0.0]


def test_nodes_of_grids_are_named_and_clashes_told():
    net = populate(nx.grid_2d_graph(2, 2), "motifs/flip-flop", [[1.0]]).compose()
    assert list(net.parts) == ["0-0", "0-1", "1-0", "1-1"]
    clash = nx.Graph()
    clash.add_nodes_from([1, "1"])
    with pytest.raises(SpecError, match="two nodes of the graph have the same name"):
        populate(clash, "motifs/flip-flop", [[1.0]])
    heavy = nx.Graph()
    heavy.add_edge(0, 1, weight="much")
    with pytest.raises(SpecError, match="the weight of the edge 0 -> 1 must be a number, got 'much'"):
        populate(heavy, "motifs/flip-flop", [[1.0]])


@pytest.mark.parametrize("coupling", [0.01 * np.ones((8, 8)), "dense-random"], ids=["one matrix", "drawn for each edge"])
def test_ten_thousand_circuits_of_eight_states_compose_in_two_seconds_and_stay_sparse(coupling):
    net = LurieNetwork(A=-np.eye(8), B=0.1 * np.random.default_rng(0).normal(size=(8, 8)), C=np.eye(8))
    seconds = np.inf
    for _ in range(3):  # processor time, and again if need be: a neighbour on the machine may empty its caches
        began = time.process_time()
        graph = generate("gnm_random_graph", {"n": 10_000, "m": 40_000, "directed": True})
        whole = populate(graph, net, coupling, source="out").compose()
        seconds = min(seconds, time.process_time() - began)
        if seconds < 2.0:
            break
    assert whole.n == 80_000 and all(sparse.issparse(M) for M in (whole.A, whole.B, whole.C, whole.E))
    assert whole.B.nnz == 64 * 50_000 and whole.A.nnz == 80_000
    assert seconds < 2.0


def test_out_to_in_of_a_large_sparse_target_is_what_it_is_for_each_of_its_circuits():
    rng = np.random.default_rng(0)
    cell = network(rng)
    area = populate(nx.empty_graph(300), cell, np.zeros((3, 3)))
    W = sparse.random_array((900, 3), density=0.01, rng=rng)
    graph = CircuitGraph()
    graph.add("source", cell)
    graph.add("area", area)
    graph.couple("source.out", "area.in", W)
    B = graph.compose().B
    assert sparse.issparse(B)
    expected = [-cell.A @ np.linalg.solve(cell.C, W.toarray()[3 * k : 3 * k + 3]) for k in range(300)]
    assert B[3:, :3].toarray() == pytest.approx(np.vstack(expected), abs=1e-9)
    flat = cell.replace(C=np.diag([1.0, 1.0, 0.0]))
    graph.add("flat", populate(nx.empty_graph(300), flat, np.zeros((3, 3))))
    with pytest.raises(SpecError, match=r"C is square and invertible, 'flat' has a singular one of shape \(900, 900\)"):
        graph.couple("source.out", "flat.in", W)


# Generators and files of edges


def test_generators_of_networkx_by_name():
    assert nx.utils.graphs_equal(generate("cycle_graph", {"n": 5}), nx.cycle_graph(5))
    assert generate("gnp-random-graph", {"n": 30, "p": 0.2}, seed=3).edges == nx.gnp_random_graph(30, 0.2, seed=3).edges
    assert generate("gnp_random_graph", {"n": 30, "p": 0.2, "seed": 4}, seed=3).edges == nx.gnp_random_graph(30, 0.2, seed=4).edges
    assert generate("cycle_graph", {"n": 5, "create_using": "DiGraph"}).is_directed()


@pytest.mark.parametrize("name, parameters, sentence", [
    ("wats_strogatz_graph", {}, "networkx generator 'wats_strogatz_graph' is not known. Did you mean 'watts_strogatz_graph'?"),
    ("watts_strogatz_graph", {"n": 10, "p": 0.1}, "generator 'watts_strogatz_graph' needs the parameter 'k'."),
    ("watts_strogatz_graph", {"n": 10, "k": 20, "p": 0.1}, "generator 'watts_strogatz_graph' refused its arguments: k>n"),
    ("cycle_graph", {"n": -1}, "generator 'cycle_graph' refused its arguments: Negative number of nodes not valid: -1."),
    ("cycle_graph", {"n": 3, "create_using": "Digraph"}, "kind of graph 'Digraph' is not known. Did you mean 'DiGraph'?"),
    ("is_valid_degree_sequence_havel_hakimi", {"deg_sequence": [1, 1]}, "networkx generator 'is_valid_degree_sequence_havel_hakimi' is not known."),
    ("shortest_path", {}, "networkx generator 'shortest_path' is not known."),
])  # fmt: skip
def test_wrong_generators_are_told(name, parameters, sentence):
    with pytest.raises(SpecError) as caught:
        generate(name, parameters)
    assert sentence in str(caught.value)


def test_edges_are_read_alike_from_csv_npz_and_graphml(tmp_path):
    edges = [(0, 1, 0.5), (1, 2, -1.0), (2, 0, 2.0), (0, 2, 1.5)]
    (tmp_path / "bare.csv").write_text("".join(f"{a},{b},{w}\n" for a, b, w in edges))
    (tmp_path / "headed.csv").write_text("source,target,weight\n" + "".join(f"{a}, {b}, {w}\n" for a, b, w in edges))
    source, target, weight = (np.array(column) for column in zip(*edges, strict=True))
    np.savez(tmp_path / "lists.npz", source=source, target=target, weight=weight)
    matrix = sparse.coo_array((weight, (target, source)), shape=(3, 3))  # target x source, as all matrices here
    sparse.save_npz(tmp_path / "sparse.npz", matrix.tocsr())
    np.savez(tmp_path / "dense.npz", W=matrix.toarray())
    graph = nx.DiGraph()
    graph.add_weighted_edges_from(edges)
    nx.write_graphml(graph, tmp_path / "graph.graphml")
    expected = {(str(a), str(b)): w for a, b, w in edges}
    for name in ("bare.csv", "headed.csv", "lists.npz", "sparse.npz", "dense.npz", "graph.graphml"):
        read = read_edges(tmp_path / name)
        assert read.is_directed()
        assert {(str(a), str(b)): data["weight"] for a, b, data in read.edges(data=True)} == expected, name
        net = populate(read, "motifs/flip-flop", [[1.0]]).compose()
        order = [int(part) for part in net.parts]
        places = np.argsort(order)
        assert (net.A + 10.0 * np.eye(3))[np.ix_(places, places)] == pytest.approx(matrix.toarray())


def test_a_file_of_edges_may_leave_out_weights_and_nodes(tmp_path):
    (tmp_path / "pairs.csv").write_text("source,target\nleft,right\n\nright,left\n")
    assert dict(read_edges(tmp_path / "pairs.csv").adjacency())["left"]["right"][0]["weight"] == 1.0
    (tmp_path / "few.csv").write_text("0,3\n")
    assert list(read_edges(tmp_path / "few.csv", nodes=5)) == [0, 1, 2, 3, 4]
    undirected = tmp_path / "both.graphml"
    nx.write_graphml(nx.path_graph(3), undirected)
    assert not read_edges(undirected).is_directed()


@pytest.mark.parametrize("name, content, sentence", [
    ("edges.txt", "0,1", "': expected a file .csv, .npz, .graphml."),
    ("one.csv", "0,1\n2\n", "has 1 entries, expected source,target or source,target,weight."),
    ("word.csv", "0,1,heavy\n", "the weight 'heavy' is not a number."),
    ("broken.graphml", "<graphml><graph", "cannot read edges from"),
    ("broken.npz", "no archive", "cannot read edges from"),
])  # fmt: skip
def test_broken_files_of_edges_are_told(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(SpecError) as caught:
        read_edges(tmp_path / name)
    assert sentence in str(caught.value)


def test_wrong_archives_of_edges_are_told(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, from_=[0], to=[1])
    with pytest.raises(SpecError, match="holds from_, to; expected source and target, or one matrix"):
        read_edges(path)
    np.savez(path, W=np.ones((2, 3)))
    with pytest.raises(SpecError, match=r"has shape \(2, 3\), a graph needs a square one"):
        read_edges(path)
    np.savez(path, source=[0], target=[7])
    with pytest.raises(SpecError, match="has a node 7, nodes are numbered 0 to 2"):
        read_edges(path, nodes=3)


# In YAML


SHEET = """
schema: 1
title: A sheet of bits beside a graph of graphs
circuits:
  sheet:
    generator:
      graph: watts_strogatz_graph
      with: {n: 20, k: 4, p: 0.2}
      circuit: {use: motifs/flip-flop}
      coupling: {from: out, to: drive, rule: one-to-one, with: {weight: -0.1}}
  wired:
    generator:
      edges: edges.csv
      nodes: 4
      circuit: {use: motifs/decision}
      coupling: {from: out, rule: low-rank, with: {rank: 1}}
  column:
    circuits:
      e: {use: motifs/firing-rate}
      deep: {circuits: {i: {use: motifs/line-attractor, with: {units: 2}}}}
    couplings:
      - {from: deep.i.out, to: e.in, with: {matrix: [[1, -1]]}}
couplings:
  - {from: column.deep.i.state, to: sheet.7.drive, with: {matrix: [[0.5, 0]]}}
  - {from: sheet, to: wired/2.rate, rule: sparse-random, with: {in_degree: 3}}
"""


def sheet(tmp_path, text=SHEET):
    (tmp_path / "edges.csv").write_text("0,1,2.0\n1,2\n")
    (tmp_path / "sheet.yaml").write_text(text)
    return circuit(tmp_path / "sheet.yaml")


def test_generators_files_and_nests_are_written_in_yaml(tmp_path):
    net = sheet(tmp_path)
    assert net.n == 20 + 8 + 3 and list(net.parts)[:2] == ["sheet/0", "sheet/1"]
    assert list(net.parts)[-2:] == ["column/e", "column/deep/i"]
    bit = find_part(net, ["sheet", "7"])
    held = find_part(net, ["column", "deep", "i"])
    assert net.A[bit.states, held.states].tolist() == [[5.0, 0.0]]
    assert net.C[find_part(net, ["column", "e"]).preactivations, held.states].tolist() == [[0.0, 0.0]]
    wires = net.B[20:28, 20:28]
    assert np.count_nonzero(wires[2:4, 0:2]) == 4 and np.count_nonzero(wires[6:8]) == 4
    assert np.count_nonzero(net.A[24:26, :20]) == 6
    assert sheet(tmp_path).digest() == net.digest()


@pytest.mark.parametrize("old, new, sentence", [
    ("watts_strogatz_graph", "wats_strogatz_graph", ":7: circuits.sheet.generator.graph: networkx generator 'wats_strogatz_graph' is not known."),
    ("k: 4, ", "", ":7: circuits.sheet.generator.graph: generator 'watts_strogatz_graph' needs the parameter 'k'."),
    ("k: 4", "k: 4, q: 1", ":8: circuits.sheet.generator.with.q: parameter of generator 'watts_strogatz_graph' 'q' is not known."),
    ("one-to-one", "one-to-two", ":10: circuits.sheet.generator.coupling.rule: 0.out -> 19.drive: coupling rule 'one-to-two' is not known."),
    ("weight: -0.1", "wieght: -0.1", ":10: circuits.sheet.generator.coupling.with.wieght: 0.out -> 19.drive: parameter of rule 'one-to-one' 'wieght' is not known."),
    ("edges: edges.csv", "edges: egdes.csv", ":13: circuits.wired.generator.edges: the file 'egdes.csv' does not exist"),
    ("edges: edges.csv", "graph: cycle_graph", ":12: circuits.wired.generator: 'nodes' belongs to 'edges', not to 'graph'."),
    ("      nodes: 4\n", "      with: {n: 4}\n", ":12: circuits.wired.generator: 'with' belongs to 'graph', not to 'edges'."),
    ("nodes: 4", "nodes: 2", ":13: circuits.wired.generator.edges: '"),
    ("deep.i.state", "deep.j.state", ":24: couplings[0].from: circuit of 'column', or port, 'j' is not known. Known: i, out, state."),
    ("sheet.7", "sheet.70", ":24: couplings[0].to: circuit of 'sheet', or port, '70' is not known."),
    ("in_degree: 3", "in_degree: 30", ":25: couplings[1].with.in_degree: sheet -> wired/2.rate: in_degree is 30, the source has 20 units."),
])  # fmt: skip
def test_wrong_yaml_is_told_with_its_line(tmp_path, old, new, sentence):
    assert old in SHEET
    with pytest.raises(SpecError) as caught:
        sheet(tmp_path, SHEET.replace(old, new))
    assert sentence in str(caught.value)


def test_a_node_outside_the_stated_number_is_told(tmp_path):
    with pytest.raises(SpecError, match=r"edges.csv' has a node 2, nodes are numbered 0 to 1\.$"):
        sheet(tmp_path, SHEET.replace("nodes: 4", "nodes: 2"))


def test_a_circuit_may_extend_another(tmp_path):
    sheet(tmp_path)
    (tmp_path / "more.yaml").write_text(
        "extends: sheet.yaml\ncircuits: {wired: null, sheet: {generator: {with: {n: 30}}}}\ncouplings: []\n"
    )
    net = circuit(tmp_path / "more.yaml")
    assert net.n == 30 + 3 and {name.split("/")[0] for name in net.parts} == {"sheet", "column"}


def test_a_generated_network_runs_alike_on_reference_and_torch(tmp_path):
    from neurolurie.simulation.simulate import simulate

    net = sheet(tmp_path)
    x0 = np.random.default_rng(0).normal(size=(2, net.n))
    silence = np.zeros((1, net.E.shape[1]))
    runs = [
        simulate(net, x0, duration=0.02, dt=1e-3, backend=name, inputs=silence).values for name in ("reference", "torch")
    ]
    assert np.abs(runs[0] - runs[1]).max() < 1e-12 * max(1.0, np.abs(runs[0]).max())


def test_couplings_may_carry_their_way_back_between_nested_circuits():
    inner, graph = CircuitGraph(), CircuitGraph()
    for name in ("a", "b"):
        inner.add(name, "paper/hopfield-3")
    graph.add("box", inner)
    graph.couple("box.a", "box.b", Coupling(np.ones((3, 3)), back=-np.ones((3, 3))))
    A = graph.compose().A
    assert (A[3:, :3] == 1).all() and (A[:3, 3:] == -1).all()
