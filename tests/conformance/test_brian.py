"""Brian2 in particular: which code ran, nothing left behind, nothing on the screen, processes side by side."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy import sparse

from neurolurie.errors import BackendError, SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.backends import load_backend
from neurolurie.simulation.backends.brian import layout as layouts
from neurolurie.simulation.backends.brian import runtime
from neurolurie.simulation.backends.brian.runtime import DROPPED, BrianBackend
from neurolurie.simulation.backends.brian.unrolled import Unrolled
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import parity, solve

BRIAN = ["brian2", "brian2-standalone"]


@pytest.fixture(autouse=True)
def only_if_chosen(request):
    chosen = request.config.getoption("--backends").split(",")
    if not set(BRIAN) & set(chosen):
        pytest.skip("no Brian2 backend was chosen")


def posed(network, starts, **changes):
    return pose(network, starts, **({"duration": 0.5, "dt": 0.05, "noise": 0.1, "solver": "heun"} | changes))


def test_numpy_code_gives_the_same_numbers(network, starts):
    problem = posed(network, starts)
    found = BrianBackend(target="numpy").run(problem)
    assert "numpy code" in found.code and found.notes == ()
    assert parity(solve(problem, "reference").states, found.states) < 1e-13


def test_a_drop_from_cython_to_numpy_is_told(network, starts, monkeypatch):
    monkeypatch.setattr(runtime, "cython_works", lambda: False)
    found = BrianBackend(target="auto").run(posed(network, starts))
    assert found.notes == (DROPPED,)
    assert "numpy code" in found.code and "Cython does not work here" in found.code
    assert BrianBackend(target="cython").unsupported(posed(network, starts)) == (
        "brian2: Cython does not work here; install a C++ compiler, or let the target be 'auto'."
    )


def test_an_unknown_code_target_is_refused(monkeypatch):
    monkeypatch.setenv("NEUROLURIE_BRIAN_TARGET", "fortran")
    with pytest.raises(SpecError, match=r"code target 'fortran' is not known. Known: auto, cython, numpy\."):
        load_backend("brian2")


def test_a_missing_compiler_is_named_with_its_cure(starts, network, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("NEUROLURIE_CACHE", str(tmp_path))
    sentence = (
        "brian2-standalone: 'g++' is not found; install a C++ compiler and make (Debian and Ubuntu: "
        "apt install g++ make; macOS: xcode-select --install), or use the backend 'torch'."
    )
    with pytest.raises(BackendError) as caught:
        solve(posed(network, starts), "brian2-standalone")
    assert caught.value.message == sentence


def test_a_compiler_that_fails_is_an_error_with_its_words(monkeypatch, tmp_path):
    compiler = tmp_path / "broken-compiler"
    compiler.write_text("#!/bin/sh\necho out of licences\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("NEUROLURIE_CACHE", str(tmp_path))
    network = LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]])
    with pytest.raises(BackendError, match="(?s)does not compile; .* last words: .*out of licences"):
        load_backend("brian2-standalone").run(pose(network, [[1.0]], duration=0.1, dt=0.1))
    assert not list((tmp_path / "brian2-standalone").iterdir())


def test_the_program_is_reused_for_other_data_and_solvers(network, starts):
    solve(posed(network, starts), "brian2-standalone")
    other = network.replace(A=2.0 * network.A, bx=network.bx + 1.0)
    problem = posed(other, starts + 0.1, solver="rk4", dt=0.025, seed=9, noise=None)
    found = solve(problem, "brian2-standalone")
    assert found.code.endswith("reused from the cache")
    assert parity(solve(problem, "reference").states, found.states) < 1e-13


def test_trials_in_batches_give_the_same_numbers(monkeypatch):
    rng = np.random.default_rng(6)
    network = LurieNetwork(A=-np.eye(12), B=rng.normal(size=(12, 12)), C=np.eye(12))
    problem = posed(network, rng.normal(size=(4, 12)), record="final")
    monkeypatch.setattr(layouts, "SYNAPSES", 2 * layouts.terms(network))
    assert [first for first, _ in layouts.batches(problem)] == [0, 2]
    assert parity(solve(problem, "reference").states, solve(problem, "brian2").states) < 1e-13


def test_a_small_sparse_network_is_written_out_like_the_dense_one(network, starts):
    storage = {name: sparse.csr_array(getattr(network, name)) for name in "ABCE"}
    dense, other = posed(network, starts), posed(network.replace(**storage), starts)
    assert Unrolled.of(dense) == Unrolled.of(other)
    assert (Unrolled.of(dense).numbers(dense) == Unrolled.of(other).numbers(other)).all()


def test_nothing_is_left_behind_and_nothing_is_printed(network, starts, capfd):
    import brian2

    solve(posed(network, starts), "brian2")  # what compilers say while they are tried is not at issue
    capfd.readouterr()
    globals_now = lambda: (  # noqa: E731
        id(brian2.get_device()), brian2.prefs.as_file, float(brian2.defaultclock.dt),
        np.random.get_state()[1].tolist(), sys.excepthook,
    )  # fmt: skip
    before = globals_now()
    expected = solve(posed(network, starts), "reference").states
    for _ in range(3):
        for backend in BRIAN:
            assert parity(expected, solve(posed(network, starts), backend).states) < 1e-13
    assert globals_now() == before
    assert capfd.readouterr() == ("", "")


def test_a_script_of_brians_own_runs_as_before(network, starts):
    import brian2

    group = brian2.NeuronGroup(1, "v : 1", name="bystander")
    group.v = 2.0
    for backend in BRIAN:
        solve(posed(network, starts), backend)
    magic = brian2.Network(group)
    magic.run(0.3 * brian2.ms)
    assert group.v[0] == 2.0 and magic.t == 0.3 * brian2.ms


def test_it_runs_in_threads(network, starts):
    problem = posed(network, starts)
    expected, found = solve(problem, "reference").states, {}
    threads = [
        threading.Thread(target=lambda b=backend, i=i: found.update({(b, i): solve(problem, b).states}))
        for backend in BRIAN
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(parity(expected, states) < 1e-13 for states in found.values())


def test_processes_may_build_the_same_program_at_once(tmp_path, monkeypatch):
    script = (
        "import numpy as np\n"
        "from neurolurie.network.lurie import LurieNetwork\n"
        "from neurolurie.simulation.problem import pose\n"
        "from neurolurie.simulation.simulate import solve\n"
        "net = LurieNetwork(A=[[-1.0]], B=[[0.5]], C=[[1.0]])\n"
        "print(repr(float(solve(pose(net, [[1.0]], duration=1.0, dt=0.1), 'brian2-standalone').final[0, 0])))\n"
    )
    monkeypatch.setenv("NEUROLURIE_CACHE", str(tmp_path))
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in running]
    assert [errors for _, errors in said] == ["", ""]
    network = LurieNetwork(A=[[-1.0]], B=[[0.5]], C=[[1.0]])
    expected = solve(pose(network, [[1.0]], duration=1.0, dt=0.1), "reference").final[0, 0]
    assert [float(output) for output, _ in said] == pytest.approx([expected, expected], abs=1e-14)
    assert len(list((tmp_path / "brian2-standalone").iterdir())) == 1
