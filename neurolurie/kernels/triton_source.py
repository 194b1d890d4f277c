"""A Triton kernel from the same description as the C++: one trial in each thread, products written out."""

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

BLOCK = 128  # trials of one program: one for each thread of four warps

# Expressions in {y}; tanh and the others that need care are functions of triton_functions.
IMAGES = {
    "tanh": "tanh({y})", "logistic": "logistic({y})", "softplus": "softplus({y})", "identity": "{y}",
    "relu": "tl.where({y} < 0, 0.0, {y})", "leaky-relu": "tl.where({y} > 0, {y}, {y} * 0.01)",
    "hard-tanh": "tl.where({y} < -1, -1.0, tl.where({y} > 1, 1.0, {y}))",
    "saturating-linear": "tl.where({y} < 0, 0.0, tl.where({y} > 1, 1.0, {y}))",
    "erf": "tl.erf({y})", "gelu": "0.5 * {y} * (1.0 + tl.erf({y} * 0.7071067811865476))",
    "inverse-square-root": "{y} / tl.sqrt(1.0 + {y} * {y})", "sine": "tl.sin({y})", "cubic": "{y} * {y} * {y}",
}  # fmt: skip

ARGUMENTS = (
    "A", "B", "C", "by", "size", "noise", "drive", "begin", "out", "last", "drive_step", "drive_node", "trials",
    "pitch", "steps", "every", "seed_low", "seed_high", "stream", "first_step",
)  # fmt: skip
POINTERS = ARGUMENTS[:10]


def source(d: Description) -> str:
    """The text of a module with the jitted function ``forward``."""
    lines = ["import triton", "import triton.language as tl", ""]
    lines += ["from neurolurie.kernels.triton_functions import logistic, normal, softplus, tanh", "", "", "@triton.jit"]
    lines += [f"def forward({', '.join(ARGUMENTS)}, BLOCK: tl.constexpr):"]
    put = lambda depth, text: lines.append("    " * depth + text)  # noqa: E731
    put(1, "trial = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)")
    put(1, "here = trial < trials")
    for i in range(d.n):
        put(1, f"x{i} = tl.load(begin + {i} * pitch + trial, mask=here, other=0.0)")
    put(1, "row = out + trial")
    put(1, "if every > 0:")
    for i in range(d.n):
        put(2, f"tl.store(row + {i} * pitch, x{i}, mask=here)")
    put(2, f"row += {d.n} * pitch")
    put(1, "shift = drive")
    put(1, "for step in range(steps):")
    for q, stage in enumerate(d.tableau.stages):
        for i in range(d.n):
            terms = " + ".join(f"k{e}_{i} * {a!r}" for e, a in enumerate(stage) if a)
            put(2, f"s{i} = x{i} + ({terms}) * tl.load(size + {i})" if terms else f"s{i} = x{i}")
        for j in range(d.m):
            terms = [f"s{i} * tl.load(C + {j * d.n + i})" for i in range(d.n) if d.entry("C", j, i)]
            put(2, f"y = {' + '.join([*terms, f'tl.load(by + {j})'])} + s0 * 0.0")
            put(2, f"p{j} = {IMAGES[d.kinds[j]].format(y='y')}")
        for i in range(d.n):
            terms = [f"s{j} * tl.load(A + {i * d.n + j})" for j in range(d.n) if d.entry("A", i, j)]
            terms += [f"p{j} * tl.load(B + {i * d.m + j})" for j in range(d.m) if d.entry("B", i, j)]
            place = f"shift + {round(2 * d.tableau.nodes[q])} * drive_node + {i}"
            put(2, f"k{q}_{i} = {' + '.join([*terms, f'tl.load({place})'])}")
            add = f"k{q}_{i} * {d.tableau.weights[q]!r}"
            put(2, f"w{i} = {add}" if q == 0 else f"w{i} += {add}")
    for i in range(d.n):
        put(2, f"x{i} += w{i} * tl.load(size + {i})")
        if d.noise:
            z = f"normal(first_step + step, trial, {i}, stream, seed_low, seed_high)"
            put(2, f"x{i} += {z}.to(x{i}.dtype) * tl.load(noise + {i})")
    put(2, "shift += drive_step")
    put(2, "done = step + 1")
    put(2, "if every > 0:")
    put(3, "if (done % every == 0) | (done == steps):")
    for i in range(d.n):
        put(4, f"tl.store(row + {i} * pitch, x{i}, mask=here)")
    put(4, f"row += {d.n} * pitch")
    for i in range(d.n):
        put(1, f"tl.store(last + {i} * pitch + trial, x{i}, mask=here)")
    return "\n".join(lines) + "\n"


@cache
def kernel(description: Description):
    """The jitted function. Triton reads its text from a file, which lies in the cache folder."""
    text = source(description)
    name = f"kernel_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    folder = cache_folder() / "triton"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if not path.exists():
        handle, work = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(work, path)
    spec = importlib.util.spec_from_file_location(name, Path(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.forward


def signature(description: Description) -> dict[str, str]:
    """The argument types for compiling ahead of time."""
    real = "*fp64" if description.dtype == "float64" else "*fp32"
    types = dict.fromkeys(POINTERS, real)
    whole = {
        name: "i64" if name in ("pitch", "first_step", "seed_low", "seed_high", "stream") else "i32"
        for name in ARGUMENTS[10:]
    }
    return types | whole | {"BLOCK": "constexpr"}
