"""Delayed recall over 100,000 steps: kept, lost when it should be, and flat in memory."""

import os
import subprocess
import sys

import pytest

from neurolurie import pipeline
from neurolurie.errors import SpecError

MEASURE = """
import resource, sys
from neurolurie import pipeline
steps, name = int(sys.argv[1]), sys.argv[2]
words = ["variants=null", "expect={}", f"simulate.duration={steps * 0.001:g}", "trials=2", "noise.sigma.memory=0.0",
         f"simulate.record.every={steps // 100}"]
run = pipeline.run(name, settings=words).runs[0]
assert run.problem.steps == steps and len(run.problem.times()) == 101
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
"""


def run(variant, *words):
    source = pipeline.load_scenario("delayed-recall", settings=["trials=10", *words])
    return pipeline.run_variant(variant, dict(pipeline.variants(source))[variant]).findings


def test_a_memory_is_kept_through_noise_and_distractors():
    found = run("kept", "simulate.duration=12")
    assert found.metrics["recall_rate"] == 1.0 and found.metrics["kept_censored"] == 1.0
    assert found.metrics["kept_s"] == pytest.approx(11.0) and found.metrics["delay_s"] == pytest.approx(11.0)
    assert found.arrays["overlap"].shape == (10, 49)  # every 250 ms, the beginning included


def test_a_strong_distractor_takes_the_memory_over_when_it_is_shown():
    found = run("kept", "simulate.duration=6", "inputs[0].amplitude=60.0", "inputs[0].on=3.0")
    assert found.metrics["recall_rate"] <= 0.3  # the attractor it leads to may be the cued one
    overlap, times = found.arrays["overlap"].mean(axis=0), found.arrays["times"]
    assert overlap[times < 3.0][-1] > 0.95 > 0.8 > overlap[-1]
    assert found.metrics["kept_s"] <= 0.5 and found.metrics["kept_censored"] == 0.0


def test_without_recurrence_noise_wipes_the_memory_out():
    found = run("no-recurrence", "simulate.duration=2")
    assert found.metrics["recall_rate"] == 0.0 and abs(found.metrics["overlap_end"]) < 0.2  # 640 signs: 0.04
    assert found.metrics["kept_s"] == 0.0


def test_the_delay_counts_from_the_first_distractor():
    found = run("kept", "simulate.duration=4", *(f"inputs[{i}].on={2.0 + i}" for i in range(8)))
    assert found.metrics["delay_s"] == pytest.approx(2.0)


def test_states_that_were_not_recorded_are_asked_for():
    with pytest.raises(SpecError, match="a delayed recall needs all states recorded"):
        run("kept", "simulate.duration=2", "simulate.record.states=[memory.x1]")


def peak(steps, name):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, str(steps), name], capture_output=True, text=True, env=environment, check=True
    )
    return float(found.stdout)


@pytest.mark.parametrize(
    "name, allowed",
    [
        ("hold-a-number", 8.0),
        ("delayed-recall", 40.0),  # ten inputs: their table is 24 bytes a step and input, 22 MB more
    ],
)
def test_ten_times_the_steps_need_no_more_memory(name, allowed):
    """100,000 steps and 10,000, each recorded a hundred times: the peaks of two processes, in MB."""
    assert peak(100_000, name) - peak(10_000, name) < allowed
