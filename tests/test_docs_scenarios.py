"""The page about scenarios: its example runs as it says, and no key, kind or input is left out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neurolurie.data import PARTS
from neurolurie.simulation.inputs import INPUTS
from neurolurie.spec.circuit import CircuitSpec
from neurolurie.spec.scenario import Completion, Cue, DataSpec, Decide, Denoise, Hold, InputSpec, Scenario, Simulate
from neurolurie.tasks import KINDS

PAGE = (Path(__file__).parent.parent / "docs" / "scenarios.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
SPECIAL = {"lmmse_db"}  # no metric of its own: told as BASELINE_db
TABLES = [line for line in PAGE.splitlines() if line.startswith("|")]


def neurolurie(*words, cwd):
    command = [sys.executable, "-c", "from neurolurie.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def keys(model):
    return {field.alias or name for name, field in model.model_fields.items()}


def rows():
    """What the first column of the tables names, between backticks."""
    return {word for line in TABLES for word in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_the_example_meets_what_it_expects_and_a_weak_pulse_does_not(tmp_path):
    (tmp_path / "bit.yaml").write_text(EXAMPLE)
    ran = neurolurie("run", "bit.yaml", "--out", "out", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["metrics"]["end_bit.x1"] == pytest.approx(1.915, abs=0.2)
    for name in ("report.html", "figures", "metrics.json", "scenario.yaml", "provenance.json", "certificate.json"):
        assert (tmp_path / "out" / name).exists() and name in PAGE, name
    weak = ("--set", "inputs[0].amplitude=0.2", "--out", "weak")
    assert neurolurie("run", "bit.yaml", *weak, cwd=tmp_path).returncode == 1
    assert neurolurie("run", "bit.yaml", "--set", "trails=2", cwd=tmp_path).returncode == 2
    coarse = ("--set", "simulate.dt=1", "--set", "simulate.duration=400")  # ten time constants a step
    assert neurolurie("run", "bit.yaml", *coarse, "--set", "inputs=[]", cwd=tmp_path).returncode == 3


def test_every_key_of_a_scenario_and_of_simulate_has_a_row():
    assert not (keys(Scenario) | keys(Simulate) | keys(DataSpec) | {"extends"}) - rows()


def test_every_kind_and_every_input_has_a_row_and_every_kind_its_metrics():
    assert not (set(KINDS) | set(INPUTS)) - rows()
    assert set(re.findall(r"^\*\*([a-z-]+)\*\*", PAGE, flags=re.MULTILINE)) == set(KINDS)


@pytest.mark.parametrize("model", [CircuitSpec, Cue, Completion, Denoise, Hold, Decide, InputSpec])
def test_every_key_of_the_parts_is_mentioned(model):
    missing = {key for key in keys(model) if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", PAGE)}
    assert not missing


def test_every_metric_in_plain_words_is_mentioned():
    from neurolurie.report.words import MEANING

    assert not set(MEANING) - rows() - SPECIAL
    assert all(f"digits.{part}" in PAGE for part in PARTS)
