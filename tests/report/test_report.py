"""The report: complete, self-contained, honest about what was missed, and its pictures show what the arrays say."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import neurolurie as nl
from neurolurie.report import animation
from neurolurie.report.drawing import GREEN
from neurolurie.report.figures import draw_all
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
