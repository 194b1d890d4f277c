"""YAML sources: merging, extending and setting obey their laws, and every value keeps its place."""

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie.errors import SpecError, Where, blamed
from neurolurie.spec.source import Source, dotted, merge, parse_yaml, read_yaml, with_settings

words = st.text(string.ascii_lowercase, min_size=1, max_size=3)
leaves = st.one_of(st.integers(-9, 9), st.booleans(), words, st.lists(st.integers(0, 9), max_size=3))
trees = st.dictionaries(
    words, st.recursive(leaves, lambda inner: st.dictionaries(words, inner, max_size=3), max_leaves=6), max_size=4
)


def source(data, file="f.yaml"):
    places = {(): (file, 1)}

    def note(node, key):
        for name, value in node.items():
            places[(*key, name)] = (file, None)
            if isinstance(value, dict):
                note(value, (*key, name))

    note(data, ())
    return Source(data, places, file)


def leaves_of(data, key=()):
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from leaves_of(value, (*key, name))
        else:
            yield (*key, name), value


@settings(max_examples=100, deadline=None)
@given(base=trees, over=trees)
def test_merging_keeps_what_is_over_and_what_it_does_not_mention(base, over):
    merged = merge(source(base), source(over)).data
    mine, theirs, whole = dict(leaves_of(over)), dict(leaves_of(base)), dict(leaves_of(merged))
    for key, value in mine.items():
        if value != {}:
            assert whole[key] == value
    for key, value in theirs.items():
        # What is over replaces a leaf if it says something at, above or below that very key.
        touched = any(key[: len(k)] == k or k[: len(key)] == key for k in mine)
        if not touched:
            assert whole[key] == value
    assert set(whole) <= set(mine) | set(theirs) | {key[:i] for key in mine for i in range(1, len(key) + 1)}


@settings(max_examples=60, deadline=None)
@given(a=trees, b=trees)
def test_merging_with_oneself_or_with_nothing_changes_nothing_and_spoils_nothing(a, b):
    one, other = source(a), source(b)
    assert merge(one, source({})).data == a and merge(source({}), one).data == a and merge(one, one).data == a
    before = repr((one.data, other.data))
    merge(one, other)
    assert repr((one.data, other.data)) == before


def test_null_deletes_and_lists_are_replaced():
    base = parse_yaml("a: {b: 1, c: 2}\nlist: [1, 2, 3]\nkeep: {x: 1}", "base.yaml")
    over = parse_yaml("a: {b: null, d: 4}\nlist: [9]\nabsent: null", "over.yaml")
    assert merge(base, over).data == {"a": {"c": 2, "d": 4}, "list": [9], "keep": {"x": 1}}


def test_every_value_remembers_the_file_and_line_it_was_written_on(tmp_path):
    (tmp_path / "base.yaml").write_text("schema: 1\na:\n  b: 1\n  c: 2\n")
    (tmp_path / "over.yaml").write_text("extends: base.yaml\na:\n  c: 3\n  list:\n    - 1\n    - 2\n")
    whole = read_yaml(tmp_path / "over.yaml")
    assert whole.data == {"schema": 1, "a": {"b": 1, "c": 3, "list": [1, 2]}}
    base, over = str(tmp_path / "base.yaml"), str(tmp_path / "over.yaml")
    assert whole.where("a", "b") == Where(base, 3, "a.b")
    assert whole.where("a", "c") == Where(over, 3, "a.c")
    assert whole.where("a", "list", 1) == Where(over, 6, "a.list[1]")
    assert whole.where("a", "list", 1, "deeper") == Where(over, 6, "a.list[1].deeper")
    assert whole.where("absent") == Where(over, 1, "absent")


def test_extending_works_through_several_files_and_folders(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "root.yaml").write_text("a: 1\nb: 1\nc: 1\n")
    (tmp_path / "middle.yaml").write_text("extends: deep/root.yaml\nb: 2\nc: 2\n")
    (tmp_path / "top.yaml").write_text("extends: middle.yaml\nc: 3\n")
    assert read_yaml(tmp_path / "top.yaml").data == {"a": 1, "b": 2, "c": 3}
    assert read_yaml(tmp_path / "top.yaml").folder_of("a") == tmp_path / "deep"


