"""Wrong input: each file in ``bad/`` is wrong in one way; the sentence it must give is its first line.

``# 5: simulate.dt: expected more than 0, got -0.01.`` says: that file, its line 5, that key, that sentence; ``...``
stands for any text. Files whose first line is part of the mistake have their sentence in a twin ``.txt``.
"""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import re
from pathlib import Path

import pytest

from neurolurie import pipeline
from neurolurie.errors import BackendError, NeurolurieError, SpecError

BAD = Path(__file__).parent / "bad"
FILES = sorted(path.name for path in BAD.iterdir() if path.suffix == ".yaml")


@pytest.fixture(autouse=True)
def in_the_folder(monkeypatch):
    monkeypatch.chdir(BAD)


def sentence_of(name: str) -> str:
    twin = Path(name).with_suffix(".txt")
    text = twin.read_text() if twin.exists() else Path(name).read_text().partition("\n")[0].removeprefix("# ")
    own_line = text[:1].isdigit()
    return f"{name}:{text.strip()}" if own_line else text.strip()


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("...")), text) is not None


@pytest.mark.parametrize("name", FILES)
def test_what_is_wrong_is_told_with_its_place(name):
    with pytest.raises(SpecError) as caught:
        pipeline.check(name)
    assert matches(sentence_of(name), str(caught.value)), f"\nexpected: {sentence_of(name)}\n   found: {caught.value}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", FILES)
def test_the_place_is_a_line_of_the_user_s_own_file_that_says_the_key(name):
    with pytest.raises(SpecError) as caught:
        pipeline.check(name)
    where = caught.value.where
    assert where.file
    if where.line is None:
        assert "cannot read the file" in caught.value.message  # a file that cannot be read has no lines
        return
    lines = Path(where.file).read_text().splitlines()
    if where.key and where.line > 1:
        last = re.split(r"[.\[]", where.key.rstrip("]"))[-1]
        line = lines[where.line - 1]
        # The key stands on its line, or it is missing from what does, or is the number of a list's entry.
        assert last in line or last.isdigit() or f"'{last}'" in caught.value.message, (where, line)


@pytest.mark.parametrize("name", sorted(path.name for path in (BAD / "good").glob("*.yaml")))
def test_the_files_that_the_bad_ones_change_are_right(name):
    assert pipeline.check(f"good/{name}").endswith("nothing wrong was found.")


@pytest.mark.parametrize("kind", [
    "unknown-key", "wrong-type", "missing-key", "missing-npz", "number-", "shape-", "number-nan", "number-inf", "duplicate",
    "unknown-circuit", "unknown-data", "unknown-rule", "unknown-solver", "unknown-backend", "unknown-port",
    "unknown-nonlinearity", "unknown-kind", "unknown-storage", "yaml-", "empty", "cue-pattern-size", "cue-flips-too-many",
    "duration-not-whole", "extends-itself", "extends-missing", "yaml-tab", "binary",
])  # fmt: skip
def test_no_kind_of_mistake_has_lost_its_file(kind):
    assert any(name.startswith(kind) for name in FILES)


SETTINGS = [
    ("trials", "--set trials: expected key=value, such as circuits.memory.with.gain=2."),
    ("=3", "--set =3: expected key=value, such as circuits.memory.with.gain=2."),
    ("trails=3", "--set trails=3: trails: key 'trails' is not known. Did you mean 'trials'? Known: ..."),
    ("trials=three", "--set trials=three: trials: expected a whole number, got 'three'."),
    ("trials=[", "--set trials=[: this is not YAML: ..."),
    ("simulate.dt=0", "--set simulate.dt=0: simulate.dt: expected more than 0, got 0."),
    ("simulate.dt.x=1", "--set simulate.dt.x=1: 'simulate.dt' is 0.01, it has no keys below it."),
    ("trials.x.y=1", "--set trials.x.y=1: 'trials' is 2, it has no keys below it."),
    ("couplings[4].rule=skew", "--set couplings[4].rule=skew: 'couplings' is a list of 1; number its entries from 0."),
    ("couplings.first.rule=skew", "--set couplings.first.rule=skew: 'couplings' is a list of 1; number its entries from 0."),
    ("couplings[0].rule=skw", "--set couplings[0].rule=skw: couplings[0].rule: left.out -> right.rate: coupling rule 'skw' is not known. Did you mean 'skew'? Known: ..."),
    ("circuits.left.use=paper/opinon", "--set circuits.left.use=paper/opinon: circuits.left.use: circuit 'paper/opinon' is not known. Did you mean 'paper/opinion'? Known: ..."),
    ("simulate.duration=0.015", "--set simulate.duration=0.015: simulate.duration: a duration of 0.015 s is not a whole number of steps of 0.01 s. Nearest: 0.02 s."),
    ("simulate.solver=rk5", "--set simulate.solver=rk5: simulate.solver: solver 'rk5' is not known. Did you mean 'rk4'? Known: ..."),
]  # fmt: skip


@pytest.mark.parametrize("setting, sentence", SETTINGS, ids=[setting for setting, _ in SETTINGS])
def test_a_wrong_setting_is_told_as_it_was_typed(setting, sentence):
    with pytest.raises(SpecError) as caught:
        pipeline.run("good/two.yaml", settings=[setting])
    assert matches(sentence, str(caught.value)), f"\nexpected: {sentence}\n   found: {caught.value}"


@pytest.mark.parametrize("options, sentence", [
    (dict(backend="brain2"), "--backend: simulate.backend: backend 'brain2' is not known. Did you mean 'brian2'? Known: ..."),
    (dict(seed=-1), "--seed: seed: expected at least 0, got -1."),
])  # fmt: skip
def test_a_wrong_option_is_told_by_its_name(options, sentence):
    with pytest.raises(SpecError) as caught:
        pipeline.run("good/two.yaml", **options)
    assert matches(sentence, str(caught.value)), caught.value


def test_a_scenario_that_does_not_exist_gets_the_nearest_name():
    with pytest.raises(
        SpecError, match=r"^scenario 'digits-recal' is not known\. Did you mean 'digits-recall'\? Known: "
    ):
        pipeline.run("digits-recal")
    with pytest.raises(
        SpecError, match=r"^circuit or scenario 'opinon' is not known\. Did you mean 'opinion'\? Known: "
    ):
        pipeline.check("opinon")


def test_what_a_backend_cannot_do_is_told_with_its_place():
    with pytest.raises(BackendError) as caught:
        pipeline.run("good/two.yaml", device="cuda")
    assert "reference: runs on the device 'cpu' only, not on 'cuda'; use the backend 'torch'." in str(caught.value)


def test_errors_of_the_input_are_value_errors_and_ours():
    assert issubclass(SpecError, ValueError) and issubclass(SpecError, NeurolurieError)
