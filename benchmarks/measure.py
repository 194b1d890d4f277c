"""Timing that survives a busy machine: contenders take turns, medians of their repeats are compared.

With NEUROLURIE_BENCH_CPU set, seconds are those that this process spent on processors, one thread each: what is left to
compare by while others use the same cores.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

CPU = bool(os.environ.get("NEUROLURIE_BENCH_CPU"))
clock = time.process_time if CPU else time.perf_counter


@dataclass(frozen=True)
class Timing:
    """Seconds: the median, the fastest and the slowest quarter of the repeats, and the first call (with building)."""

    median: float
    low: float
    high: float
    first: float
    repeats: int


def interleaved(contenders: dict[str, Callable[[], object]], repeats: int, budget: float = 20.0) -> dict[str, Timing]:
    """Run each contender once to build it, then all of them in turn, ``repeats`` times.

    A contender that has used up ``budget`` seconds and three repeats sits out the rest.
    """
    first = {name: _clock(run) for name, run in contenders.items()}
    seconds = {name: [] for name in contenders}
    used = dict.fromkeys(contenders, 0.0)
    for _ in range(repeats):
        for name, run in contenders.items():
            began = time.perf_counter()
            if len(seconds[name]) < 3 or used[name] < budget:
                seconds[name].append(_clock(run))
            used[name] += time.perf_counter() - began
    return {name: _summary(values, first[name]) for name, values in seconds.items()}


def _clock(run: Callable[[], object]) -> float:
    """Seconds of one call. A contender that knows better (a run without its build) returns them as a float."""
    gc.collect()
    began = clock()
    told = run()
    seconds = clock() - began
    return told if isinstance(told, float) else seconds


def _summary(values: list[float], first: float) -> Timing:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return Timing(statistics.median(ordered), ordered[quarter], ordered[-1 - quarter], first, len(ordered))
