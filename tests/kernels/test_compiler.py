"""Compiling, caching and loading: by content, safe under parallel processes, harmless to the process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurolurie.errors import BackendError, DivergedError
from neurolurie.kernels import compiler
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.simulate import simulate

TEXT = '#define REAL double\nextern "C" int answer() { return 42; }\n'

RUN = """
import numpy as np, warnings
from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.simulate import simulate
network = LurieNetwork(A=-np.eye(2), B=np.eye(2), C=np.eye(2))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for _ in range(2):
        run = simulate(network, np.ones((3, 2)), duration=1.0, dt=0.1)
print(run.attrs["code"], "|", *run.attrs["notes"], "|", *(w.message for w in seen if w.category is RuntimeWarning), "|",
      np.float64(5e-324) * 1.0 > 0, np.float32(1e-45) / np.float32(1) > 0, np.isnan(np.float64("nan")))
"""


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_flags_leave_the_process_alone():
    assert not {"-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-ffinite-math-only"} & set(compiler.FLAGS)
    assert not {"-ffast-math", "-Ofast"} & set(compiler.LINK)


def test_denormals_survive_loading_a_kernel(tmp_path):
    assert python(RUN, NEUROLURIE_CACHE=str(tmp_path)).strip().endswith("True True True")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_that_diverges_is_still_caught(dtype):
    network = LurieNetwork(A=[[5.0, 0.0], [0.0, -1.0]], B=np.eye(2), C=np.eye(2))
    with pytest.raises(DivergedError, match="state 'x1' of circuit 'network' is not finite"):
        simulate(network, np.ones((3, 2)), duration=2000.0, dt=1.0, dtype=dtype)


def test_the_cache_is_by_content_and_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROLURIE_CACHE", str(tmp_path))
    assert compiler.cache_folder() == tmp_path
    assert compiler.load(TEXT).answer() == 42
    (only,) = (tmp_path / "kernels").iterdir()
    before = only.stat().st_mtime_ns
    assert compiler.load(TEXT + "// another\n").answer() == 42
    assert len(list((tmp_path / "kernels").iterdir())) == 2 and only.stat().st_mtime_ns == before


def test_processes_that_build_the_same_kernel_at_once_do_not_disturb_each_other(tmp_path):
    code = f"from neurolurie.kernels import compiler; print(compiler.load({TEXT!r}).answer())"
    environment = {**os.environ, "NEUROLURIE_CACHE": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["42"] * 4
    assert len(list((tmp_path / "kernels").iterdir())) == 1


def test_a_broken_kernel_says_what_the_compiler_said():
    with pytest.raises(BackendError, match="(?s)refused the generated code: .*error"):
        compiler.load('extern "C" int broken() { return nothing; }')


def test_without_a_compiler_one_warning_names_the_cure_and_the_plain_loop_runs(tmp_path):
    code, note, warning, numbers = python(RUN, PATH=str(tmp_path), CXX="").split("|")
    assert "loop of operations" in code
    assert "plain loop: no C++ compiler found (tried g++, clang++, c++): install g++ or clang++, or set CXX" in note
    assert warning.count("no C++ compiler found") == 1


def test_kernels_run_without_torch():
    code = RUN + "\nimport sys; print('torch' in sys.modules)"
    assert python(code).strip().splitlines()[-1] == "False"


def test_a_cache_folder_that_cannot_be_written_falls_back_and_says_so(tmp_path):
    blocked = tmp_path / "file"
    Path(blocked).write_text("")
    code, note, *_ = python(RUN, NEUROLURIE_CACHE=str(blocked)).split("|")
    assert "loop of operations" in code and "point NEUROLURIE_CACHE to a folder that can" in note
