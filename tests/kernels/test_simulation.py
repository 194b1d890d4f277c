"""The kernels against the reference: written out, in loops, circuits in lanes, around BLAS."""

import numpy as np
import pytest
from scipy import sparse

from neurolurie.kernels import choose, couplings, memory, run_dense, run_graph
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.simulation.backends import torch_backend
from neurolurie.simulation.problem import pose
from neurolurie.simulation.simulate import parity, simulate, solve
from neurolurie.simulation.solvers import SOLVERS

INPUTS = [{"kind": "pulse", "amplitude": 1.0, "on": 0.3, "off": 0.5}, {"kind": "constant", "amplitude": 0.2}]


def dense(n, m, seed=0, phi="tanh"):
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(n)
    return LurieNetwork(
        A=-2 * np.eye(n) + 0.2 * scale * rng.normal(size=(n, n)), B=scale * rng.normal(size=(n, m)),
        C=scale * rng.normal(size=(m, n)), bx=rng.normal(size=n), by=rng.normal(size=m), E=rng.normal(size=(n, 2)),
        phi=phi,
    )  # fmt: skip


def circuits(count, couplings, where, seed=0):
    """Circuits of two types (3 states, 3 tanh; 2 states, 4 of relu and logistic) with random couplings."""
    rng = np.random.default_rng(seed)
    shapes = [(3, 3) if k % 3 else (2, 4) for k in range(count)]
    parts, phi, x, y = {}, [], 0, 0
    for k, (n, m) in enumerate(shapes):
        parts[f"c{k}"] = Part(slice(x, x + n), slice(y, y + m))
        phi += ["tanh"] * 3 if m == 3 else ["relu", "logistic"] * 2
        x, y = x + n, y + m
    blocks = lambda rows, columns: sparse.block_diag(  # noqa: E731
        [0.3 * rng.normal(size=(s[rows], s[columns])) for s in shapes], format="csr"
    )
    matrices = {"A": blocks(0, 0) - 2 * sparse.eye_array(x), "B": blocks(0, 1), "C": blocks(1, 0)}
    shape = matrices[where].shape
    places = (rng.integers(0, shape[0], couplings), rng.integers(0, shape[1], couplings))
    matrices[where] = matrices[where] + sparse.coo_array((0.1 * rng.normal(size=couplings), places), shape=shape)
    return LurieNetwork(
        **{name: sparse.csr_array(matrix) for name, matrix in matrices.items()}, bx=rng.normal(size=x),
        by=rng.normal(size=y), E=sparse.random_array((x, 2), density=0.2, rng=rng), phi=phi, parts=parts,
    )  # fmt: skip


NETWORKS = {
    "written out": lambda: dense(4, 5, phi=["tanh", "relu", "logistic", "softplus", "gelu"]),
    "loops": lambda: dense(45, 37, phi=(["tanh"] * 5 + ["relu"]) * 6 + ["erf"]),
    "around BLAS": lambda: dense(choose.LOOPED + 16, 25, phi=(["tanh"] * 5 + ["relu"]) * 4 + ["erf"]),
    "circuits, A": lambda: circuits(120, 500, "A"),
    "circuits, B": lambda: circuits(120, 500, "B"),
    "circuits, C": lambda: circuits(120, 500, "C"),
}
CODE = {"written out": "trials in lanes", "loops": "trials in lanes", "around BLAS": "around BLAS"}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kernel_agrees_with_the_reference(name, solver):
    network = NETWORKS[name]()
    x0 = np.random.default_rng(1).normal(size=(3, network.n))
    kw = dict(duration=1.0, dt=0.02, solver=solver, inputs=INPUTS, noise=0.1, seed=2**40 + 3, stream=1, first_step=5)
    record = {"every": 7, "states": [3, 0, 1]}
    found = simulate(network, x0, backend="torch", record=record, **kw)
    expected = simulate(network, x0, backend="reference", record=record, **kw)
    assert CODE.get(name, "circuits in lanes") in found.attrs["code"]
    assert parity(expected.values, found.values) < 1e-13


def test_3000_steps_of_a_contracting_network_agree_to_1e_12():
    rng = np.random.default_rng(3)
    network = LurieNetwork(
        A=-3 * np.eye(6), B=rng.normal(size=(6, 6)) / 3, C=rng.normal(size=(6, 6)) / 3, by=rng.normal(size=6)
    )
    x0 = rng.normal(size=(20, 6))
    runs = [simulate(network, x0, duration=30.0, dt=0.01, backend=b).values for b in ("reference", "torch")]
    assert parity(*runs) < 1e-12


