"""The page on circuits: what it shows in Python prints what it says, its files run, and its tables name what exists."""

import doctest
import math
import re
from pathlib import Path

import pytest

import neurolurie as nl
from neurolurie.library import names
from neurolurie.network.connectivity import RULES
from neurolurie.simulation.inputs import INPUTS

PAGE = Path(__file__).parents[2] / "docs" / "circuits.md"
TEXT = PAGE.read_text(encoding="utf-8")


def first_column(header: str) -> list[str]:
    """The names in backticks in the first column of the table that begins with that word."""
    table = re.search(rf"\| {header} \|.*?\n\n", TEXT, flags=re.DOTALL).group()
    return re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE)


def test_its_python_prints_what_it_says():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried >= 15 and not failed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, body in re.findall(r"```yaml\n# (\S+)\n(.*?)```", TEXT, flags=re.DOTALL):
        (tmp_path / name).write_text(body)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_scenario_runs_as_it_expects_and_a_lone_bit_does_not(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["area.yaml", "tired.yaml", "waves.yaml"]
    result = nl.run("waves.yaml")
    assert result.expect_met
    # A file's own circuit is what it says: the bit that tires, written out.
    net, (x, a) = nl.circuit("tired"), (0.7, -0.2)
    expected = [(-x + 2 * math.tanh(x) - 1.5 * a + 0.3) / 0.1, (x - a) / 0.5]
    assert net.field([x, a], [0.3]) == pytest.approx(expected)
    alone = nl.run("waves.yaml", settings=["circuits.left.use=tired", "couplings=[]", "inputs=[]", "measures={}"])
    assert not alone.expect_met


def test_its_tables_name_what_exists():
    assert set(first_column("kind")) == set(INPUTS)
    assert set(first_column("rule")) == set(RULES)
    motifs = {name for name in names("circuits") if name.startswith("motifs/")} - {"motifs/matrices"}
    assert set(first_column("circuit")) == motifs
