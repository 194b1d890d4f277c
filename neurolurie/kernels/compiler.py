"""From C++ text to a loaded library: the system's compiler, a cache on disk by content, safe under many processes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from importlib.resources import files
from pathlib import Path

from neurolurie.errors import BackendError

# Never -ffast-math or -Ofast: linking with them switches the whole process to flush-to-zero when the library loads,
# and lets NaN tests return false.
FLAGS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros",
    "-freciprocal-math",
)  # fmt: skip
# How long threads wait for one another awake. GNU's own choice, some milliseconds, makes two threads up to thirty times
# slower than one when another program wants the same processor.
SPIN = "1000"
LINK = ("-std=c++17", "-fPIC", "-shared", "-fopenmp")


class NoCompiler(BackendError):
    """No C++ compiler was found, or it does not work; the message names the cure."""


def cache_folder() -> Path:
    """``$NEUROLURIE_CACHE``, or ``neurolurie`` in the user's cache folder."""
    chosen = os.environ.get("NEUROLURIE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurolurie"


def load(source: str) -> ctypes.CDLL:
    """The library compiled from that C++ text: from memory, from the cache on disk, or from the compiler.

    Raises NoCompiler if there is none, BackendError if it refuses the text.
    """
    return _load(source, _compiler(), str(cache_folder()))


def available() -> str | None:
    """None if kernels can be compiled here, else the sentence that says why not."""
    try:
        _compiler()
    except NoCompiler as error:
        return error.message
    return None


@cache
def vector_bytes() -> int:
    """The width of a vector in kernels compiled here."""
    return load(prelude("width")).vector_bytes()


@cache
def prelude(*names: str) -> str:
    """The texts of those files of ``kernels/cpp``."""
    folder = files("neurolurie.kernels").joinpath("cpp")
    return "\n".join(folder.joinpath(f"{name}.hpp").read_text() for name in names)


@cache
def warn_once(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)


@cache
def _load(source: str, compiler: tuple[str, str], folder: str) -> ctypes.CDLL:
    path, version = compiler
    key = "\n".join((source, version, " ".join(FLAGS + LINK), _processor()))
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    library = Path(folder) / "kernels" / f"{name}.so"
    if not library.exists():
        _compile(source, path, library)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)  # read when the first kernel brings the OpenMP runtime in
    return ctypes.CDLL(str(library))


def _compile(source: str, compiler: str, library: Path) -> None:
    """Build beside the target and rename: a reader sees the whole file or none, and two writers write the same."""
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(dir=library.parent, prefix="build-")
    except OSError as error:
        raise NoCompiler(
            f"kernels: the cache folder '{library.parent}' cannot be written ({error.strerror}); "
            "point NEUROLURIE_CACHE to a folder that can."
        ) from error
    with work as place:
        text = Path(place) / "kernel.cpp"
        text.write_text(source)
        built = Path(place) / "kernel.so"
        serial = tuple(flag for flag in LINK if flag != "-fopenmp")  # a compiler without OpenMP: one thread
        for link in (LINK, serial):
            command = [compiler, *FLAGS, *link, "-o", str(built), str(text)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if not run.returncode or not any(word in run.stderr for word in ("openmp", "gomp", "-lomp")):
                break
        if run.returncode:
            raise BackendError(f"kernels: '{compiler}' refused the generated code: {run.stderr.strip()[:2000]}")
        os.replace(built, library)


def _compiler() -> tuple[str, str]:
    """The compiler's path and version: ``$CXX``, else g++, clang++, c++."""
    return _find(os.environ.get("CXX", ""), os.environ.get("PATH", ""))


@cache
def _find(chosen: str, path: str) -> tuple[str, str]:
    names = [chosen] if chosen else ["g++", "clang++", "c++"]
    for name in names:
        found = shutil.which(name)
        if found:
            version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
            if version.returncode == 0:
                return found, version.stdout.splitlines()[0] if version.stdout else found
    raise NoCompiler(
        f"no C++ compiler found (tried {', '.join(names)}): install g++ or clang++, or set CXX; "
        "until then the torch backend runs its plain loop, which is 10 to 50 times slower."
    )


@cache
def _processor() -> str:
    """What -march=native depends on: a cache shared by different machines must keep their libraries apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("vendor_id", "cpu family", "model", "model name", "flags", "Features", "CPU implementer", "CPU part")
    first = {}
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in wanted:
            first.setdefault(key.strip(), value.strip())
    return platform.machine() + str(sorted(first.items()))
