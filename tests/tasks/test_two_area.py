"""Two areas: a lesion cuts a circuit off and nothing else, pairs are pairs, and completion needs every part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie import pipeline
from neurolurie.data import find_patterns
from neurolurie.errors import SpecError
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lesion import lesioned
from neurolurie.network.lurie import LurieNetwork
from neurolurie.tasks.experiment import build


def size(circuits, port):
    name, _, kind = port.partition(".")
    return circuits[name].n if kind in ("state", "rate") else circuits[name].m


def three_circuits(seed):
    rng = np.random.default_rng(seed)
    graph = CircuitGraph()
    circuits = {}
    for name, n, m in (("a", 3, 2), ("b", 2, 2), ("c", 2, 3)):
        circuits[name] = LurieNetwork(
            A=rng.normal(size=(n, n)), B=rng.normal(size=(n, m)), C=rng.normal(size=(m, n)), E=rng.normal(size=(n, 1)),
            bx=rng.normal(size=n), by=rng.normal(size=m),
        )  # fmt: skip
        graph.add(name, circuits[name])
    for a, b in (("a.state", "b.rate"), ("b.out", "c.rate"), ("b.state", "a.in"), ("c.out", "a.rate")):
        graph.couple(a, b, rng.normal(size=(size(circuits, b), size(circuits, a))))
    return graph, circuits, rng


@given(seed=st.integers(0, 200), dense=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_lesion_leaves_what_the_others_would_do_without_that_circuit(seed, dense):
    graph, circuits, rng = three_circuits(seed)
    whole = graph.compose()
    if not dense:
        whole = whole.replace(**{letter: sparse.csr_array(getattr(whole, letter)) for letter in "ABCE"})
    cut = lesioned(whole, whole.parts["b"])
    graph.graph.remove_node("b")
    rest, x, u = graph.compose(), rng.normal(size=7), rng.normal(size=3)
    others = [0, 1, 2, 5, 6]
    assert np.allclose(cut.field(x, u)[others], rest.field(x[others], u[[0, 2]]), atol=1e-12)
    assert np.allclose(cut.field(x, u)[3:5], circuits["b"].A.diagonal() * x[3:5], atol=1e-12)
    assert cut.is_sparse == whole.is_sparse


def experiment(*words):
    (_, source), *_ = pipeline.variants(pipeline.load_scenario("two-area-memory", settings=words))
    spec = pipeline.parse(pipeline.Scenario, source)
    made = build(spec, source)
    return made, pipeline.load_task(spec.kind).draw(made)


def test_the_pth_partner_is_the_successor_of_the_pth_digit():
    made, _ = experiment()
    digits, partners = (find_patterns(f"{name}.prototypes", made.data) for name in ("digits", "successors"))
    assert digits.labels.tolist() == list(range(10))
    assert partners.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    edge = made.network.B[made.part("named").states, made.part("seen").preactivations]
    # `out -> in` of a Hopfield circuit: B gains (rate / gain) W, and gain 0.3 times W turns digits into partners.
    assert np.allclose(edge @ digits.values.T, (100.0 / 3.0) * 0.3 * partners.values.T, atol=1e-9)


def test_the_completing_area_starts_without_knowledge():
    made, trials = experiment("trials=50")
    named = trials.x0[:, made.part("named").states]
    assert np.abs(named).max() <= 0.1 and np.abs(named.mean()) < 0.005  # 3200 uniform numbers: 0.001


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["completion=null"], "a scenario of kind 'completion' needs a completion."),
        (["completion.from=digits.samples"], "10 patterns are cued and 1797 complete them: pairs are needed."),
        (["completion.circuit=unnamed"], "circuit 'unnamed' is not known. Did you mean 'named'?"),
        (["lesions=[sen]"], "circuit 'sen' is not known. Did you mean 'seen'?"),
    ],
)
def test_wrong_words_of_a_completion_are_told(words, sentence):
    with pytest.raises(SpecError) as error:
        experiment("variants=null", *words)
    assert sentence in str(error.value)


def test_completion_needs_the_edge_and_both_areas():
    result = pipeline.run("two-area-memory", settings=["trials=40"])
    rate = {run.variant: run.findings.metrics["completion_rate"] for run in result.runs}
    recalled = {run.variant: run.findings.metrics["cued_recall_rate"] for run in result.runs}
    assert rate["intact"] >= 0.85
    assert max(rate["edge-cut"], rate["cued-area-lesioned"], rate["other-area-lesioned"]) <= 0.2
    assert recalled["cued-area-lesioned"] == 0.0
    assert recalled["intact"] == recalled["edge-cut"] == recalled["other-area-lesioned"]  # nothing leads back
