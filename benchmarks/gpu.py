"""``python -m benchmarks.gpu``: what the Triton kernels need of a GPU that is not here, and an estimate of their time.

Registers, spills and shared memory are what ptxas reports; the times are roofline ESTIMATES, lower bounds that no GPU
has confirmed.
"""

from __future__ import annotations

import argparse

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu.roofline import PROCESSORS, estimate
from neurolurie.simulation.backends.torch_backend import tableau
from neurolurie.simulation.solvers import SOLVERS

PARTS = {"forward": False, "forward, noise": True, "backward": False}


def describe(n: int, solver: str, dtype: str, noise: bool = False) -> Description:
    return Description(n, n, ("tanh",) * n, tableau(SOLVERS[solver]), dtype, noise)


def compiled(sizes: list[int], solvers: list[str]) -> None:
    """Print the table of what ptxas reports, a row as soon as it is known."""
    from neurolurie.kernels.gpu.run_forward import compile_for

    print("Compiled ahead of time: registers of a thread / bytes spilled / bytes of shared memory\n")
    print("| states | solver | dtype | kernel | " + " | ".join(f"sm_{p.capability}" for p in PROCESSORS) + " |")
    print("|---" * (4 + len(PROCESSORS)) + "|")
    for n in sizes:
        for solver in solvers:
            for dtype in ("float32", "float64"):
                for part, noise in PARTS.items():
                    found = [
                        compile_for(describe(n, solver, dtype, noise), p.capability, part.split(",")[0])
                        for p in PROCESSORS
                    ]
                    cells = " | ".join(f"{f.registers} / {f.spilled} / {f.shared}" for f in found)
                    print(f"| {n} | {solver} | {dtype} | {part} | {cells} |", flush=True)


def roofline(steps: int = 3000) -> None:
    """Print the estimates for the standard ensemble: 3 states, Euler, every state returned."""
    print(f"\nESTIMATES, not measured: 3 states, {steps} Euler steps, all states kept; lower bounds by the roofline\n")
    print("| GPU | dtype | part | trials | operations | bytes | busy | bound by | estimated ms |")
    print("|---" * 9 + "|")
    for processor in PROCESSORS:
        for dtype in ("float32", "float64"):
            for part in ("forward", "backward"):
                for trials in (1_000, 1_000_000):
                    e = estimate(describe(3, "euler", dtype), processor, trials, steps, part=part)
                    print(
                        f"| {processor.name} | {dtype} | {part} | {trials:,} | {e.operations} | {e.bytes} | "
                        f"{e.busy:.0%} | {e.bound} | {e.seconds * 1e3:.3g} |"
                    )
    print("\nOperations and bytes are those of one trial in one step; busy: multiprocessors that have a program.")
    for processor in PROCESSORS:
        print(f"Peaks of {processor.name}: {processor.source}.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument(
        "--states", type=int, nargs="*", default=[3, 8, 16], help="sizes to compile (n = m); none: skip"
    )
    parser.add_argument("--solver", nargs="*", choices=sorted(SOLVERS), default=["euler", "rk4"])
    chosen = parser.parse_args()
    if chosen.states:
        compiled(chosen.states, chosen.solver)
    roofline()


if __name__ == "__main__":
    main()