@pytest.mark.parametrize("phi", NONLINEARITIES)
def test_float32_is_float64_to_single_precision(phi):
    network = dense(3, 3, seed=5, phi=phi).replace(B=0.1 * np.eye(3), C=np.eye(3))
    x0 = np.random.default_rng(1).uniform(-1, 1, (10, 3))
    kw = dict(duration=1.0, dt=0.01, solver="heun", noise=0.05)
    assert parity(simulate(network, x0, **kw).values, simulate(network, x0, dtype="float32", **kw).values) < 3e-6


def forget(monkeypatch, **numbers):
    """Lower networks anew, with other numbers in ``run_graph`` and ``couplings``."""
    monkeypatch.setattr(choose, "_lowered", type(choose._lowered)())
    for name, number in numbers.items():
        monkeypatch.setattr(couplings if name == "SOURCES" else run_graph, name, number)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-13), ("float32", 3e-6)])
@pytest.mark.parametrize("chunk, threads", [(1, 1), (1, 2), (64, 20)])
@pytest.mark.parametrize("where", ["A", "B", "C"])
@pytest.mark.parametrize("near", [0, 1 << 30], ids=["tiles", "slices"])
def test_couplings_agree_with_the_reference_in_every_layout(near, where, chunk, threads, dtype, tolerance, monkeypatch):
    forget(monkeypatch, NEAR=near, TILED_CHUNK=chunk, CHUNK=chunk, SOURCES=100, WORTH=1)
    monkeypatch.setattr(torch_backend, "thread_count", lambda: threads)
    network = circuits(121, 700, where)
    x0 = np.random.default_rng(1).normal(size=(3, network.n))
    kw = dict(duration=0.5, dt=0.02, solver="heun", inputs=INPUTS)
    expected = simulate(network, x0, backend="reference", **kw)
    found = simulate(network, x0, backend="torch", dtype=dtype, **kw)
    lowered = next(iter(choose._lowered[network].values()))
    assert lowered.description.couplings == ("tiles" if near == 0 else "slices")
    assert len(lowered.kind) > (10 if chunk == 1 else 2)
    assert parity(expected.values, found.values) < tolerance


@pytest.mark.parametrize("near", [0, 1 << 30], ids=["tiles", "slices"])
@pytest.mark.parametrize(
    "entries", [[], [(5, 2)], [(700, 2), (700, 3), (0, 799), (700, 2)]], ids=["none", "one", "few"]
)
def test_rows_without_couplings_get_none(entries, near, monkeypatch):
    forget(monkeypatch, NEAR=near, WORTH=1)
    n = 800
    row, column = np.array(entries, int).reshape(-1, 2).T
    network = LurieNetwork(
        A=-2 * sparse.eye_array(n, format="csr"), C=sparse.eye_array(n, format="csr"),
        B=sparse.csr_array(sparse.coo_array((np.ones(len(row)), (row, column)), shape=(n, n))),
        by=np.linspace(-1, 1, n),
    )  # fmt: skip
    x0 = np.random.default_rng(0).normal(size=(2, n))
    runs = [simulate(network, x0, duration=0.5, dt=0.02, backend=b) for b in ("reference", "torch")]
    assert "circuits in lanes" in runs[1].attrs["code"]
    assert parity(runs[0].values, runs[1].values) < 1e-13


def test_a_tile_holds_the_entries_of_one_chunk_from_one_range_of_sources():
    rng = np.random.default_rng(0)
    rows = couplings.ChunkRows(np.array([0, 40, 40, 100]), np.array([40, 0, 60, 33]))
    place, source, value = rng.integers(0, 133, 500), rng.integers(0, 200_000, 500), rng.normal(size=500)
    kept = couplings.tiles(place, source, value, rows, "float64")
    found = np.zeros((133, 200_000), np.float32)
    for chunk in range(4):
        for tile in range(kept.chunk[chunk], kept.chunk[chunk + 1]):
            here = slice(kept.piece[tile], kept.piece[tile + 1])
            assert here.start < here.stop and (np.diff(kept.index[here].astype(int)) >= 0).all()
            target, index = rows.first[chunk] + kept.target[here], kept.source[tile] + kept.index[here].astype(int)
            np.add.at(found, (target, index), kept.value[here])
    expected = np.zeros_like(found)
    np.add.at(expected, (place, source), value)
    assert np.allclose(found, expected) and kept.chunk[1] == kept.chunk[2] and kept.piece[-1] == 500


