"""The command line as a user or a script meets it: exit codes, JSON, sentences, files."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import neurolurie as nl
from neurolurie.describe import describe

SMALL = ["--set", "trials=6", "--set", "simulate.duration=0.02"]


def neurolurie(*words, cwd):
    command = [sys.executable, "-c", "from neurolurie.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One small run of the digits, shared by the tests that look at what it left."""
    cwd = tmp_path_factory.mktemp("run")
    words = (
        "run",
        "digits-recall",
        "--backend",
        "reference",
        *SMALL,
        "--set",
        "expect=null",
        "--out",
        "here",
        "--json",
    )
    return cwd / "here", neurolurie(*words, cwd=cwd)


def test_run_writes_everything_it_promises(finished):
    folder, process = finished
    assert process.returncode == 0, process.stderr
    names = {path.name for path in folder.iterdir()}
    assert {"scenario.yaml", "metrics.json", "provenance.json", "certificate.json", "trajectories.zarr", "figures",
            "report.html"} <= names  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert all(isinstance(value, float) for value in metrics.values())
    assert json.loads(process.stdout) == {"out": "here", "metrics": metrics, "expect_met": True}


def test_a_pipe_sees_no_progress(finished):
    assert finished[1].stderr == ""


def test_provenance_says_what_ran(finished):
    provenance = json.loads((finished[0] / "provenance.json").read_text())
    assert provenance["backend"] == "reference" and provenance["seed"] == 7
    assert provenance["code"] == [f"numpy {np.__version__}"]
    assert provenance["data"]["digits"]["licence"] == "CC BY 4.0"
    assert {"build_seconds", "run_seconds", "versions", "networks"} <= set(provenance)


def test_the_resolved_scenario_runs_to_the_same_numbers(finished, tmp_path):
    again = nl.run(finished[0] / "scenario.yaml")
    assert again.metrics == json.loads((finished[0] / "metrics.json").read_text())


def test_the_saved_states_are_those_of_the_run(finished):
    states = nl.load_result(finished[0])["states"]["x"]
    assert states.dims == ("trial", "time", "state") and states.sizes["trial"] == 6
    assert str(states.state.values[0]) == "memory.x1" and float(states.time[-1]) == pytest.approx(0.02)


def test_a_result_is_not_overwritten_unasked(finished):
    folder, _ = finished
    words = ("run", "digits-recall", "--backend", "reference", *SMALL, "--out", folder)
    refused = neurolurie(*words, cwd=folder.parent)
    assert refused.returncode == 2
    assert refused.stderr == f"error: --out: '{folder}' already holds a result; use --force to replace it.\n"


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused = neurolurie("run", "opinion", "--out", "mine", "--force", cwd=tmp_path)
    assert refused.returncode == 2 and (tmp_path / "mine" / "thesis.txt").exists()
    assert "is no result of neurolurie" in refused.stderr


def test_a_missed_expectation_is_exit_1_and_a_line(tmp_path):
    words = ("run", "opinion", "--backend", "reference", "--set", "expect.equilibria=[2, 2]", "--set", "trials=2")
    missed = neurolurie(*words, "--out", "out", cwd=tmp_path)
    assert missed.returncode == 1
    assert "missed: equilibria = 1, expected 2 to 2" in missed.stdout
    assert (tmp_path / "out" / "report.html").exists()


def test_wrong_input_is_exit_2_and_one_sentence(tmp_path):
    (tmp_path / "a.yaml").write_text("schema: 1\nname: a\nkind: recall\ntrails: 3\n")
    wrong = neurolurie("run", "a.yaml", cwd=tmp_path)
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert wrong.stderr.startswith("error: a.yaml:4: trails: key 'trails' is not known. Did you mean 'trials'?")
    assert "Traceback" not in wrong.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "a.yaml"]


def test_a_diverging_run_is_exit_3_and_names_state_and_time(tmp_path):
    words = ("run", "simple-attractor-cubic", "--backend", "reference", "--set", "start.uniform=[-3, 3]",
             "--set", "simulate.diverged=stop", "--out", "out")  # fmt: skip
    failed = neurolurie(*words, cwd=tmp_path)
    assert failed.returncode == 3
    assert "of circuit 'attractor' is not finite at t = " in failed.stderr and "Traceback" not in failed.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_that_must_be_certified_does_not_start_uncertified(tmp_path):
    stopped = neurolurie("run", "opinion", "--set", "circuits.agents.use=paper/hopfield-3", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "the run was not started" in stopped.stderr


def test_certify_speaks_json(tmp_path):
    process = neurolurie("certify", "paper/hopfield-3", "--k", 2, "--json", cwd=tmp_path)
    answer = json.loads(process.stdout)
    assert process.returncode == 0
    assert {"claim", "status", "method", "k", "margin", "rate", "tried"} <= set(answer)
    assert (answer["claim"], answer["k"]) == ("k-contraction", 2)
    assert 2.0 - 1e-6 < answer["margin"] <= 2.0  # a proved margin is rounded down


def test_certify_that_fails_is_exit_1(tmp_path):
    process = neurolurie("certify", "paper/hopfield-3", "--k", 1, "--json", cwd=tmp_path)
    assert process.returncode == 1
    assert json.loads(process.stdout)["status"] in ("refuted", "unknown", "boundary")


def test_certify_reads_an_npz(tmp_path):
    np.savez(tmp_path / "net.npz", A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3), bx=np.zeros(3), by=np.zeros(3))
    process = neurolurie("certify", "net.npz", "--phi", "tanh", "--k", 2, "--json", cwd=tmp_path)
    assert process.returncode == 0 and json.loads(process.stdout)["k"] == 2


