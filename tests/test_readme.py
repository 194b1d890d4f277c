"""What the README shows runs as shown."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def neurolurie(*words, cwd):
    command = [sys.executable, "-c", "from neurolurie.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_the_python_example_prints_what_it_says(capsys):
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    first, last = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("proved: 2-contracting")
    assert float(last) == pytest.approx(0.9226, abs=1e-3)


def test_a_circuit_of_ones_own(tmp_path):
    mine, flip = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(mine)
    (tmp_path / "flip.yaml").write_text(flip)
    checked = neurolurie("check", "flip.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    ran = neurolurie("run", "flip.yaml", "--out", "out", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["metrics"]["equilibria"] == 2


def test_the_mistake_it_shows(tmp_path):
    mine, flip = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(mine)
    (tmp_path / "flip.yaml").write_text(flip.replace("trials", "trails"))
    answer = neurolurie("check", "flip.yaml", cwd=tmp_path).stderr
    shown = re.search(r"flip\.yaml:8: trails: .*Known: certify,", README).group()
    assert shown in answer


def test_commands_name_what_exists():
    from neurolurie.library import names

    shipped = {*names("circuits"), *names("scenarios")}
    targets = re.findall(r"neurolurie (?:run|certify|repair|compare) ([a-z0-9/-]+)(?: |$)", README, flags=re.MULTILINE)
    assert len(targets) >= 5
    for target in targets:
        if target != "flip":
            assert target in shipped or target == "scenarios/digits-recall", target
