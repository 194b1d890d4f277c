"""Variants: the scenario as written, or each set of changes laid over it, one at a time."""

import pytest

from neurolurie import pipeline
from neurolurie.spec.source import parse_yaml

TEXT = """
schema: 1
name: v
kind: trajectories
circuits: {a: {use: motifs/matrices, with: {B: [[0.5]]}}}
start: {states: [[1.0]]}
simulate: {backend: reference, solver: rk4, dt: 0.1, duration: 2}
"""
VARIANTS = """
variants:
  weak: {"circuits.a.with.B": [[0.0]]}
  late: {simulate.duration: 4, "start.states[0][0]": 2.0}
expect: {weak.end_a.x1: [0.1353, 0.1354], late.end_a.x1: [0, 2]}
"""


def test_without_variants_the_scenario_is_its_only_run():
    source = parse_yaml(TEXT)
    assert pipeline.variants(source) == [("", source)]


def test_each_variant_changes_only_what_it_names():
    (weak, one), (late, other) = pipeline.variants(parse_yaml(TEXT + VARIANTS))
    assert (weak, late) == ("weak", "late")
    assert one.data["circuits"]["a"]["with"]["B"] == [[0.0]] and other.data["circuits"]["a"]["with"]["B"] == [[0.5]]
    assert one.data["simulate"]["duration"] == 2 and other.data["simulate"]["duration"] == 4
    assert one.data["start"]["states"] == [[1.0]] and other.data["start"]["states"] == [[2.0]]


def test_metrics_carry_the_variant_s_name(tmp_path):
    path = tmp_path / "v.yaml"
    path.write_text(TEXT + VARIANTS)
    result = pipeline.run(path)
    assert [run.variant for run in result.runs] == ["weak", "late"] and result.expect_met
    assert result.metrics["weak.end_a.x1"] == pytest.approx(0.1353353, abs=1e-5)  # exp(-2): B is 0
    assert result.metrics["late.end_a.x1"] > result.metrics["weak.end_a.x1"]
    assert all(name.startswith(("weak.", "late.")) for name in result.metrics)


def test_what_is_expected_but_not_measured_is_missed(tmp_path):
    path = tmp_path / "v.yaml"
    path.write_text(TEXT + "expect: {no_such_number: [0, 1]}")
    result = pipeline.run(path)
    assert not result.expect_met
    assert str(result.expectations[0]) == "no_such_number = not measured, expected 0 to 1"
