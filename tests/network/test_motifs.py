"""Each motif against its textbook equation written out by hand, and against the phenomenon that names it."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import numpy as np
import pytest
from numpy import exp, tanh
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from neurolurie.errors import SpecError
from neurolurie.network.circuits import circuit


def flow(field, x0, duration, **options):
    """An independent integrator of high order, so that what is seen is the circuit and not our solvers."""
    return solve_ivp(lambda t, x: field(x), (0, duration), x0, method="DOP853", rtol=1e-10, atol=1e-12, **options)


def samples(n, low=-2.0, high=2.0, count=30):
    return np.random.default_rng(5).uniform(low, high, (count, n))


def same_field(net, equation, u=None):
    for x in samples(net.n):
        assert net.field(x, u) == pytest.approx(equation(x), rel=1e-12, abs=1e-11)


def relu(y):
    return np.maximum(y, 0.0)


def logistic(y):
    return 1.0 / (1.0 + exp(-y))


# Ring attractor


def ring_equation(N, u=(0.0, 0.0)):
    def equation(x):
        out = np.zeros(N)
        for i in range(N):
            here = 2 * np.pi * i / N
            for j in range(N):
                out[i] += (8.0 * np.cos(here - 2 * np.pi * j / N) - 4.0) * logistic(4.0 * (x[j] - 0.1)) / N
            out[i] += -x[i] + np.cos(here) * u[0] + np.sin(here) * u[1]
        return out / 0.01

    return equation


def test_ring_is_its_equation():
    same_field(circuit("motifs/ring-attractor", units=7, threshold=0.1), ring_equation(7, (0.3, -0.2)), np.array([0.3, -0.2]))


def bump():
    """Mean and modulation of the bump on a continuous ring: a = -J0 <r>, b = J1 <r cos>, by quadrature."""
    angles = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    a, b = 0.0, 1.0
    for _ in range(2000):
        rate = logistic(4.0 * (a + b * np.cos(angles)))
        a, b = a + 0.1 * (-4.0 * rate.mean() - a), b + 0.1 * (8.0 * (rate * np.cos(angles)).mean() - b)
    return a, b


def test_the_bump_of_a_ring_has_the_width_of_the_continuous_ring():
    net, (a, b) = circuit("motifs/ring-attractor"), bump()
    theta = 2 * np.pi * np.arange(64) / 64
    end = flow(net.field, 0.5 * np.cos(theta - 1.0), 0.4).y[:, -1]
    assert end == pytest.approx(a + b * np.cos(theta - 1.0), abs=1e-6)
    width = np.degrees(2 * np.arccos(-a / b))  # where x is above the threshold 0
    assert width == pytest.approx(105.9, abs=0.1)
    assert np.abs((end > 0).sum() * 360 / 64 - width) < 360 / 64


def drift(units):
    """RMS change of the angle of the bump over 200 time constants, from 16 angles within one spacing of the units."""
    net, theta = circuit("motifs/ring-attractor", units=units), 2 * np.pi * np.arange(units) / units
    a, b = bump()
    x = np.array([a + b * np.cos(theta - s) for s in np.linspace(0, 2 * np.pi / units, 16)])
    x = settled = rk4(net, x, 0.2)
    angle = [np.angle((each * np.exp(1j * theta)).sum(axis=1)) for each in (settled, rk4(net, x, 2.0))]
    return np.sqrt((np.angle(np.exp(1j * (angle[1] - angle[0]))) ** 2).mean())


def rk4(net, x, duration, h=1e-3):
    for _ in range(round(duration / h)):
        k1 = net.field(x)
        k2 = net.field(x + h / 2 * k1)
        k3 = net.field(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + net.field(x + h * k3))
    return x


def test_64_units_hold_an_angle_and_16_drift():
    assert drift(64) < 1e-10
    assert 0.03 < drift(16) < 0.2


def test_a_pulse_puts_the_bump_where_it_points():
    net, theta = circuit("motifs/ring-attractor"), 2 * np.pi * np.arange(64) / 64
    start = np.zeros(64)
    for psi in (0.3, 2.0, 4.4):
        u = 20.0 * np.array([np.cos(psi), np.sin(psi)])  # strong: what is left of the old bump fades in 5 tau
        pushed = flow(lambda x, u=u: net.field(x, u), start, 0.05).y[:, -1]
        start = flow(net.field, pushed, 0.3).y[:, -1]
        assert np.angle((start * np.exp(1j * (theta - psi))).sum()) == pytest.approx(0.0, abs=0.02)


# Line attractor


@pytest.mark.parametrize("loop_gain", [0.5, 0.99, 1.0])
def test_line_attractor_is_its_equation_and_leaks_with_its_eigenvalue(loop_gain):
    w = np.array([1.0, -0.5, 0.8])
    net = circuit("motifs/line-attractor", units=3, weights=w, loop_gain=loop_gain)

    def equation(x):
        drive = loop_gain * w * (w @ x) / (w @ w)
        return (-x + np.clip(drive, -1, 1)) / 0.1 + w * 0.7

    same_field(net, equation, np.array([0.7]))
    rate = (1 - loop_gain) / 0.1
    run = flow(net.field, 0.9 * w, 2.0, t_eval=np.linspace(0, 2, 21))
    assert w @ run.y / (w @ w) == pytest.approx(0.9 * exp(-rate * run.t), rel=1e-8)
    eigenvalues = np.sort(np.linalg.eigvals(net.jacobian(np.zeros(3))).real)
    assert eigenvalues == pytest.approx([-10.0, -10.0, -rate], abs=1e-12)


def test_a_line_attractor_integrates_velocity_and_saturates():
    net = circuit("motifs/line-attractor", loop_gain=1.0)
    w = net.E[:, 0]
    moved = flow(lambda x: net.field(x, np.array([2.0])), np.zeros(20), 0.25).y[:, -1]
    held = flow(net.field, moved, 5.0).y[:, -1]
    assert w @ moved / 20 == pytest.approx(0.5, abs=1e-9) and w @ held / 20 == pytest.approx(0.5, abs=1e-9)
    assert w @ flow(net.field, 3.0 * w, 5.0).y[:, -1] / 20 == pytest.approx(1.0, abs=1e-9)


# Decision


def test_decision_is_its_equation_and_its_difference_grows_at_the_stated_rate():
    net = circuit("motifs/decision", self_excitation=0.8, cross_inhibition=0.5, drive=0.1)

    def equation(x):
        r = logistic(4.0 * x)
        return np.array([
            (-x[0] + 0.8 * r[0] - 0.5 * r[1] + 0.1 - 0.15 + 0.02) / 0.1,
            (-x[1] + 0.8 * r[1] - 0.5 * r[0] + 0.1 - 0.15 - 0.03) / 0.1,
        ])  # fmt: skip

    same_field(net, equation, np.array([0.02, -0.03]))
    undriven = circuit("motifs/decision", self_excitation=0.8, cross_inhibition=0.5)
    assert undriven.field(np.zeros(2)) == pytest.approx(np.zeros(2), abs=1e-14)
    J = undriven.jacobian(np.zeros(2))
    assert J @ [1, -1] == pytest.approx((0.8 + 0.5 - 1) / 0.1 * np.array([1, -1]))
    assert J @ [1, 1] == pytest.approx((0.8 - 0.5 - 1) / 0.1 * np.array([1, 1]))


def test_the_pool_with_more_evidence_wins_and_keeps_winning_when_the_evidence_is_gone():
    net = circuit("motifs/decision")
    for strength in (0.05, -0.05, 0.3):
        shown = flow(lambda x, s=strength: net.field(x, np.array([s, -s]) / 2), np.zeros(2), 1.0).y[:, -1]
        kept = flow(net.field, shown, 10.0).y[:, -1]
        assert np.sign(kept[0] - kept[1]) == np.sign(strength)
        assert np.abs(kept) == pytest.approx(0.395142, abs=1e-6)


def test_a_decision_circuit_at_the_balance_adds_small_evidence_up():
    net = circuit("motifs/decision", self_excitation=0.5, cross_inhibition=0.5)
    end = flow(lambda x: net.field(x, np.array([5e-4, -5e-4])), np.zeros(2), 2.0).y[:, -1]
    assert end[0] - end[1] == pytest.approx(1e-3 * 2.0 / 0.1, rel=1e-3)


# Winner-take-all


def test_winner_take_all_is_its_equation():
    net = circuit("motifs/winner-take-all", units=4, drive=[0.1, 0.2, 0.3, 0.4])

    def equation(x):
        out = np.empty(4)
        for i in range(4):
            others = sum(max(x[j], 0.0) for j in range(4) if j != i)
            out[i] = (-x[i] + 0.5 * max(x[i], 0.0) - 2.0 * others + 0.1 * (i + 1) + 0.05 * i) / 0.01
        return out

    same_field(net, equation, 0.05 * np.arange(4))


@pytest.mark.parametrize("seed", range(6))
def test_the_winner_is_the_largest_input(seed):
    drive = np.random.default_rng(seed).uniform(0.8, 1.2, 5)
    net = circuit("motifs/winner-take-all", units=5, drive=drive)
    run = flow(net.field, np.zeros(5), 1.0, t_eval=np.linspace(0, 1.0, 51))
    end, winner = run.y[:, -1], drive.argmax()
    assert np.flatnonzero(end > 0).tolist() == [winner]
    assert end[winner] == pytest.approx(drive[winner] / (1 - 0.5), rel=1e-6)
    order = np.argsort(drive)
    assert (np.diff(run.y[order], axis=0)[:, 1:] > 0).all()  # the order of the inputs is the order of the states


# Wilson-Cowan


def test_wilson_cowan_is_its_equation():
    def equation(x):
        E, I = x  # noqa: E741 (the inhibitory population is I)
        return np.array([
            (-E + logistic(1.3 * (16 * E - 12 * I + 1.1 - 4.0))) / 0.01,
            (-I + logistic(2.0 * (15 * E - 3 * I + 0.2 - 3.7))) / 0.02,
        ])  # fmt: skip

    same_field(circuit("motifs/wilson-cowan", drive_e=1.1, drive_i=0.2, tau_i=0.02), equation)


def equilibria(drive_e):
    """All of them: I follows from E on the nullcline of I, so the drive they need is a function of E alone."""
    E = np.concatenate([np.geomspace(1e-5, 0.5, 2000), 1 - np.geomspace(0.5, 1e-6, 2000)[1:]])

    def needed(e):
        i = brentq(lambda i: i - logistic(2.0 * (15 * e - 3 * i - 3.7)), 0, 1)
        return np.log(e / (1 - e)) / 1.3 + 4.0 - 16 * e + 12 * i - drive_e, i

    gap = np.array([needed(e)[0] for e in E])
    crossings = np.flatnonzero(gap[:-1] * gap[1:] < 0)
    roots = [brentq(lambda e: needed(e)[0], E[k], E[k + 1], xtol=1e-14) for k in crossings]
    return [np.array([e, needed(e)[1]]) for e in roots]


@pytest.mark.parametrize("drive_e, oscillates", [(0.5, False), (0.96, False), (0.98, True), (1.25, True), (3.05, True), (3.08, False)])
def test_the_pair_oscillates_only_where_its_one_equilibrium_is_unstable(drive_e, oscillates):
    net = circuit("motifs/wilson-cowan", drive_e=drive_e)
    points = equilibria(drive_e)
    traces = [np.trace(net.jacobian(point)) for point in points]
    assert (len(points) == 1 and traces[0] > 0) == oscillates
    late = flow(net.field, [0.1, 0.05], 2.0, t_eval=np.linspace(1.0, 2.0, 2001)).y[0]
    assert (np.ptp(late) > 0.1) == oscillates and (np.ptp(late) < 1e-6) != oscillates


# Firing-rate population


def test_firing_rate_is_its_equation():
    W, tau = np.array([[0.2, -1.0], [0.8, 0.1]]), np.array([0.01, 0.02])
    net = circuit("motifs/firing-rate", weights=W, drive=[0.5, 0.1], time_constant=tau, gain=1.5)
    same_field(net, lambda r: (-r + relu(1.5 * (W @ r + [0.5, 0.1]))) / tau)


def test_feedback_multiplies_a_rate_and_its_time_constant_alike():
    net = circuit("motifs/firing-rate", weights=0.75, drive=2.0)
    times = np.linspace(0, 0.2, 41)
    run = flow(net.field, [0.0], 0.2, t_eval=times)
    assert run.y[0] == pytest.approx(2.0 / 0.25 * (1 - exp(-times * 0.25 / 0.01)), rel=1e-8, abs=1e-9)


# Flip-flop


def test_flip_flop_is_its_equation_and_rests_at_two_values():
    net = circuit("motifs/flip-flop", bits=2)
    same_field(net, lambda x: (-x + 2.0 * tanh(x) + [0.1, -0.2]) / 0.1, np.array([0.1, -0.2]))
    at = brentq(lambda x: x - 2 * tanh(x), 0.5, 3.0)
    assert at == pytest.approx(1.915008, abs=1e-6)
    assert flow(net.field, [0.1, -0.1], 3.0).y[:, -1] == pytest.approx([at, -at], abs=1e-8)


@pytest.mark.parametrize("w", [1.5, 2.0, 3.0])
def test_only_an_input_beyond_the_fold_flips_the_bit(w):
    net = circuit("motifs/flip-flop", self_excitation=w)
    fold = w * np.sqrt(1 - 1 / w) - np.arctanh(np.sqrt(1 - 1 / w))
    for factor, sign in ((0.98, -1), (1.02, 1)):
        pushed = flow(lambda x, f=factor: net.field(x, np.array([f * fold])), [-2.0], 20.0).y[:, -1]
        assert np.sign(flow(net.field, pushed, 5.0).y[0, -1]) == sign


# Half-centre


def half_centre_equation(w, b, tau, T):
    def equation(s):
        x1, x2, v1, v2 = s
        return np.array([
            (-x1 - w * relu(x2) - b * v1 + 1.0) / tau, (-x2 - w * relu(x1) - b * v2 + 1.0) / tau,
            (-v1 + relu(x1)) / T, (-v2 + relu(x2)) / T,
        ])  # fmt: skip

    return equation


def period(field, duration):
    """Mean time between upward crossings of x1 - x2 through 0 in the second half of a run; 0 if there are none."""
    run = flow(field, [0.1, 0.0, 0.0, 0.0], duration, t_eval=np.linspace(duration / 2, duration, 20001))
    gap = run.y[0] - run.y[1]
    up = np.flatnonzero((gap[:-1] < 0) & (gap[1:] >= 0))
    return np.diff(run.t[up]).mean() if len(up) > 2 and np.ptp(gap) > 1e-3 else 0.0


def test_half_centre_is_its_equation_and_its_period():
    net = circuit("motifs/half-centre")
    equation = half_centre_equation(2.5, 2.5, 0.05, 0.6)
    same_field(net, equation)
    assert period(net.field, 30.0) == pytest.approx(period(equation, 30.0), rel=1e-4)
    assert period(net.field, 30.0) == pytest.approx(1.479, abs=1e-3)


@pytest.mark.parametrize("tau, T, b", [(0.05, 0.6, 2.5), (0.1, 0.4, 3.0)])
def test_the_period_at_the_onset_is_that_of_the_hopf_bifurcation(tau, T, b):
    # The difference of the sides obeys x' = (-(1 - w) x - b v)/tau, v' = (x - v)/T while both are active; at
    # w = 1 + tau/T its trace is 0 and its determinant (1 + b - w)/(tau T). The period departs from it with the
    # distance from the onset, here 2 %.
    w = 1.0 + 1.02 * tau / T
    found = period(circuit("motifs/half-centre", inhibition=w, fatigue=b, time_constant=tau, fatigue_time=T).field, 60.0)
    assert found == pytest.approx(2 * np.pi * np.sqrt(tau * T / (1 + b - w)), rel=0.02)


@pytest.mark.parametrize("w, alternates", [(1.0, False), (1.05, False), (1.2, True), (3.4, True), (3.6, False)])
def test_the_halves_take_turns_only_between_the_two_bounds(w, alternates):
    assert (period(circuit("motifs/half-centre", inhibition=w).field, 40.0) > 0) == alternates


# Linear circuits


def test_leaky_integrator_is_its_equation_and_forgets():
    net = circuit("motifs/leaky-integrator", units=2, time_constant=0.2, gain=3.0)
    same_field(net, lambda x: -x / 0.2 + 3.0 * np.array([0.4, -1.0]), np.array([0.4, -1.0]))
    run = flow(lambda x: net.field(x, np.array([1.0, 0.0])), [0.0, 1.0], 1.0, t_eval=np.linspace(0, 1, 11))
    assert run.y[0] == pytest.approx(3.0 * 0.2 * (1 - exp(-run.t / 0.2)), rel=1e-8, abs=1e-10)
    assert run.y[1] == pytest.approx(exp(-run.t / 0.2), rel=1e-8)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("frequency", [1.0, 1.0 / (2 * np.pi * 0.05), 20.0])
def test_a_low_pass_damps_a_sine_by_the_textbook_factor(order, frequency):
    net, omega = circuit("motifs/low-pass", order=order, time_constant=0.05), 2 * np.pi * frequency
    run = solve_ivp(
        lambda t, x: net.field(x, np.array([np.sin(omega * t)])), (0, 4.0), np.zeros(order), method="DOP853",
        rtol=1e-9, atol=1e-12, t_eval=np.linspace(2.0, 4.0, 4001),
    )  # fmt: skip
    parts = np.column_stack([np.sin(omega * run.t), np.cos(omega * run.t)])
    fitted = np.linalg.lstsq(parts, run.y[-1], rcond=None)[0]
    assert np.hypot(*fitted) == pytest.approx((1 + (omega * 0.05) ** 2) ** (-order / 2), rel=1e-4)


def test_a_low_pass_is_its_equation():
    net = circuit("motifs/low-pass", order=3, time_constant=0.02)
    same_field(net, lambda x: np.array([0.3 - x[0], x[0] - x[1], x[1] - x[2]]) / 0.02, np.array([0.3]))


# What can be said of them before they run


@pytest.mark.parametrize("name, parameters, k, status", [
    ("line-attractor", {}, 1, "boundary"),  # the line itself neither contracts nor spreads
    ("line-attractor", {}, 2, "proved"),
    ("line-attractor", {"loop_gain": 0.9}, 1, "proved"),
    ("decision", {}, 1, "refuted"),
    ("decision", {}, 2, "proved"),  # it decides: every run settles, but not all at one choice
    ("decision", {"self_excitation": 0.4, "cross_inhibition": 0.4}, 1, "proved"),
    ("wilson-cowan", {}, 2, "refuted"),  # it oscillates
    ("flip-flop", {}, 1, "refuted"),
    ("leaky-integrator", {}, 1, "proved"),
    ("low-pass", {"order": 2}, 1, "proved"),
])  # fmt: skip
def test_certificates_say_of_motifs_what_is_known(name, parameters, k, status):
    from neurolurie.certificates.certify import certify

    assert certify(circuit(f"motifs/{name}", **parameters), k=k).status == status


# Wrong parameters


@pytest.mark.parametrize("name, parameters, sentence", [
    ("ring-attractor", dict(units=2), "units must be a whole number from 3, got 2."),
    ("ring-attractor", dict(gain=0), "gain must be a positive number, got 0."),
    ("ring-attractor", dict(exitation=1.0), "parameter of builder 'ring-attractor' 'exitation' is not known. Did you mean 'excitation'?"),
    ("line-attractor", dict(weights=[0.0, 0.0], units=2), "weights must not all be zero."),
    ("line-attractor", dict(weights=[1.0, 2.0], units=3), "weights must be a number or a list of 3 numbers, got an array of shape (2,)."),
    ("decision", dict(self_excitation="strong"), "self_excitation must be a number, got 'strong'."),
    ("winner-take-all", dict(drive=[1.0, 2.0]), "drive must be a number or a list of 3 numbers, got an array of shape (2,)."),
    ("winner-take-all", dict(drive=[1.0, float("nan"), 2.0]), "drive must be finite numbers, got [1.0, nan, 2.0]."),
    ("wilson-cowan", dict(tau_e=-1.0), "tau_e must be a positive number, got -1.0."),
    ("firing-rate", dict(weights=[[1.0, 2.0]]), "weights must be a number or a square matrix, got an array of shape (1, 2)."),
    ("firing-rate", dict(weights="many"), "weights must be a number or a square matrix, got 'many'."),
    ("firing-rate", dict(time_constant=-0.1), "time_constant must be positive, got -0.1."),
    ("flip-flop", dict(bits=0), "bits must be a whole number from 1, got 0."),
    ("half-centre", dict(fatigue_time=0.0), "fatigue_time must be a positive number, got 0.0."),
    ("leaky-integrator", dict(gain=None), "gain must be a number, got None."),
    ("low-pass", dict(order=True), "order must be a whole number from 1, got True."),
])  # fmt: skip
def test_wrong_parameters_are_told(name, parameters, sentence):
    with pytest.raises(SpecError) as caught:
        circuit(f"motifs/{name}", **parameters)
    assert sentence in str(caught.value)
