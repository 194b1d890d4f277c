"""A Triton kernel from the same description as the C++: one trial in each thread."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

from neurolurie.kernels.compiler import cache_folder
from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu.text import BLOCK, Text

ARGUMENTS = (
    "A", "B", "C", "by", "size", "noise", "drive", "begin", "out", "last", "scratch", "drive_step", "drive_node",
    "trials", "pitch", "steps", "every", "seed_low", "seed_high", "stream", "first_step",
)  # fmt: skip
POINTERS = ARGUMENTS[:11]


def source(d: Description) -> str:
    """The text of a module with the jitted function ``forward``."""
    text = Text(d)
    put = text.put
    text.head("forward", ARGUMENTS)
    text.keep_weights("by", "size", *(["noise"] if d.noise else []))
    for i in range(d.n):
        put(1, f"x{i} = tl.load(begin + {i} * pitch + trial, mask=here, other=0.0)")
    put(1, f"tile = scratch + tl.program_id(0) * {d.n} * BLOCK + lane")
    put(1, "row = out + trial", "if every > 0:")
    put(2, *(f"tl.store(row + {i} * pitch, x{i}, mask=here)" for i in range(d.n)), f"row += {d.n} * pitch")
    put(1, "shift = drive", "for step in range(steps):")
    for q, weight in enumerate(d.tableau.weights):
        text.stage(2, q, f"shift + {round(2 * d.tableau.nodes[q])} * drive_node", "tile")
        put(2, *(f"w{i} {'=' if q == 0 else '+='} k{q}_{i} * {weight!r}" for i in range(d.n)))
    put(2, *(f"x{i} += w{i} * {text.number('size', i)}" for i in range(d.n)))
    if d.noise:
        _noise(text)
    put(2, "shift += drive_step", "done = step + 1", "if every > 0:")
    put(3, "if (done % every == 0) | (done == steps):")
    put(4, *(f"tl.store(row + {i} * pitch, x{i}, mask=here)" for i in range(d.n)), f"row += {d.n} * pitch")
    put(1, *(f"tl.store(last + {i} * pitch + trial, x{i}, mask=here)" for i in range(d.n)))
    return str(text)


def _noise(text: Text) -> None:
    """Add the noise. The normals of many states side by side would need more registers than there are."""
    n = text.d.n

    def one(depth: int, j: int | str) -> None:
        z = f"normal(first_step + step, trial, {j}, stream, seed_low, seed_high).to(zero.dtype)"
        value = f"{z} * {text.number('noise', j)}"
        text.put(depth, f"x{j} += {value}" if text.written else f"tl.store(tile + j * BLOCK, {value})")

    text.settle(2)
    text.each(2, 0, n, one)
    text.settle(2)
    if not text.written:
        text.put(2, *(f"x{i} += tl.load(tile + {i} * BLOCK)" for i in range(n)))


@cache
def kernel(description: Description):
    """The jitted function of the time loop."""
    return jitted(source(description), "forward")


def jitted(text: str, name: str):
    """A function of that module. Triton reads its text from a file, which lies in the cache folder."""
    label = f"kernel_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    folder = cache_folder() / "triton"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{label}.py"
    if not path.exists():
        handle, work = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(work, path)
    spec = importlib.util.spec_from_file_location(label, Path(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def signature(description: Description) -> dict[str, str]:
    """The argument types for compiling ahead of time."""
    return types(description, ARGUMENTS, POINTERS, ("pitch", "first_step", "seed_low", "seed_high", "stream"))


def types(description: Description, arguments, pointers, wide) -> dict[str, str]:
    real = "*fp64" if description.dtype == "float64" else "*fp32"
    whole = {name: "i64" if name in wide else "i32" for name in arguments if name not in pointers}
    return dict.fromkeys(pointers, real) | whole | {"BLOCK": "constexpr"}


def programs(trials: int) -> int:
    return -(-trials // BLOCK)


def scratch_size(description: Description, trials: int) -> int:
    """Numbers that the kernel wants to be able to write: a tile of n vectors for each program, or nothing."""
    return 1 if Text(description).written else programs(trials) * description.n * BLOCK
