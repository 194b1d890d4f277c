"""The report: complete, self-contained, honest about what was missed, and its pictures show what the arrays say."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import neurolurie as nl
from neurolurie.network.graph import CircuitGraph
from neurolurie.report import animation
from neurolurie.report.circuits import _curves, _ring, _row, arriving, draw_circuits, projections
from neurolurie.report.drawing import GREEN, WIDTH, look, new_figure
from neurolurie.report.figures import draw_all
from neurolurie.report.labels import beside, extent, fit
from neurolurie.report.page import caution, render_page, varies
from neurolurie.report.recall import choose_trials
from neurolurie.report.words import quantity
from neurolurie.report.write import write_report

HOSTILE = '<script>alert("1")</script> & <b>bold</b>'


@pytest.fixture(scope="module")
def recall():
    return nl.run("digits-recall", backend="reference", settings=["trials=30", "simulate.duration=0.1", "seed=7"])


@pytest.fixture(scope="module")
def variants():
    return nl.run(
        "storage-rules",
        backend="reference",
        settings=["trials=10", "simulate.duration=0.05", "variants.storkey=null"],
    )


@pytest.fixture(scope="module")
def opinion():
    return nl.run(
        "opinion", backend="reference", settings=["trials=3", f"title='{HOSTILE}'", "expect.equilibria=[7, 9]"]
    )


@pytest.fixture(scope="module")
def coupled():
    settings = ["trials=3", "simulate.duration=40", "noise.sigma.left=0.01"]
    return nl.run("two-hopfields", backend="reference", settings=settings)


@pytest.fixture(scope="module")
def completion():
    settings = ["trials=6", "simulate.duration=0.05", "variants.edge-cut=null", "variants.cued-area-lesioned=null"]
    return nl.run("two-area-memory", backend="reference", settings=settings)


@pytest.fixture(scope="module")
def denoise():
    return nl.run("denoise-stored", backend="reference", settings=["simulate.duration=0.02"])


@pytest.fixture(scope="module")
def folder(recall, tmp_path_factory):
    return recall.save(tmp_path_factory.mktemp("run") / "out", extras=lambda partial: write_report(recall, partial))


@pytest.fixture(scope="module")
def pictures(request):
    """The drawings of a result by the name of its fixture, drawn once."""
    return cache(lambda name: draw_all(request.getfixturevalue(name)))


class Page(HTMLParser):
    """The page's tags with their attributes, and its visible text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text.partition("</style>")[2])

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing(page, folder):
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == len(list((folder / "figures").iterdir()))
    assert all(re.match(r"data:image/(png|gif);base64,", image["src"]) and image["alt"] for image in images)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(script|link|iframe|object|embed|video|audio|base)\b|@import|url\(|https?://", text)
    assert "default-src 'none'" in text  # and a browser is told not to load anything either


def test_the_pictures_on_the_page_are_the_files(page, folder):
    inside = {base64.b64decode(a["src"].partition(",")[2]) for tag, a in page.tags if tag == "img"}
    assert inside == {path.read_bytes() for path in (folder / "figures").iterdir()}


def test_every_metric_and_its_value_is_on_the_page(page, recall):
    for name, value in recall.metrics.items():
        assert name in page.text
        assert quantity(name, value) in page.text


def test_the_certificate_is_on_the_page_in_words(page, recall):
    for line in recall.certificate.explain().splitlines():
        assert line in page.text
    assert any(attributes.get("class") == f"badge {recall.certificate.status}" for _, attributes in page.tags)
    for certificate in recall.runs[0].findings.certificates.values():
        assert certificate.sentence().removeprefix(f"{certificate.status}: ") in page.text


def test_provenance_data_and_scenario_are_on_the_page(page, recall, folder):
    source = recall.provenance["data"]["digits"]
    for words in (source["citation"], source["licence"], *recall.provenance["code"], f"numpy {np.__version__}"):
        assert words in page.text
    assert " ".join((folder / "scenario.yaml").read_text().split()) in page.text


def test_a_missed_expectation_is_marked_and_a_met_one_is_not(page, opinion, pictures):
    text = render_page(opinion, pictures("opinion"))
    missed = Page(text)
    rows = re.findall(r'<tr class="missed-row">.*?</tr>', text, flags=re.DOTALL)
    assert len(rows) == 1 and "equilibria" in rows[0] and "7 to 9" in rows[0]
    assert "1 of 5 expectations missed" in missed.text
    assert "missed" not in page.text


def test_an_expectation_that_was_not_measured_is_marked(opinion):
    from dataclasses import replace

    from neurolurie.result import Expectation

    result = replace(opinion, expectations=(Expectation("recall_rate", 0.5, 1.0, None),))
    rows = re.findall(r'<tr class="missed-row">.*?</tr>', render_page(result, []), flags=re.DOTALL)
    assert len(rows) == 1 and "recall_rate" in rows[0] and "not measured" in rows[0]


def test_a_hostile_title_stays_text(opinion):
    text = render_page(opinion, [])
    assert HOSTILE not in text and "<script" not in text and "<b>" not in text
    assert unescape(re.search(r"<h1>(.*?)</h1>", text).group(1)) == HOSTILE


def test_noise_is_cautioned_against_where_something_was_certified(coupled, opinion, recall):
    assert caution(coupled.runs).startswith("In this run noise is on;")
    assert caution(coupled.runs) in Page(render_page(coupled, [])).text
    assert caution(opinion.runs) == "" and caution(recall.runs) == ""


def test_the_gif_ends_with_green_frames_exactly_around_trials_that_entered(recall, folder):
    run = recall.runs[0]
    trials = choose_trials(run, animation.SHOWN)
    entered = np.isfinite(run.findings.arrays["entered"][trials])
    assert entered.any() and not entered.all(), "the trials shown must include both for this test to mean anything"
    with Image.open(folder / "figures" / "recall.gif") as film:
        assert film.n_frames > 10
        first = np.array(film.convert("RGB"), float)
        film.seek(film.n_frames - 1)
        assert film.info["duration"] >= 1000
        last = np.array(film.convert("RGB"), float)
    assert (folder / "figures" / "recall.gif").stat().st_size < 2_000_000
    assert [is_green(last, box) for box in animation.cells(len(trials))] == entered.tolist()
    assert not any(is_green(first, box) for box in animation.cells(len(trials)))


def is_green(picture: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    """Whether the line just outside a box (left, top, right, bottom) has the colour of a certified trial."""
    left, top, right, bottom = box
    edge = np.concatenate(
        [picture[top - 2, left:right], picture[bottom + 1, left:right], picture[top:bottom, left - 2]]
    )
    return bool((np.abs(edge - 255 * np.array(to_rgb(GREEN))).max(axis=1) < 12).mean() > 0.9)


def test_the_trials_shown_include_failures_and_every_pattern(recall):
    run = recall.runs[0]
    exact, target = run.findings.arrays["exact"], run.findings.arrays["target"]
    shown = choose_trials(run, 12)
    assert len(set(shown)) == 12 and set(target[shown]) == set(target)
    assert (~exact[shown]).sum() == min(2, (~exact).sum()) > 0


def test_inputs_are_judged_by_whether_they_vary():
    pulse = np.zeros((10, 3, 2))
    assert not varies(pulse) and not varies(pulse + 0.4) and not varies(np.zeros((10, 3, 0)))
    pulse[4:, :, 1] = 1.0
    assert varies(pulse)


@pytest.mark.parametrize("name", ["recall", "variants", "opinion", "coupled", "completion", "denoise"])
def test_every_picture_shows_something_and_says_what(name, pictures):
    drawings = pictures(name)
    assert len({drawing.file for drawing in drawings}) == len(drawings) >= 3
    for drawing in drawings:
        picture = np.array(Image.open(BytesIO(drawing.content)).convert("L"), float)
        assert 0.002 < (picture < 200).mean() < 0.6, f"{drawing.file} is blank or black"
        assert min(picture.shape) > 200
        assert drawing.caption.endswith((".", ")")) and drawing.alt and drawing.title


def test_variants_stand_side_by_side(variants, pictures):
    drawings = {drawing.file: drawing for drawing in pictures("variants")}
    assert {"comparison.png", "resemblance.png", "recall.gif", "hebbian-course.png"} <= set(drawings)
    caption = drawings["comparison.png"].caption
    assert "0.156 per unit, more than the 0.138" in caption and "overlap 0.54 on average" in caption
    text = Page(render_page(variants, list(drawings.values()))).text
    for name, value in variants.metrics.items():
        assert quantity(name.partition(".")[2], value) in text


def test_states_that_were_not_recorded_are_not_drawn():
    result = nl.run("digits-recall", backend="reference",
                    settings=["trials=10", "simulate.duration=0.02", "simulate.record.states=[memory.x1]"])  # fmt: skip
    files = {drawing.file for drawing in draw_all(result)}
    assert files == {"moments.png", "circuit.png"}


def test_drawing_leaves_the_users_matplotlib_alone(opinion):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_all(opinion)
    assert dict(matplotlib.rcParams) == before


LEAK = {"A": -np.eye(2), "B": np.zeros((2, 2)), "C": np.eye(2)}


def test_the_signs_of_a_projection_are_told_and_net_inhibition_is_marked():
    graph = CircuitGraph()
    for name in "abcd":
        graph.add(name, nl.LurieNetwork(**LEAK))
    graph.couple("a", "b", [[-0.2, 0.0], [0.0, -0.1]])
    graph.couple("b", "c", [[-0.2, 0.3], [0.0, 0.0]])
    graph.couple("c", "d.in", [[0.5, 0.0], [0.0, 0.0]])
    graph.couple("d", "a", np.zeros((2, 2)))
    edges = projections(graph.graph)
    assert [edge["range"] for edge in edges] == ["down to −0.2 /s", "−0.2 to 0.3 /s", "up to 0.5", "all zero"]
    assert [edge["inhibits"] for edge in edges] == [True, False, False, False]


def test_inhibition_looks_different_and_the_caption_says_how():
    def drawn(weight):
        graph = CircuitGraph()
        for name in ("gate", "choice", "home"):
            graph.add(name, nl.LurieNetwork(**LEAK))
        graph.couple("gate", "choice", "one-to-one", weight=weight)
        graph.couple("choice", "home", "one-to-one", weight=0.2)
        scenario = SimpleNamespace(cue=None, inputs=[])
        return draw_circuits(SimpleNamespace(experiment=SimpleNamespace(graph=graph, scenario=scenario)))

    inhibited, excited = drawn(-0.2), drawn(0.2)
    assert "mostly inhibits" in inhibited.caption and "down to −0.2" in inhibited.alt
    assert "inhibits" not in excited.caption and "−" not in excited.alt
    assert inhibited.content != excited.content


def test_inputs_are_grouped_by_circuit_and_kind():
    graph = CircuitGraph()
    for name in ("gate", "choice", "home"):
        graph.add(name, nl.LurieNetwork(**LEAK))
    entries = [("gate", "pulse"), ("home/inner", "constant"), ("gate", "pulse"), ("gate", "sine")]
    scenario = SimpleNamespace(
        cue=None, inputs=[SimpleNamespace(circuit=circuit, kind=kind) for circuit, kind in entries]
    )
    assert arriving(graph.graph, scenario) == {"gate": ["2 pulse inputs", "sine input"], "home": ["constant input"]}


def test_words_beside_the_arrows_of_a_row_cover_neither_arrows_nor_discs():
    places = _row(["gate", "choice", "home"], 1.0)
    edges = [{"source": "gate", "target": "choice"}, {"source": "choice", "target": "home"}]
    curves = _curves(edges, places, 0.62)
    discs, taken = np.array(list(places.values())), []
    with look():
        axes = new_figure(2.0).add_axes([0, 0, 1, 1], xlim=(0, WIDTH), ylim=(0, 2.0))
        for curve in curves:
            beside(axes, "hetero-associative, out → in,\n−0.141 to 0.128", curve, taken, discs, 0.62,
                   np.concatenate(curves), 7.5)  # fmt: skip
    assert len(taken) == 2
    for left, bottom, right, top in taken:
        x, y = np.concatenate(curves).T
        assert not ((x > left) & (x < right) & (y > bottom) & (y < top)).any()
        nearest = np.clip(discs, [left, bottom], [right, top])
        assert (np.hypot(*(discs - nearest).T) > 0.62).all()


def test_arrows_go_round_circuits_that_they_do_not_join():
    places = _ring([*"abcdef"], 5.0, 0.0)
    edges = [{"source": a, "target": b} for a in places for b in places if a < b]
    for edge, curve in zip(edges, _curves(edges, places, 0.5), strict=True):
        others = np.array([place for name, place in places.items() if name not in edge.values()])
        assert np.hypot(*(curve[:, None] - others).transpose(2, 0, 1)).min() > 0.5, edge


@pytest.mark.parametrize("name", ["gate", "thalamus_relay_nucleus", "relu, saturating-linear, softplus", "x" * 80])
def test_words_fit_into_the_room_they_have(name):
    with look():
        axes = new_figure(2.0).add_axes([0, 0, 1, 1], xlim=(0, WIDTH), ylim=(0, 2.0))
        drawn = fit(axes, name, np.array([1.0, 1.0]), 1.1, 10.5)
        assert extent(drawn)[0] <= 1.1 and 5.5 <= drawn.get_fontsize() <= 10.5
    assert drawn.get_text() == name or (name == "x" * 80 or len(name) > 30) and drawn.get_text().endswith("…")


def test_a_portrait_of_a_noisy_run_says_so(coupled, opinion, pictures):
    noisy, quiet = ({each.file: each for each in pictures(name)}["portrait.png"] for name in ("coupled", "opinion"))
    assert "There is noise in this run" in noisy.caption and "noise" not in quiet.caption