def test_a_ring_of_files_is_told(tmp_path):
    (tmp_path / "a.yaml").write_text("schema: 1\nextends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(SpecError, match=r"b\.yaml:1: extends: 'a\.yaml' extends itself\.$"):
        read_yaml(tmp_path / "a.yaml")


def test_two_files_may_extend_the_same_one(tmp_path):
    (tmp_path / "root.yaml").write_text("a: 1\n")
    for name in "xy":
        (tmp_path / f"{name}.yaml").write_text(f"extends: root.yaml\n{name}: 1\n")
        assert read_yaml(tmp_path / f"{name}.yaml").data == {"a": 1, name: 1}


@settings(max_examples=60, deadline=None)
@given(
    key=st.lists(words, min_size=1, max_size=3),
    value=st.one_of(st.integers(-9, 9), words.filter(lambda w: w != "null")),
    data=trees,
)
def test_setting_a_key_sets_it_and_nothing_else(key, value, data):
    before = source(data)
    try:
        after = with_settings(before, [f"{'.'.join(key)}={value}"])
    except SpecError as error:  # a leaf is in the way
        assert "it has no keys below it" in str(error)
        return
    found = after.data
    for part in key:
        found = found[part]
    assert found == parse_yaml(f"v: {value}").data["v"]
    assert before.data == data
    untouched = {k: v for k, v in leaves_of(data) if k[: len(key)] != tuple(key) and tuple(key)[: len(k)] != k}
    assert (
        untouched.items() <= dict(leaves_of(after.data)).items()
        if all(not isinstance(v, list) for v in untouched.values())
        else True
    )
    assert with_settings(after, [f"{'.'.join(key)}={value}"]).data == after.data
    assert str(after.where(*key)) == f"--set {'.'.join(key)}={value}: {dotted(key)}"


@pytest.mark.parametrize("setting, expected", [
    ("a.b=2", {"a": {"b": 2, "l": [1, {"x": 5}]}}), ("a.l[1].x=6", {"a": {"b": 1, "l": [1, {"x": 6}]}}),
    ("a.l.0=7", {"a": {"b": 1, "l": [7, {"x": 5}]}}), ("a.b=1e-3", {"a": {"b": 0.001, "l": [1, {"x": 5}]}}),
    ("a.b=null", {"a": {"l": [1, {"x": 5}]}}), ("a={c: [1, 2]}", {"a": {"c": [1, 2]}}),
    ("a.b=no", {"a": {"b": "no", "l": [1, {"x": 5}]}}), ("a.b='1=2'", {"a": {"b": "1=2", "l": [1, {"x": 5}]}}),
])  # fmt: skip
def test_settings_reach_everywhere(setting, expected):
    assert with_settings(parse_yaml("a: {b: 1, l: [1, {x: 5}]}"), [setting]).data == expected


def test_later_settings_win():
    assert with_settings(parse_yaml("a: 1"), ["a=2", "a=3"]).data == {"a": 3}


def test_numbers_and_words_are_those_of_yaml_1_2():
    text = (
        "f: 1e-3\ng: 1.0e-3\nno: no\non: on\noct: 010\nbig: 1_000\nyes: true\nnone: ~\nempty:\n1: one\ndate: 2020-01-01"
    )
    data = parse_yaml(text).data
    assert (
        data["f"] == 1e-3 and data["g"] == 1e-3 and data["no"] == "no" and data["on"] == "on" and data["none"] is None
    )
    assert (
        data["empty"] is None
        and data["date"] == "2020-01-01"
        and data["oct"] == 10
        and data["yes"] is True
        and data[1] == "one"
    )
    assert all(type(value) in (int, float, str, bool, type(None)) for value in data.values())


def test_anchors_are_copies():
    data = parse_yaml("a: &x {v: 1}\nb: *x\nc: {<<: *x, w: 2}").data
    assert data["b"] == {"v": 1}
    changed = with_settings(parse_yaml("a: &x {v: 1}\nb: *x"), ["a.v=2"]).data
    assert changed == {"a": {"v": 2}, "b": {"v": 1}}


def test_relative_files_belong_to_the_file_they_are_written_in(tmp_path, monkeypatch):
    import numpy as np

    from neurolurie import pipeline

    (tmp_path / "lib").mkdir()
    (tmp_path / "mine").mkdir()
    np.savez(tmp_path / "lib" / "net.npz", A=[[-1.0]], B=[[1.0]], C=[[1.0]])
    np.savetxt(tmp_path / "mine" / "w.csv", [[0.5]], delimiter=",")
    (tmp_path / "lib" / "unit.yaml").write_text("schema: 1\nnpz: net.npz\n")
    (tmp_path / "lib" / "base.yaml").write_text(
        "schema: 1\nname: base\nkind: trajectories\ncircuits:\n  a: {npz: net.npz}\n  b: {use: unit.yaml}\n"
        "  c: {use: motifs/matrices, with: {npz: net.npz}}\nstart: {uniform: [0, 1]}\n"
        "simulate: {dt: 0.1, duration: 1, backend: reference}\n"
    )
    (tmp_path / "mine" / "over.yaml").write_text(
        "extends: ../lib/base.yaml\ncouplings:\n  - {from: a, to: b, with: {matrix: w.csv}}\n"
    )
    for folder, name in (
        (tmp_path, "mine/over.yaml"),
        (tmp_path / "mine", "over.yaml"),
        (tmp_path / "lib", "../mine/over.yaml"),
    ):
        monkeypatch.chdir(folder)
        _, experiment = pipeline.load_target(name)
        assert experiment.network.A.tolist() == [[-1, 0, 0], [0.5, -1, 0], [0, 0, -1]]
    monkeypatch.chdir(tmp_path / "lib")
    import neurolurie as nl

    assert nl.circuit("motifs/matrices", npz="net.npz").n == 1
    assert nl.circuit(Path("unit.yaml")).n == 1


@pytest.mark.parametrize("message, given, name", [
    ("gain must be a positive number, got -1.", {"patterns": 3, "gain": -1}, "gain"),
    ("storage rule 'hebb' is not known. Did you mean 'gain'? Known: gain.", {"gain": 1, "storage": "hebb"}, "storage"),
    ("units is 32, the patterns have 64.", {"patterns": 1, "units": 32}, "units"),
    ("the regain is again 3.", {"gain": 3}, None), ("nothing of ours", {"gain": 3}, None), ("nothing", {}, None),
    ("nonlinearity 'rleu' is not known.", {"names": ["tanh", "rleu"]}, "names"),
])  # fmt: skip
def test_a_sentence_blames_the_parameter_it_speaks_of_first(message, given, name):
    assert blamed(message, given) == name


def test_an_empty_setting_is_refused_and_not_taken_for_a_removal():
    with pytest.raises(SpecError, match=r"--set a.b=: expected a value after '='; to remove the key, write null\."):
        with_settings(parse_yaml("a: {b: 1}"), ["a.b="])
