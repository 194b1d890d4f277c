"""Running the Triton kernel on tensors, and compiling it ahead of time for a processor that is not here."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np
import torch

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu import adjoint_source, forward_source
from neurolurie.kernels.gpu.text import BLOCK
from neurolurie.kernels.plan import Data, Plan


def forward(description: Description, data: Data, x0: np.ndarray, plan: Plan, device: str):
    """The recorded states (trials, rows, states) and the last (trials, n), as numpy arrays."""
    dtype = getattr(torch, description.dtype)
    tensor = lambda array: torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=device)  # noqa: E731
    trials, n = x0.shape
    out = torch.empty((plan.rows, n, trials), dtype=dtype, device=device)
    last = tensor(x0.T)
    noise = data.noise if description.noise else np.zeros(1)
    fixed = [tensor(getattr(data, name)) for name in ("A", "B", "C", "by", "size")] + [tensor(noise)]
    scratch = torch.empty(forward_source.scratch_size(description, trials), dtype=dtype, device=device)
    run = forward_source.kernel(description)
    for begin, end in plan.windows(data):
        drive = tensor(data.drive(begin, end))
        table = drive.ndim == 3
        start = last.clone()
        target = out[plan.row(begin) :] if plan.every is not None else out
        launch(
            run, trials, last,
            *fixed, drive, start, target, last, scratch, 3 * n * table, n * table, trials, trials, end - begin,
            plan.every or 0, data.seed & 0xFFFFFFFF, data.seed >> 32, data.stream, data.first_step + begin,
        )  # fmt: skip
        plan.report(end)
    if plan.every is None:
        out[0] = last
    states = out if plan.chosen is None else out[:, torch.as_tensor(plan.chosen, device=device)]
    return states.permute(2, 0, 1).cpu().numpy(), last.T.cpu().numpy()


def launch(function, trials: int, like: torch.Tensor, *arguments) -> None:
    """Run a kernel for that many trials on the device of ``like``, which need not be the current one."""
    with torch.cuda.device_of(like):
        function[(forward_source.programs(trials),)](*arguments, BLOCK=BLOCK)


@dataclass(frozen=True)
class Compiled:
    """What a kernel needs of a processor: registers of a thread, bytes spilled, bytes of shared memory."""

    target: str
    registers: int
    spilled: int
    shared: int
    cubin_bytes: int


def compile_for(description: Description, capability: int, part: str = "forward") -> Compiled:
    """Compile a part, "forward" or "backward", for that compute capability (80: A100, 90: H100); needs no GPU."""
    module = {"forward": forward_source, "backward": adjoint_source}[part]
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    built = triton.compile(
        ASTSource(
            fn=module.kernel(description), signature=module.signature(description), constexprs={"BLOCK": BLOCK},
        ),
        target=GPUTarget("cuda", capability, 32),
    )  # fmt: skip
    ptxas = triton.knobs.nvidia.ptxas.path
    architecture = re.search(r"\.target (\w+)", built.asm["ptx"])[1]
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(built.asm["ptx"])
        file.flush()
        told = subprocess.run(
            [ptxas, "-v", f"-arch={architecture}", "-o", "/dev/null", file.name],
            capture_output=True, text=True, check=True,
        ).stderr  # fmt: skip
    return Compiled(
        architecture, int(re.search(r"Used (\d+) registers", told)[1]),
        int(re.search(r"(\d+) bytes spill stores", told)[1]),
        built.metadata.shared, len(built.asm["cubin"]),
    )  # fmt: skip
