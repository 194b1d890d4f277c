"""An ESTIMATE of a Triton kernel's time on a processor that is not here, by the roofline model. Nothing is measured.

The model is a lower bound: operations at the peak rate of the multiprocessors that have work, bytes at the peak rate of
the memory, whichever takes longer. Latencies, launches and instructions that are not arithmetic are not in it; with few
trials, where a multiprocessor has four warps only, latencies are what such a kernel waits for.
"""

from __future__ import annotations

from dataclasses import dataclass

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu.text import BLOCK

FUNCTION = 40  # operations counted for a nonlinearity with an exponential in it, and its slope: an assumption
NORMAL = 200  # operations counted for one normal: ten rounds of Philox, a logarithm, a cosine: an assumption


@dataclass(frozen=True)
class Processor:
    """Peak numbers as their maker states them: operations and bytes a second, without tensor cores."""

    name: str
    capability: int
    multiprocessors: int
    float32: float
    float64: float
    bandwidth: float
    source: str


PROCESSORS = (
    Processor(
        "A100 SXM 80 GB", 80, 108, 19.5e12, 9.7e12, 2.039e12, "NVIDIA A100 Tensor Core GPU datasheet, 80 GB SXM column"
    ),
    Processor(
        "H100 SXM 80 GB", 90, 132, 67e12, 34e12, 3.35e12, "NVIDIA H100 Tensor Core GPU datasheet, H100 SXM column"
    ),
)


@dataclass(frozen=True)
class Estimate:
    """Estimated seconds of a run, and what they come from. ``bound`` is "arithmetic" or "memory"."""

    operations: int  # of one trial in one step
    bytes: int  # of one trial in one step, to and from the memory of the processor
    busy: float  # share of the multiprocessors that have a program
    bound: str
    seconds: float


def operations(d: Description, part: str = "forward") -> int:
    """Arithmetic operations of one trial in one step, a product and a sum being two.

    The reverse sweep takes the stages again, as many products for their gradients, and those of the sums over trials.
    """
    stages = len(d.tableau.weights)
    cheap = ("identity", "relu", "leaky-relu", "hard-tanh", "saturating-linear", "cubic")
    functions = sum(3 if kind in cheap else FUNCTION for kind in d.kinds) * stages
    update = 4 * d.n * stages
    if part == "backward":
        return 4 * d.products + 2 * (d.n + d.m) ** 2 * stages + functions + 2 * update
    return 2 * d.products + functions + update + (NORMAL * d.n if d.noise else 0)


def traffic(d: Description, part: str = "forward", every: int = 1) -> int:
    """Bytes of one trial in one step: states written; or states, gradients and records read, records written.

    A record is written once, read once by the products, and half of it once more by the sums. Weights, tiles and
    scratch are taken to stay in the caches.
    """
    item = 8 if d.dtype == "float64" else 4
    states = d.n / every
    if part == "backward":
        # steps that were not kept are run again: written and read
        again = 2 * d.n if every > 1 else d.n
        return round(item * (again + states + 2 * (d.n + d.m) * len(d.tableau.weights) * 2.5))
    return round(item * states)


def estimate(
    d: Description, processor: Processor, trials: int, steps: int, every: int = 1, part: str = "forward"
) -> Estimate:
    """The roofline of a run. A lower bound of its time, not a measurement."""
    programs = -(-trials // BLOCK)
    busy = min(1.0, programs / processor.multiprocessors)
    work, moved = operations(d, part), traffic(d, part, every)
    arithmetic = work * trials * steps / (getattr(processor, d.dtype) * busy)
    memory = moved * trials * steps / processor.bandwidth
    bound = "arithmetic" if arithmetic > memory else "memory"
    return Estimate(work, moved, busy, bound, max(arithmetic, memory))
