"""Each shipped circuit against its textbook equation written out by hand, and the phenomenon that names it."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import numpy as np
import pytest
from numpy import tanh
from scipy.integrate import solve_ivp

from neurolurie.analysis.equilibria import find_equilibrium
from neurolurie.errors import SpecError
from neurolurie.library import names
from neurolurie.network.builders import BUILDERS
from neurolurie.network.circuits import circuit
from neurolurie.network.graph import CircuitGraph
from neurolurie.network.lurie import LurieNetwork


def flow(net, x0, duration, **options):
    """An independent integrator of high order, so that what is seen is the circuit and not our solvers."""
    return solve_ivp(lambda t, x: net.field(x), (0, duration), x0, method="DOP853", rtol=1e-10, atol=1e-12, **options)


def samples(n, scale=2.0, count=50):
    return np.random.default_rng(5).uniform(-scale, scale, (count, n))


@pytest.mark.parametrize("name", names("circuits"))
def test_every_shipped_circuit_loads_runs_composes_and_round_trips(name, tmp_path):
    net = circuit(name)
    assert np.isfinite(net.field(np.zeros(net.n))).all()
    net.save(tmp_path / "net.npz")
    assert circuit("motifs/matrices", npz=str(tmp_path / "net.npz")).digest() == net.digest()
    graph = CircuitGraph()
    graph.add("one", name)
    graph.add("two", net)
    graph.couple("one", "two", "one-to-one", weight=0.5)
    assert graph.compose().n == 2 * net.n


@pytest.mark.parametrize("name", names("circuits"))
def test_every_shipped_circuit_says_what_it_is(name):
    from neurolurie.library import find
    from neurolurie.network.circuits import load_circuit_file

    _, spec = load_circuit_file(find("circuits", name))
    assert spec.title and spec.equation and spec.reference


# Hopfield's memory


@pytest.mark.parametrize("storage", ["hebbian", "storkey", "pseudo-inverse"])
@pytest.mark.parametrize("self_coupling", [0.0, None])
def test_hopfield_is_its_equation(storage, self_coupling):
    from neurolurie.network.storage import store

    X = np.random.default_rng(0).choice([-1.0, 1.0], (3, 8))
    net = circuit(
        "memory/hopfield",
        patterns=X,
        storage=storage,
        self_coupling=self_coupling,
        gain=2.5,
        time_constant=0.02,
        bias=0.1,
    )
    W = store(X, storage, self_coupling)
    for x in samples(8):
        assert net.field(x) == pytest.approx((-x + W @ tanh(2.5 * x) + 0.1) / 0.02, rel=1e-12, abs=1e-10)


def test_hopfields_stored_patterns_are_attractors_and_their_energy_falls():
    X = np.random.default_rng(2).choice([-1.0, 1.0], (4, 40))
    net = circuit("memory/hopfield", patterns=X, gain=3.0, time_constant=0.01)
    W = net.B * 0.01

    def energy(x):  # Hopfield 1984: -v W v / 2 + sum of int_0^v arctanh(s)/gain ds
        v = tanh(3.0 * x)
        return -0.5 * v @ W @ v + ((v * np.arctanh(v) + 0.5 * np.log1p(-v * v)) / 3.0).sum()

    for number, pattern in enumerate(X):
        cue = pattern.copy()
        cue[np.random.default_rng(number).choice(40, 5, replace=False)] *= -1
        run = flow(net, 0.9 * cue, 0.3, t_eval=np.linspace(0, 0.3, 61))
        assert (np.sign(run.y[:, -1]) == pattern).all()
        assert np.abs(net.field(run.y[:, -1])).max() < 1e-6
        assert np.linalg.eigvals(net.jacobian(run.y[:, -1])).real.max() < 0
        assert (np.diff([energy(x) for x in run.y.T]) < 1e-9).all()


def test_hopfields_random_patterns_follow_the_seed():
    first, again, other = (circuit("memory/hopfield", units=20, seed=s).digest() for s in (1, 1, 2))
    assert first == again != other
    assert circuit("memory/hopfield", units=20).n == 20 and circuit("memory/hopfield").n == 64


@pytest.mark.parametrize("parameters, sentence", [
    (dict(gain=-1.0), "gain must be a positive number, got -1.0."),
    (dict(time_constant=0), "time_constant must be a positive number, got 0."),
    (dict(gain=float("nan")), "gain must be a positive number, got nan."),
    (dict(gain="high"), "gain must be a positive number, got 'high'."),
    (dict(patterns=0), "patterns must be at least 1, got 0."),
    (dict(units=0), "units must be a whole number from 1, got 0."),
    (dict(units=2.5), "units must be a whole number from 1, got 2.5."),
    (dict(patterns=np.ones((1, 4)), units=5), "units is 5, the patterns have 4."),
    (dict(storage="hebb"), "storage rule 'hebb' is not known. Did you mean 'hebbian'? Known: hebbian, pseudo-inverse, storkey."),
    (dict(bias="much"), "bias must be a number, got 'much'."),
    (dict(bias=float("nan")), "bias must be a number, got nan."),
    (dict(self_coupling="no"), "self_coupling must be a number, got 'no'."),
    (dict(seed=-1), "seed must be a whole number from 0, got -1."),
    (dict(phi="tahn"), "nonlinearity 'tahn' is not known. Did you mean 'tanh'?"),
    (dict(again=3.0), "parameter of builder 'hopfield' 'again' is not known. Did you mean 'gain'?"),
])  # fmt: skip
def test_wrong_parameters_of_hopfield_are_told(parameters, sentence):
    with pytest.raises(SpecError) as caught:
        circuit("memory/hopfield", **parameters)
    assert sentence in str(caught.value)


# The paper's three


def test_opinion_is_its_equation_and_its_trajectories_agree_but_its_agents_do_not():
    net = circuit("paper/opinion")
    for x1, x2, x3 in samples(3):
        expected = [
            -1.5 * x1 + 0.5 * tanh(x1 - x2) + 0.2,
            -1.5 * x2 + 0.5 * tanh(-x1 + x2 - x3),
            -1.5 * x3 + 0.5 * tanh(-x2 + x3) - 0.2,
        ]
        assert net.field(np.array([x1, x2, x3])) == pytest.approx(expected, abs=1e-14)
    ends = np.array([flow(net, x0, 90).y[:, -1] for x0 in samples(3, 3.0, 8)])
    assert ends == pytest.approx(np.tile([0.199, 0.0, -0.199], (8, 1)), abs=5e-4)
    assert np.ptp(ends, axis=0).max() < 1e-8
    assert abs(ends[0, 0] - ends[0, 2]) > 0.3


def test_hopfield_3_is_its_equation_and_has_two_attractors_and_a_saddle():
    net = circuit("paper/hopfield-3")
    for x in samples(3):
        assert net.field(x) == pytest.approx([-2.5 * xi + tanh(x[0]) + tanh(x[1]) + tanh(x[2]) for xi in x], abs=1e-14)
    for sign in (1, -1):
        at = find_equilibrium(net, sign * np.ones(3))
        assert at == pytest.approx(sign * 0.790284 * np.ones(3), abs=5e-7)
        assert np.linalg.eigvals(net.jacobian(at)).real.max() < 0
    eigenvalues = np.sort(np.linalg.eigvals(net.jacobian(np.zeros(3))).real)
    assert eigenvalues == pytest.approx([-2.5, -2.5, 0.5], abs=1e-12)
    for x0 in samples(3, 2.0, 10):
        end = flow(net, x0, 60).y[:, -1]
        assert end == pytest.approx(np.sign(x0.sum()) * 0.790284 * np.ones(3), abs=1e-6)


def test_the_linear_simple_attractor_is_linear_with_a_marginal_centre():
    net = circuit("paper/simple-attractor-linear")
    A = np.array([[0, 1, -2], [-1, 0, -1], [0.5, 0, -0.5]])
    for x1, x2, x3 in samples(3):
        expected = [x2 - 2 * x3, -x1 - x3, 0.5 * x1 - 0.5 * x3]
        assert net.field(np.array([x1, x2, x3])) == pytest.approx(expected, abs=1e-14)
    x, y = samples(3)[:2]
    assert net.field(2 * x - 3 * y) == pytest.approx(2 * net.field(x) - 3 * net.field(y), abs=1e-12)
    eigenvalues = np.linalg.eigvals(net.jacobian(samples(3)[0]))
    assert np.sort_complex(eigenvalues) == pytest.approx(
        np.sort_complex([-0.5, 2**0.5 * 1j, -(2**0.5) * 1j]), abs=1e-12
    )
    assert net.jacobian(x) == pytest.approx(A)
    # Two starts, two amplitudes: a family of periodic orbits and no limit cycle.
    late = np.linspace(50, 60, 2001)
    amplitude = [np.abs(flow(net, s * np.array([1.0, 0, 0]), 60, t_eval=late).y[0]).max() for s in (1, 2)]
    assert amplitude[1] == pytest.approx(2 * amplitude[0], rel=1e-6)


def test_the_simple_attractor_is_its_equation_and_conserves_its_energy():
    net = circuit("paper/simple-attractor")
    for x1, x2, x3 in samples(3):
        expected = [x2 - 2 * x3, -x1 - x3, 0.5 * x1 - 0.5 * x1**3 - 0.5 * x3]
        assert net.field(np.array([x1, x2, x3])) == pytest.approx(expected, abs=1e-13)
    run = flow(net, [0.5, 0.1, 0.2], 30, t_eval=np.linspace(0, 30, 301))
    x1, w = run.y[0], run.y[1] - 2 * run.y[2]
    energy = w**2 / 2 + x1**2 - x1**4 / 4
    assert energy == pytest.approx(energy[0], abs=1e-8)
    assert np.ptp(x1) > 0.5
    assert net.phi.slope_range()[1].tolist() == [3.0]  # claims hold while |x1| <= 1


def test_about_half_of_the_starts_of_the_simple_attractor_escape():
    net, escaped = circuit("paper/simple-attractor"), lambda t, x: np.abs(x).max() - 50.0
    escaped.terminal = True
    starts = np.random.default_rng(0).uniform(-1, 1, (60, 3))
    count = sum(flow(net, x0, 30, events=escaped).status == 1 for x0 in starts)
    assert 0.3 < count / 60 < 0.7
    assert flow(net, [0.6, -0.4, 0.7], 30, events=escaped).t[-1] == pytest.approx(2.33, abs=0.1)


def test_rayleigh_is_its_equation_and_has_one_attracting_cycle():
    net = circuit("oscillators/rayleigh")
    for x1, x2, x3 in samples(3):
        drive = tanh(x2 - 2 * x3)
        expected = [x2 - 2 * x3, -x1 - 0.3 * x2 - 0.4 * x3 + 0.6 * drive, 0.5 * x1 - 0.5 * x3]
        assert net.field(np.array([x1, x2, x3])) == pytest.approx(expected, abs=1e-13)
    for x0 in ([0.01, 0.0, 0.0], [3.0, -3.0, 1.0]):
        run = flow(net, x0, 150, t_eval=np.linspace(0, 150, 15001))
        assert np.abs(run.y[0][-1500:]).max() == pytest.approx(1.639822, abs=2e-5)


def test_rayleigh_reduces_to_its_second_order_equation():
    net, times = circuit("oscillators/rayleigh"), np.linspace(0, 20, 201)
    start = np.array([0.7, 0.4, -0.3])
    whole = flow(net, start, 20, t_eval=times)
    reduced = solve_ivp(
        lambda t, s: [s[1], -0.3 * s[1] + 0.6 * tanh(s[1]) - 2 * s[0]], (0, 20), [start[0], start[1] - 2 * start[2]],
        method="DOP853", rtol=1e-11, atol=1e-12, t_eval=times,
    )  # fmt: skip
    assert whole.y[0] == pytest.approx(reduced.y[0], abs=1e-8)


# Circuits by their matrices


def test_matrices_are_taken_as_written():
    net = circuit(
        "motifs/matrices", A=[[-2.0]], B=[[1.0, 2.0]], C=[[1.0], [3.0]], by=[0.1, 0.2], bx=[0.5], phi=["relu", "gelu"]
    )
    same = LurieNetwork(A=[[-2.0]], B=[[1.0, 2.0]], C=[[1.0], [3.0]], by=[0.1, 0.2], bx=[0.5], phi=["relu", "gelu"])
    assert net.digest() == same.digest()
    assert BUILDERS["matrices"](A=[[-1.0]], B=[[1.0]], C=[[1.0]]).phi.names == ("tanh",)


def test_what_is_given_beside_a_file_of_matrices_replaces_what_it_holds(tmp_path):
    path = str(tmp_path / "net.npz")
    LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]], bx=[0.1], phi="cubic").save(path)
    net = BUILDERS["matrices"](npz=path, bx=[0.7], domain=2.0, states=["v"])
    assert net.bx.tolist() == [0.7] and net.phi.domain.tolist() == [2.0] and net.states == ("v",)
    assert net.phi.names == ("cubic",)
    with pytest.raises(SpecError, match=r"^'C' and 'npz' are both given; keep one\.$"):
        BUILDERS["matrices"](npz=path, C=[[2.0]])


def test_a_missing_matrix_is_named():
    with pytest.raises(SpecError, match=r"^matrices needs the parameter 'C' \(or 'npz'\)\.$"):
        BUILDERS["matrices"](A=[[-1.0]], B=[[1.0]])


def test_a_circuit_without_parameters_refuses_them():
    with pytest.raises(SpecError, match=r"circuit 'paper/opinion' has no parameters; got gain\.$"):
        circuit("paper/opinion", gain=2.0)