def test_certify_of_a_scenario_follows_set(tmp_path):
    for strength, k in (("1.0", 3), ("0.0", 3)):
        words = ("certify", "two-hopfields", "--json", "--set", f"couplings[0].with.strength={strength}")
        assert json.loads(neurolurie(*words, cwd=tmp_path).stdout)["k"] == k


def test_compare_speaks_json(tmp_path):
    process = neurolurie("compare", "opinion", "--backends", "reference,torch", "--json", cwd=tmp_path)
    report = json.loads(process.stdout)
    assert process.returncode == 0 and report["max_gap"] <= report["tolerance"] == 1e-9
    assert [(pair["a"], pair["b"]) for pair in report["pairs"]] == [("reference", "torch")]


def test_list_and_show(tmp_path):
    listed = json.loads(neurolurie("list", "circuits", "--json", cwd=tmp_path).stdout)
    assert set(listed) == {"circuits"} and "memory/hopfield" in listed["circuits"]
    for name in ("memory/hopfield", "digits-recall", "gelu"):
        shown = neurolurie("show", name, "--json", cwd=tmp_path)
        assert shown.returncode == 0 and json.loads(shown.stdout), name
    for name in listed["circuits"]:  # without a process for each
        assert json.dumps(describe(name)), name
    assert neurolurie("list", "circuit", cwd=tmp_path).stderr.startswith(
        "error: list 'circuit' is not known. Did you mean 'circuits'?"
    )


def test_check_says_what_a_file_is(tmp_path):
    scenario = neurolurie("check", "digits-recall", cwd=tmp_path)
    assert scenario.returncode == 0 and "a scenario of kind 'recall'" in scenario.stdout
    circuit = neurolurie("check", "memory/hopfield", cwd=tmp_path)
    assert circuit.returncode == 0 and "a circuit with 64 states" in circuit.stdout


def test_help_is_quick_and_loads_nothing_heavy(tmp_path):
    code = (
        "import sys\nfrom neurolurie.cli import app\n"
        "try:\n app(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'scipy', 'torch', 'brian2', 'matplotlib', 'xarray', 'cvxpy'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert process.stdout.splitlines()[-1] == "[]"
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        neurolurie("--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.4


def test_a_reader_that_leaves_is_no_error(tmp_path):
    command = f"{sys.executable} -c 'from neurolurie.cli import main; main()' list | head -1"
    process = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert process.stdout == "circuits:\n" and process.stderr == ""


def test_a_saved_certificate_is_proved_again_and_an_edited_one_is_not(tmp_path):
    saved = neurolurie("certify", "paper/opinion", "--k", 1, "--save", "c.json", cwd=tmp_path)
    assert saved.returncode == 0 and "neurolurie verify c.json" in saved.stdout
    assert neurolurie("verify", "c.json", "--of", "paper/opinion", cwd=tmp_path).returncode == 0
    assert neurolurie("verify", "c.json", "--of", "paper/hopfield-3", cwd=tmp_path).returncode == 1
    text = (tmp_path / "c.json").read_text()
    (tmp_path / "c.json").write_text(text.replace("-1.5", "-1.6", 1))
    edited = neurolurie("verify", "c.json", "--json", cwd=tmp_path)
    assert edited.returncode == 1 and json.loads(edited.stdout)["valid"] is False
    assert neurolurie("verify", "nothing.json", cwd=tmp_path).returncode == 2


def test_the_reading_per_circuit_is_told_apart_from_the_whole(tmp_path):
    said = neurolurie("certify", "two-hopfields", cwd=tmp_path).stdout
    assert "proved: 3-contracting" in said
    assert "each alone is k-contracting: 'left' 2, 'right' 2" in said
    assert "F(2) = 1 /s for the whole, and F(K) < 0 only from K = 3 on" in said


def test_a_step_beyond_the_fastest_time_constant_is_told(tmp_path):
    words = (
        "run",
        "digits-recall",
        "--set",
        "trials=4",
        "--set",
        "simulate.dt=0.02",
        "--set",
        "expect=null",
        "--out",
        "out",
    )
    said = neurolurie(*words, cwd=tmp_path).stdout
    assert "step: dt = 0.02 s is longer than the fastest time constant, 0.01 s" in said


def test_a_misspelt_expectation_gets_a_hint(tmp_path):
    words = ("run", "opinion", "--set", "trials=2", "--set", "expect={equilibira: [1, 1]}", "--out", "out")
    assert "not measured (did you mean 'equilibria'?)" in neurolurie(*words, cwd=tmp_path).stdout


def test_noise_is_not_taken_for_a_rhythm(tmp_path):
    words = ("run", "hopfield-3", "--set", "noise.sigma.memory=0.2", "--set", "expect=null", "--out", "out", "--json")
    measured = json.loads(neurolurie(*words, cwd=tmp_path).stdout)["metrics"]
    assert not {"settled_fraction", "oscillating_fraction", "period_s", "equilibria"} & set(measured)
    assert measured["amplitude"] > 0.01
