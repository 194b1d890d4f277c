"""``python -m benchmarks``: every work of the suite, contenders interleaved, ratios to ours."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPU = "--cpu-time" in sys.argv[1:]
if CPU:  # before any of the libraries starts its threads
    os.environ |= {
        "NEUROLURIE_BENCH_CPU": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    }  # fmt: skip

import numpy as np  # noqa: E402

from benchmarks import large, loops, peers, small  # noqa: E402
from benchmarks.measure import Timing, interleaved  # noqa: E402

WORKS = {
    "ensemble": lambda brian: small.ensemble(peers.random_network(3), brian=brian),
    "training": lambda brian: small.training(peers.random_network(3)),
    "graph-forward": lambda brian: small.ensemble(peers.graph_of_three()),
    "graph-training": lambda brian: small.training(peers.graph_of_three(), slow=False),
    "loops-or-blas": lambda brian: loops.loops_or_blas(),
    "sparse-float32": lambda brian: large.sparse_graph("float32", brian=brian),
    "sparse-float64": lambda brian: large.sparse_graph("float64", brian=brian),
    "scaling": lambda brian: large.scaling(),
    "dense": lambda brian: large.dense(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(WORKS), help="one work; may be repeated")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--brian", action="store_true", help="Brian2 standalone as well: it builds for minutes")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor seconds of one thread each, on a busy machine"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    told = {"machine": machine(), "works": {}}
    for name in arguments.only or WORKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        timings = interleaved(WORKS[name](arguments.brian), arguments.repeats)
        told["works"][name] = {who: asdict(timing) for who, timing in timings.items()}
        if name == "scaling":
            told["exponent"] = exponent(timings)
        if not arguments.json:
            table(name, timings)
    if arguments.json:
        print(json.dumps(told, indent=1))
    else:
        print(f"\nexponent of time with the number of circuits: {told.get('exponent', 'not measured')}")
        print(json.dumps(told["machine"]))


def table(name: str, timings: dict[str, Timing]) -> None:
    """Medians in ms, quartiles, and how many times longer than ours (the first contender)."""
    ours = next(iter(timings.values())).median
    print(f"\n{name} (medians, ms [quartiles], times ours)")
    for who, t in timings.items():
        print(
            f"  {who:48} {t.median * 1e3:10.3f} [{t.low * 1e3:.3f} {t.high * 1e3:.3f}] "
            f"{t.median / ours:8.2f}x, {t.repeats} runs"
        )


def exponent(timings: dict[str, Timing]) -> float:
    """The slope of log time over log size."""
    sizes = [int(who.split()[0]) for who in timings]
    return float(np.polyfit(np.log(sizes), np.log([t.median for t in timings.values()]), 1)[0])


def machine() -> dict:
    """What the figures were taken on."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    versions = {}
    for library in ("torch", "numpy", "scipy", "jax", "diffrax", "torchdiffeq", "Brian2"):
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = None
    return {
        "processor": names[0] if names else platform.processor(), "cores": os.cpu_count(),
        "clock": "processor seconds, one thread each" if CPU else "wall", "load": os.getloadavg(),
        "python": platform.python_version(), **versions,
    }  # fmt: skip


if __name__ == "__main__":
    main()
