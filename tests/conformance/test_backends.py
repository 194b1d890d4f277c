"""What any backend must do: give the reference's numbers however a run is cut up, recorded or disturbed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from neurolurie.errors import BackendError, DivergedError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.simulation.backends import load_backend
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import parity, solve
from neurolurie.simulation.solvers import SOLVERS

# Backends differ in the order of sums, the library of elementary functions and fused products: 1e-16 a step, and the
# networks here contract or nearly so. Measured: 2e-15.
TOLERANCE = 1e-13
INPUTS = [
    {"kind": "pulse", "amplitude": 1.5, "on": 0.1, "off": 0.3},
    {"kind": "step", "amplitude": -0.7, "on": 0.35},
]


def problem(network, x0, **changes):
    arguments = {"duration": 1.0, "dt": 0.05, "solver": "euler", "inputs": INPUTS, "noise": 0.4, "seed": 2**40 + 5}
    return pose(network, x0, **(arguments | changes))


@pytest.mark.parametrize("noise", [None, 0.4])
@pytest.mark.parametrize("solver", SOLVERS)
def test_agrees_with_the_reference(other_backend, network, starts, solver, noise):
    posed = problem(network, starts, solver=solver, noise=noise, first_step=3)
    expected, found = solve(posed, "reference"), solve(posed, other_backend)
    assert found.states.shape == expected.states.shape
    assert parity(expected.states, found.states) < TOLERANCE
    assert parity(expected.final, found.final) < TOLERANCE


def test_every_word_of_the_seed_the_stream_and_the_step_matters_as_in_the_reference(other_backend, network, starts):
    runs = []
    six = {"seed": 6}
    for changes in ({}, six, {"seed": 6 + 2**33}, six | {"stream": 2}, six | {"first_step": 3 * 10**9}):
        posed = problem(network, starts, inputs=None, **changes)
        runs.append(solve(posed, other_backend).final)
        assert parity(solve(posed, "reference").final, runs[-1]) < TOLERANCE
    assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(runs) for b in runs[:i])


@pytest.mark.parametrize("chunks", [7, 1000])
def test_a_run_cut_into_chunks_is_the_run(backend, network, starts, chunks):
    if backend.startswith("brian2"):
        chunks = min(chunks, 20)  # each costs up to a fifth of a second
    steps, dt = 1000, 0.01
    whole = solve(problem(network, starts, duration=steps * dt, dt=dt, solver="heun"), backend)
    edges = np.linspace(0, steps, chunks + 1).astype(int)
    x, states = starts, []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        part = solve(
            problem(network, x, duration=(last - first) * dt, dt=dt, solver="heun", first_step=int(first)), backend
        )
        x, states = part.final, [*states, part.states[:, 1:]]
    assert np.abs(np.concatenate(states, axis=1) - whole.states[:, 1:]).max() < 1e-14
    assert np.abs(x - whole.final).max() < 1e-14


def test_trials_are_the_same_in_small_and_large_company(backend, network, starts):
    many = np.concatenate([starts, np.random.default_rng(4).normal(size=(196, network.n))])
    few, many = solve(problem(network, starts), backend), solve(problem(network, many), backend)
    # BLAS may sum in another order for another number of rows.
    assert np.abs(many.states[: len(starts)] - few.states).max() < 1e-14


def test_one_trial_is_the_first_of_many(backend, starts, network):
    if backend == "brian2-standalone" and network.n > 3:
        pytest.skip("one more program to build, and the test above differs in the number of trials as well")
    alone = solve(problem(network, starts[:1]), backend)
    assert np.abs(solve(problem(network, starts), backend).states[:1] - alone.states).max() < 1e-14


@pytest.mark.parametrize("steps", [1, 10, 12])
@pytest.mark.parametrize("record", ["all", "final", {"every": 4}, {"every": 5, "states": [2, 0]}, {"every": 100}])
def test_recording_is_a_choice_of_rows_of_the_whole(backend, network, starts, record, steps):
    everything = solve(problem(network, starts, duration=steps * 0.05), "reference")
    posed = problem(network, starts, duration=steps * 0.05, record=record, solver="euler")
    found = solve(posed, backend)
    rows = posed.record.steps(posed.steps)
    assert rows[-1] == steps
    expected = everything.states[:, rows][:, :, posed.record.states]
    assert found.states.shape == expected.shape
    assert np.abs(found.states - expected).max() < TOLERANCE
    assert np.abs(found.final - everything.states[:, -1]).max() < TOLERANCE


def test_all_nonlinearities_side_by_side(other_backend):
    kinds = list(NONLINEARITIES)
    n = len(kinds)
    network = LurieNetwork(A=-np.eye(n), B=np.eye(n), C=np.eye(n), phi=kinds, bx=np.full(n, 0.1))
    x0 = np.tile(np.linspace(-3.0, 1.2, 22)[:, None], n)  # the cubic stays bounded below its equilibrium
    x0[:, kinds.index("cubic")] *= 0.25
    posed = pose(network, x0, duration=1.0, dt=0.1, solver="heun")
    expected, found = solve(posed, "reference"), solve(posed, other_backend)
    gap = np.abs(expected.states - found.states).max(axis=(0, 1))
    assert dict(zip(kinds, gap, strict=True)) == pytest.approx(dict.fromkeys(kinds, 0.0), abs=TOLERANCE)


def test_sparse_matrices_give_the_numbers_of_dense_ones(other_backend):
    n = 60
    ring = sparse.csr_array(sparse.diags_array([0.4, -0.9, 0.4], offsets=[-1, 0, 1], shape=(n, n)))
    network = LurieNetwork(
        A=-sparse.eye_array(n), B=ring, C=sparse.eye_array(n, format="csr"), E=sparse.csr_array(np.eye(n, 1)),
        phi=["tanh" if i % 2 else "relu" for i in range(n)],
    )  # fmt: skip
    x0 = np.random.default_rng(5).normal(size=(4, n))
    posed = pose(network, x0, duration=1.0, dt=0.1, inputs=[{"kind": "constant", "amplitude": 1.0}], record="final")
    expected = solve(replace(posed, network=network.dense()), "reference")
    assert parity(expected.final, solve(posed, other_backend).final) < TOLERANCE


def test_a_diverging_run_is_an_error_or_kept_as_it_is(backend):
    network = LurieNetwork(A=[[0.0]], B=[[1.0]], C=[[1.0]], phi="cubic")
    posed = pose(network, [[0.1], [3.0]], duration=2.0, dt=0.1)
    with pytest.raises(DivergedError, match=r"'x1' of circuit 'network' is not finite at t = .* \(trial 1; 1 of 2"):
        solve(posed, backend)
    kept = solve(posed, backend, keep_diverged=True)
    assert np.isfinite(kept.states[0]).all() and not np.isfinite(kept.final[1]).any()
    expected = solve(posed, "reference", keep_diverged=True)
    assert (np.isfinite(kept.states) == np.isfinite(expected.states)).all()


def test_what_ran_is_named_and_timed(backend, network, starts):
    told = []
    posed = replace(problem(network, starts), progress=lambda done, total: told.append((done, total)))
    found = solve(posed, backend)
    code = {"reference": "numpy", "torch": "torch|kernel", "brian2": "cython|numpy", "brian2-standalone": "C.. program"}
    assert re.search(code[backend], found.code)
    assert found.build_seconds >= 0 and found.run_seconds > 0
    assert told and all(0 <= done <= total == posed.steps for done, total in told)


REFUSALS = {
    "reference": (
        "reference: runs on the device 'cpu' only, not on 'cuda'; use the backend 'torch'.",
        "reference: computes in float64 only, not in float32; use the backend 'torch'.",
    ),
    "brian2": (
        "brian2: runs on the device 'cpu' only, not on 'cuda'; use the backend 'torch'.",
        "brian2: computes in float64 only, not in float32; use the backend 'torch'.",
    ),
    "brian2-standalone": (
        "brian2-standalone: runs on the device 'cpu' only, not on 'cuda'; use the backend 'torch'.",
        "brian2-standalone: computes in float64 only, not in float32; use the backend 'torch'.",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_backend_cannot_do_it_says_before_it_starts(name, network, starts):
    for sentence, changes in zip(REFUSALS[name], ({"device": "cuda"}, {"dtype": "float32"}), strict=True):
        posed = problem(network, starts, **changes)
        assert load_backend(name).unsupported(posed) == sentence
        with pytest.raises(BackendError) as caught:
            solve(posed, name)
        assert caught.value.message == sentence