def test_a_single_large_circuit_and_equal_or_different_steps(monkeypatch):
    forget(monkeypatch, NEAR=0)
    rng = np.random.default_rng(0)
    n = 300  # one part only, and too large to be written out: single states
    B = sparse.random_array((n, n), density=0.03, rng=rng, format="csr")
    for rates in (np.full(n, -2.0), -rng.uniform(1, 3, n)):
        network = LurieNetwork(A=sparse.diags_array(rates, format="csr"), B=B, C=sparse.eye_array(n, format="csr"))
        kw = dict(duration=0.5, dt=0.02, solver="exponential-euler", record={"every": 1})
        runs = [simulate(network, rng.normal(size=(1, n)) * 0 + 1, backend=b, **kw) for b in ("reference", "torch")]
        assert "circuits in lanes" in runs[1].attrs["code"]
        assert parity(runs[0].values, runs[1].values) < 1e-13


def test_single_states_share_lanes_where_there_are_no_circuits():
    rng = np.random.default_rng(0)
    n, m = 700, 500
    draw = lambda rows, columns: sparse.random_array((rows, columns), density=0.01, rng=rng)  # noqa: E731
    network = LurieNetwork(
        A=draw(n, n) - 2 * sparse.eye_array(n), B=draw(n, m), C=draw(m, n), phi=["tanh", "relu"] * 250
    )
    x0 = rng.normal(size=(2, n))
    runs = [simulate(network, x0, duration=1.0, dt=0.02, solver="rk4", backend=b) for b in ("reference", "torch")]
    assert "circuits in lanes" in runs[1].attrs["code"]
    assert parity(runs[0].values, runs[1].values) < 1e-13


def test_a_matrix_changed_in_place_is_seen():
    network = circuits(120, 500, "B")
    x0 = np.ones((1, network.n))
    kw = dict(duration=0.2, dt=0.02, record="final")
    before = simulate(network, x0, **kw).values.copy()
    network.B.data *= 2.0
    after = simulate(network, x0, **kw).values
    assert not np.allclose(before, after)
    assert parity(simulate(network, x0, backend="reference", **kw).values, after) < 1e-13


@pytest.mark.parametrize("name", ["written out", "loops", "around BLAS", "circuits, B"])
def test_progress_is_told_and_changes_no_number(name):
    network = NETWORKS[name]()
    x0 = np.ones((2, network.n))
    told = []
    kw = dict(duration=2.0, dt=0.01, inputs=INPUTS, noise=0.1, record={"every": 3})
    plain = solve(pose(network, x0, **kw), "torch")
    watched = solve(pose(network, x0, progress=lambda done, total: told.append((done, total)), **kw), "torch")
    assert parity(plain.states, watched.states) < 1e-14 and parity(plain.final, watched.final) < 1e-14
    assert told == sorted(told) and told[-1] == (200, 200) and len(told) > 10


@pytest.mark.parametrize("trials", (1, 8, 21, 100))
@pytest.mark.parametrize("record", ("all", {"every": 7, "states": [2, 0]}))
def test_results_written_past_the_caches_and_trials_at_any_place_are_the_same_numbers(monkeypatch, trials, record):
    """A trial's numbers do not depend on its neighbours, so a vector alone and one of a pair give the same."""
    network, x0 = dense(3, 2), np.random.default_rng(5).normal(size=(130, 3))
    kw = dict(duration=0.5, dt=0.01, inputs=INPUTS, record=record, dtype="float32", noise=0.1)
    all_of_them = simulate(network, x0, **kw).values
    monkeypatch.setattr(run_dense, "PAST", 0)
    np.testing.assert_allclose(simulate(network, x0[:trials], **kw).values, all_of_them[:trials], rtol=2e-6, atol=2e-6)


def test_memory_that_nobody_holds_is_used_again_and_memory_in_use_is_not():
    memory.release()
    first = memory.empty((1 << 20,), "float64")
    first[:] = 1.0
    address = first.ctypes.data
    view = first[10:20]
    del first
    second = memory.empty((1 << 20,), "float64")
    second[:] = 2.0
    assert second.ctypes.data != address and (view == 1.0).all()
    del view
    assert memory.empty((1 << 20,), "float64").ctypes.data == address
