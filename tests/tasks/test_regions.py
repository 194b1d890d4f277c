"""Certified regions: entered once, never left; a run that stops there is the beginning of the whole run."""

import numpy as np
import pytest

import neurolurie as nl
from neurolurie.errors import SpecError
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import solve
from neurolurie.simulation.windows import solve_until
from neurolurie.tasks.regions import LeftCertifiedRegion, certify_regions, entry_times

EASY = ["circuits.memory.with.gain=2.5", "trials=20", "cue.corrupt.flip=5"]


@pytest.fixture(scope="module")
def bistable():
    network = nl.circuit("paper/hopfield-3")
    return network, certify_regions(
        network, np.array([[1.0, 1, 1], [-1.0, -1, -1], [0.0, 0, 0]]), ["up", "down", "saddle"]
    )


def test_regions_surround_stable_equilibria_only(bistable):
    _, regions = bistable
    assert list(regions.which(regions.equilibria[:2])) == [0, 1]
    assert regions.which(np.zeros(3)) == -1


def test_who_enters_ends_there(bistable):
    network, regions = bistable
    x0 = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    run = nl.simulate(network, x0, duration=40.0, dt=0.01, solver="rk4", backend="reference", record={"every": 10})
    entered = entry_times(regions, run.time.values, run.values)
    assert np.isfinite(entered).all()
    ends = regions.equilibria[regions.which(run.values[:, -1])]
    assert np.abs(run.values[:, -1] - ends).max() < 1e-6


def test_a_trial_that_leaves_is_an_error_of_the_program(bistable):
    _, regions = bistable
    there_and_back = np.stack([regions.equilibria[0], np.zeros(3)])[None]
    with pytest.raises(
        LeftCertifiedRegion, match=r"trial 0 entered the certified region of 'up' at t = 0 s and left it"
    ):
        entry_times(regions, np.array([0.0, 1.0]), there_and_back)


def test_windows_give_the_numbers_of_the_whole_run():
    network = nl.circuit("memory/hopfield", units=6, time_constant=1.0)
    ask = dict(duration=5.0, dt=0.01, noise=0.3, seed=5, record={"every": 7})
    whole = pose(network, np.ones((3, 6)), **ask)
    expected = solve(whole, "reference")
    problem, trajectory = solve_until(whole, "reference", lambda x: False, windows=9)
    assert problem.steps == whole.steps and np.array_equal(trajectory.states, expected.states)
    assert np.array_equal(trajectory.final, expected.final)
    cut, beginning = solve_until(whole, "reference", lambda x: True, windows=9)
    assert 0 < cut.steps < whole.steps
    assert np.array_equal(beginning.states, expected.states[:, : beginning.states.shape[1]])


def test_stopping_when_certified_changes_no_verdict():
    whole = nl.run("digits-recall", settings=EASY)
    early = nl.run("digits-recall", settings=[*EASY, "simulate.stop=certified"])
    assert early.runs[0].problem.steps < whole.runs[0].problem.steps
    shared = set(early.metrics)
    assert shared == set(whole.metrics) - {"unsettled_fraction", "settling_time_s"}
    assert {name: early.metrics[name] for name in shared} == {name: whole.metrics[name] for name in shared}


@pytest.mark.parametrize("scenario", ["digits-recall", "opinion"])
def test_stopping_needs_regions(scenario):
    settings = ["simulate.stop=certified"] + (["noise.sigma.memory=0.1"] if scenario == "digits-recall" else [])
    with pytest.raises(SpecError, match="'certified' needs regions that are certified before the run"):
        nl.run(scenario, settings=settings)
