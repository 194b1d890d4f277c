"""Brian2 standalone: its generated C++ program, built once for each shape and run with the data of every problem.

A program lies in the cache under a key of everything that was compiled into it. It is built in a folder of its own and
renamed when complete, so that processes may build at the same time; every run has its own folder for data and results.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from neurolurie.errors import BackendError
from neurolurie.simulation.backends.base import Backend
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.backends.brian.functions import functions
from neurolurie.simulation.backends.brian.layout import batches, gather, join, layout, refusal, tables
from neurolurie.simulation.backends.brian.session import cache_folder, import_brian, session
from neurolurie.simulation.problem import Problem, Trajectory

# Brian2's time runs from 0 to 1 in every program; how many ticks that takes is read when it starts.
_CLOCKS = """
std::ifstream neurolurie_clocks("clocks.bin", std::ios::binary);
neurolurie_clocks.read(reinterpret_cast<char*>(_array_neurolurie_clock_dt), sizeof(double));
"""
_RECORD_CLOCK = "neurolurie_clocks.read(reinterpret_cast<char*>(_array_neurolurie_record_clock_dt), sizeof(double));"
_REPORT = 'std::cout << "done " << completed << std::endl << std::flush;'


class BrianStandaloneBackend(Backend):
    name = "brian2-standalone"

    def __init__(self):
        import_brian()

    def unsupported(self, problem: Problem) -> str | None:
        return refusal(self.name, problem) or _missing_compiler()

    def run(self, problem: Problem) -> Trajectory:
        return join([self._run(part, first_trial) for first_trial, part in batches(problem)])

    def _run(self, problem: Problem, first_trial: int) -> Trajectory:
        began = time.perf_counter()
        plan = layout(problem)
        data = tables(problem, plan)
        program = cache_folder() / "brian2-standalone" / _key(plan)
        reused = (program / "manifest.json").exists()
        if not reused:
            _build(plan, problem, data, program)
        manifest = json.loads((program / "manifest.json").read_text())
        built = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="neurolurie-") as folder:
            work = Path(folder)
            _execute(problem, program, work, data, plan.values(problem, first_trial))

            def read(owner: str, variable: str) -> np.ndarray:
                return np.fromfile(work / "results" / manifest[f"{owner}.{variable}"])

            states, final = gather(problem, plan, read)
        ended = time.perf_counter()
        code = f"brian2 {import_brian().__version__}, C++ program, {type(plan).__name__.lower()}"
        return Trajectory(
            states, final, built - began, ended - built, code + (", reused from the cache" if reused else "")
        )


def _key(plan) -> str:
    """A name for everything that is compiled into the program, and for what compiles it."""
    brian2 = import_brian()
    from brian2.codegen.cpp_prefs import get_compiler_and_args

    hasher = hashlib.sha256()
    for part in (repr(plan), brian2.__version__, os.environ.get("CXX", "g++"), get_compiler_and_args(), _processor()):
        hasher.update(repr(part).encode() + b"\n")
    for source in sorted(Path(__file__).parent.glob("*.py")):
        hasher.update(source.read_bytes())
    return hasher.hexdigest()[:32]


def _processor() -> str:
    """The instructions this processor has: programs are compiled for them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()}"


def _build(plan, problem: Problem, data: dict[str, np.ndarray], program: Path) -> None:
    """Generate and compile into a folder beside ``program``, then give it that name."""
    missing = _missing_compiler()
    if missing:
        raise BackendError(missing)
    program.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="building-", dir=program.parent))
    try:
        manifest = _generate(plan, problem, data, folder)
        log = subprocess.run(
            ["make", "-j", str(os.cpu_count() or 1)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )  # fmt: skip
        if log.returncode:
            raise BackendError(
                "brian2-standalone: the generated C++ program does not compile; check that 'g++' and 'make' work, or "
                f"use the backend 'torch'. The compiler's last words: {log.stdout[-2000:]}"
            )
        for leftover in folder.glob("**/*.o"):
            leftover.unlink()
        (folder / "manifest.json").write_text(json.dumps(manifest))
        try:
            folder.rename(program)
        except OSError:  # another process was first, and its program is the same
            if not (program / "manifest.json").exists():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _generate(plan, problem: Problem, data: dict[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Brian2's C++ project in ``folder``; returns the file in which each result will be."""
    brian2 = import_brian()
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    device = CPPStandaloneDevice()
    with session(device):
        clock = brian2.Clock(dt=1 * brian2.second, name="neurolurie_clock")
        record_clock = brian2.Clock(dt=1 * brian2.second, name="neurolurie_record_clock")
        objects = plan.build(functions(data), clock, record_clock, None)
        network = brian2.Network(*objects.values(), name="neurolurie_network")
        device.insert_code("main", _CLOCKS + ("" if plan.recorded is None else _RECORD_CLOCK))
        network.run(1 * brian2.second, report=_REPORT, report_period=0.2 * brian2.second, namespace={})
        device.build(directory=str(folder), compile=False, run=False, with_output=False)
        return {
            f"{owner}.{variable}": device.get_array_filename(objects[owner].variables[variable])
            for owner, variable in plan.results()
        }


def _execute(
    problem: Problem, program: Path, work: Path, data: dict[str, np.ndarray], values: dict[str, np.ndarray]
) -> None:
    """Run the program in the folder ``work``, which receives its data and results."""
    (work / "results").mkdir()
    (work / "static_arrays").symlink_to(program / "static_arrays")
    every = (problem.record.every or 1) * len(problem.solver.nodes)
    ticks = schedule.ticks(problem)
    np.array([1 / ticks, every / ticks]).tofile(work / "clocks.bin")
    for name, array in data.items():
        array.tofile(work / f"{name}.bin")
    arguments = []
    for name, array in values.items():
        np.ascontiguousarray(array).tofile(work / f"{name}.bin")
        arguments.append(f"{name}=./{name}.bin")
    with (work / "errors.txt").open("w+") as errors:
        process = subprocess.Popen(
            [str(program / "main"), "--results_dir", "results/", *arguments],
            cwd=work, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace",
        )  # fmt: skip
        try:
            for line in process.stdout:
                if problem.progress and line.startswith("done "):
                    problem.progress(round(float(line.split()[1]) * problem.steps), problem.steps)
        finally:
            process.stdout.close()
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.kill()
            process.wait()
        errors.seek(0)
        said = errors.read().strip()
    if process.returncode or said:
        raise BackendError(
            f"brian2-standalone: the program ended with status {process.returncode}: {said or 'no message'}. "
            f"Delete '{program}' to have it built anew."
        )


def _missing_compiler() -> str | None:
    for tool in (os.environ.get("CXX", "g++").split()[0], "make"):
        if shutil.which(tool) is None:
            return (
                f"brian2-standalone: '{tool}' is not found; install a C++ compiler and make (Debian and Ubuntu: "
                "apt install g++ make; macOS: xcode-select --install), or use the backend 'torch'."
            )
    return None
