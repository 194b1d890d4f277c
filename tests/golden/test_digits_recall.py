"""The numbers of the main job, for its seed, and how much they may move.

The trajectories are the same to 1e-9 on every backend and machine, so a trial's ending could only change if it passed
within that of a basin's boundary: one trial in 200 is allowed. Numbers without a simulation in them are exact.
"""

import numpy as np
import pytest

from neurolurie import pipeline

ONE_TRIAL = 1 / 200


@pytest.fixture(scope="module")
def result():
    return pipeline.run("digits-recall", backend="reference")


def test_the_recall_rate_of_the_seed(result):
    metrics = result.metrics
    assert metrics["recall_rate"] == pytest.approx(0.915, abs=1.01 * ONE_TRIAL)
    assert metrics["wrong_rate"] == pytest.approx(0.035, abs=1.01 * ONE_TRIAL)
    assert metrics["spurious_rate"] == pytest.approx(0.05, abs=1.01 * ONE_TRIAL)
    assert metrics["recall_rate"] + metrics["wrong_rate"] + metrics["spurious_rate"] == pytest.approx(1, abs=1e-12)
    assert metrics["recall_ci_low"] < metrics["recall_rate"] < metrics["recall_ci_high"]
    assert metrics["recall_ci_high"] - metrics["recall_ci_low"] == pytest.approx(0.078, abs=0.003)
    assert result.expect_met


def test_the_baseline_wins_and_is_reported(result):
    assert result.metrics["baseline_nearest"] == 0.965  # no simulation in it: exact
    assert result.metrics["baseline_nearest"] > result.metrics["recall_rate"]
    assert "nearest prototype 96.5 %" in result.runs[0].findings.sentence


def test_numbers_that_only_depend_on_the_data(result):
    assert result.metrics["overlap_start"] == 1 - 2 * 13 / 64
    assert result.metrics["prototype_overlap_mean"] == pytest.approx(0.5388888888888889, abs=1e-12)
    assert result.metrics["prototype_overlap_max"] == 0.75


def test_settling_and_certified_regions(result):
    # Settling is read off every fourth step of 0.5 ms; the median of 200 trials moves by one such reading at most.
    assert result.metrics["settling_time_s"] == pytest.approx(0.098, abs=0.0021)
    assert result.metrics["unsettled_fraction"] == pytest.approx(0.04, abs=1.01 * ONE_TRIAL)
    assert result.metrics["certified_fraction"] == pytest.approx(0.95, abs=1.01 * ONE_TRIAL)
    assert result.metrics["certified_time_s"] == pytest.approx(0.030, abs=0.0021)
    assert result.certificate.holds and result.certificate.claim == "convergent"


def test_every_recalled_trial_ends_near_its_digit_and_energy_falls(result):
    arrays = result.runs[0].findings.arrays
    assert (arrays["overlap"][arrays["exact"], -1] == 1.0).all()
    # Euler's steps of dt/tau = 0.05 follow the flow closely: the energy rises nowhere by more than rounding.
    energy = arrays["energy"]
    assert np.diff(energy, axis=1).max() <= 1e-9 * np.ptp(energy)


def test_the_metrics_are_flat_names_with_finite_numbers(result):
    assert all(isinstance(name, str) and isinstance(value, float) for name, value in result.metrics.items())
    assert np.isfinite(list(result.metrics.values())).all()
    promised = {
        "recall_rate", "near_rate", "wrong_rate", "spurious_rate", "baseline_nearest", "overlap_start", "overlap_end",
        "settling_time_s", "unsettled_fraction", "recall_ci_low", "recall_ci_high", "prototype_overlap_mean",
        "prototype_overlap_max",
    }  # fmt: skip
    assert promised <= set(result.metrics)


def test_provenance_says_what_ran(result):
    assert {"neurolurie", "date", "backend", "seed", "code", "versions", "networks", "data", "total_seconds"} <= set(
        result.provenance
    )
    assert result.provenance["backend"] == "reference" and result.provenance["seed"] == 7
    assert result.provenance["data"]["digits"]["licence"] == "CC BY 4.0"


def test_a_saved_result_comes_back_whole_or_not_at_all(result, tmp_path):
    from neurolurie.errors import SpecError
    from neurolurie.result import load_result

    folder = result.save(tmp_path / "runs" / "one")
    back = load_result(folder)
    assert back["metrics"] == result.metrics
    assert (back["states"].x.values == result.runs[0].trajectory.states).all()
    assert back["scenario"] == result.resolved
    with pytest.raises(SpecError, match="already holds a result; use --force to replace it"):
        result.save(folder)

    def fails(partial):
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match="could not be written .* No space left on device; nothing was left there"):
        result.save(tmp_path / "runs" / "two", extras=fails)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["one"]
    with pytest.raises(RuntimeError):
        result.save(folder, force=True, extras=lambda partial: (_ for _ in ()).throw(RuntimeError("a figure failed")))
    assert load_result(folder)["metrics"] == result.metrics  # what was there is still there


def test_the_resolved_scenario_runs_to_the_same_numbers(result, tmp_path):
    folder = result.save(tmp_path / "one")
    again = pipeline.run(folder / "scenario.yaml", settings=["simulate.record.states=[memory.x1]"])
    assert again.metrics["recall_rate"] == result.metrics["recall_rate"]
    assert (again.runs[0].trajectory.final == result.runs[0].trajectory.final).all()
