"""Inputs: every kind is its formula at the nodes of every step, a run cut in two sees the same, and wrong ones are told."""

# ruff: noqa: E501 (in a table a line holds a whole sentence)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolurie.errors import SpecError
from neurolurie.simulation.inputs import INPUTS, input_table

DT = 0.01


def table(entry, steps=100, first=0, dt=DT):
    return input_table([entry], 1, first, steps, dt)[:, :, 0]


def nodes(steps=100, dt=DT):
    return (np.arange(steps)[:, None] + np.array([0.0, 0.5, 1.0])) * dt


def begins(steps=100, dt=DT):
    """The start of every step, repeated for its three nodes: what inputs that jump look at."""
    return np.repeat(np.arange(steps)[:, None] * dt, 3, axis=1)


ENTRIES = {
    "constant": dict(amplitude=1.5),
    "step": dict(amplitude=1.5, on=0.3),
    "pulse": dict(amplitude=1.5, on=0.3, off=0.7),
    "ramp": dict(amplitude=-2.0, on=0.2, off=0.6),
    "sine": dict(amplitude=2.0, frequency=3.0, phase=0.4, offset=0.1, on=0.25, off=0.8),
    "pulse-train": dict(amplitude=2.0, period=0.1, width=0.03, on=0.2, off=0.85),
    "samples": dict(amplitude=2.0, values=[1.0, -1.0, 0.5], interval=0.2, on=0.1),
}


def test_every_kind_is_tested_here():
    assert set(ENTRIES) == set(INPUTS)


def by_hand(t, kind):
    """Every kind in plain Python at one time; jumps have already happened at their own time."""
    t = round(t, 9)
    match kind:
        case "constant":
            return 1.5
        case "step":
            return 1.5 if t >= 0.3 else 0.0
        case "pulse":
            return 1.5 if 0.3 <= t < 0.7 else 0.0
        case "ramp":
            return 0.0 if t < 0.2 else -2.0 * (t - 0.2) / 0.4 if t < 0.6 else -2.0
        case "sine":
            return 0.1 + 2.0 * np.sin(2 * np.pi * 3.0 * (t - 0.25) + 0.4)
        case "pulse-train":
            return 2.0 if 0.2 <= t < 0.85 and round((t - 0.2) % 0.1, 9) % 0.1 < 0.03 - 1e-9 else 0.0
        case "samples":
            return 0.0 if t < 0.1 else 2.0 * [1.0, -1.0, 0.5][min(int(round((t - 0.1) / 0.2, 6)), 2)]


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_is_its_formula(kind):
    smooth = kind in ("ramp", "sine")
    times = nodes() if smooth else begins()
    expected = np.vectorize(lambda t: by_hand(t, kind))(times)
    if kind == "sine":  # its window opens and closes on whole steps
        expected = np.where((begins() >= 0.25 - 1e-9) & (begins() < 0.8 - 1e-9), expected, 0.0)
    assert table(dict(kind=kind, **ENTRIES[kind])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", INPUTS)
@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 99))
def test_a_run_cut_in_two_sees_the_input_of_the_whole(kind, cut):
    entry = dict(kind=kind, **ENTRIES[kind])
    parts = np.concatenate([table(entry, cut), table(entry, 100 - cut, first=cut)])
    assert (parts == table(entry)).all()


@settings(max_examples=50, deadline=None)
@given(period=st.integers(1, 12), width=st.integers(1, 12), on=st.integers(0, 20), dt=st.sampled_from([0.1, 0.003, 1e-4]))
def test_a_pulse_train_has_whole_pulses_wherever_it_starts(period, width, on, dt):
    width = min(width, period)
    up = table(dict(kind="pulse-train", amplitude=1.0, period=period * dt, width=width * dt, on=on * dt), 200, dt=dt)
    steps = np.arange(200)
    expected = (steps >= on) & ((steps - on) % period < width)
    assert (up[:, 0] == expected).all() and (up == up[:, :1]).all()


def test_jumps_are_constant_within_a_step_and_ramps_are_not():
    for kind in ("constant", "step", "pulse", "pulse-train", "samples"):
        u = table(dict(kind=kind, **ENTRIES[kind]))
        assert (u == u[:, :1]).all()
    ramp = table(dict(kind="ramp", **ENTRIES["ramp"]))
    assert (ramp[1:, 0] == pytest.approx(ramp[:-1, 2], abs=1e-14)) and ramp[25, 0] != ramp[25, 1]


def test_samples_last_a_step_unless_told_and_the_last_is_held():
    u = table(dict(kind="samples", values=[3.0, 1.0, 2.0]), 6)
    assert u[:, 0].tolist() == [3.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    late = table(dict(kind="samples", values=[3.0, 1.0, 2.0], amplitude=-1.0), 2, first=1)
    assert late[:, 0].tolist() == [-1.0, -2.0]


def test_samples_are_read_from_files(tmp_path):
    values = np.array([0.5, -1.0, 2.0])
    np.save(tmp_path / "s.npy", values)
    np.savez(tmp_path / "s.npz", s=values[:, None])
    np.savetxt(tmp_path / "column.csv", values)
    np.savetxt(tmp_path / "row.csv", values[None], delimiter=",")
    for name in ("s.npy", "s.npz", "column.csv", "row.csv"):
        assert table(dict(kind="samples", file=str(tmp_path / name)), 4)[:, 0].tolist() == [0.5, -1.0, 2.0, 2.0]


def test_a_sine_drives_a_low_pass_to_its_analytic_response():
    from neurolurie.network.circuits import circuit
    from neurolurie.simulation.simulate import simulate

    tau, frequency = 0.05, 2.0
    run = simulate(
        circuit("motifs/low-pass", time_constant=tau), [[0.0]], duration=2.0, dt=1e-3, solver="rk4", backend="reference",
        inputs=[dict(kind="sine", amplitude=1.0, frequency=frequency)],
    )  # fmt: skip
    t, w = run.time.values, 2 * np.pi * frequency
    exact = (np.sin(w * t) - w * tau * np.cos(w * t) + w * tau * np.exp(-t / tau)) / (1 + (w * tau) ** 2)
    assert run.values[0, :, 0] == pytest.approx(exact, abs=1e-8)


WRONG = [
    (dict(kind="sinus", amplitude=1.0), "input kind 'sinus' is not known. Did you mean 'sine'?"),
    (dict(kind="sine", amplitude=1.0), "input 'sine' needs the parameter 'frequency'."),
    (dict(kind="sine", amplitude=1.0, frequency=0.0), "frequency must be a positive number, got 0.0."),
    (dict(kind="sine", amplitude=1.0, frequncy=1.0), "parameter of input 'sine' 'frequncy' is not known. Did you mean 'frequency'?"),
    (dict(kind="ramp", amplitude=1.0, on=0.5, off=0.5), "a ramp needs on before off, got on = 0.5 and off = 0.5."),
    (dict(kind="pulse", amplitude="big", on=0.1, off=0.5), "amplitude must be a number, got 'big'."),
    (dict(kind="pulse-train", amplitude=1.0, period=0.1, width=0.2), "a pulse train needs width at most period, got width = 0.2 and period = 0.1."),
    (dict(kind="samples"), "samples needs either 'values' or 'file'."),
    (dict(kind="samples", values=[1.0], file="x.npy"), "samples needs either 'values' or 'file'."),
    (dict(kind="samples", values=[]), "values must be one row or one column of finite numbers, got an array of shape (0,)."),
    (dict(kind="samples", values=[1.0, float("nan")]), "values must be one row or one column of finite numbers, got an array of shape (2,)."),
    (dict(kind="samples", values=[[1.0, 2.0], [3.0, 4.0]]), "values must be one row or one column of finite numbers, got an array of shape (2, 2)."),
    (dict(kind="samples", values=["a"]), "values must be a list of numbers, got ['a']."),
    (dict(kind="samples", file="nowhere.npy"), "cannot read 'nowhere.npy'"),
]  # fmt: skip


@pytest.mark.parametrize("entry, sentence", WRONG, ids=[sentence[:50] for _, sentence in WRONG])
def test_wrong_inputs_are_told(entry, sentence):
    with pytest.raises(SpecError) as caught:
        table(entry)
    assert sentence in str(caught.value)


# In a scenario


SCENARIO = """
schema: 1
name: driven
kind: trajectories
circuits:
  ring: {{use: motifs/ring-attractor}}
  box: {{circuits: {{bit: {{use: motifs/flip-flop}}, slow: {{use: motifs/low-pass}}}}}}
inputs:
{inputs}
start: {{uniform: [-1, 1]}}
simulate: {{backend: reference, solver: rk4, dt: 0.001, duration: 0.01}}
"""


def experiment(tmp_path, *inputs):
    from neurolurie.pipeline import load_target

    path = tmp_path / "driven.yaml"
    path.write_text(SCENARIO.format(inputs="\n".join(f"  - {{{entry}}}" for entry in inputs)))
    return load_target(path)[1]


def test_an_input_goes_to_rates_or_through_the_circuits_own_columns(tmp_path):
    np.savetxt(tmp_path / "signal.csv", [0.1, 0.2])
    made = experiment(
        tmp_path,
        "circuit: ring, to: drive, pattern: [0.6, 0.8], kind: pulse, on: 0, off: 0.005, amplitude: 2",
        "circuit: ring, kind: constant",
        "circuit: box.bit, to: drive, kind: sine, frequency: 2",
        "circuit: box/slow, pattern: [3], kind: samples, file: signal.csv",
    )
    theta = 2 * np.pi * np.arange(64) / 64
    E = made.network.E
    assert E.shape == (66, 4)
    assert E[:64, 0] == pytest.approx(100 * (0.6 * np.cos(theta) + 0.8 * np.sin(theta)))
    assert E[:, 1].tolist() == [1.0] * 64 + [0.0] * 2
    assert E[64:, 2].tolist() == [10.0, 0.0] and E[64:, 3].tolist() == [0.0, 3.0]
    problem = made.pose(np.zeros((1, 66)))
    assert problem.inputs[:, 0, 0].tolist() == [2.0] * 5 + [0.0] * 5
    assert problem.inputs[:, 0, 3].tolist() == [0.1] + [0.2] * 9


def test_columns_that_no_input_feeds_do_not_run_along(tmp_path):
    assert experiment(tmp_path, "circuit: ring, kind: constant").pose(np.zeros((1, 66))).inputs.shape == (10, 3, 1)


@pytest.mark.parametrize("entry, sentence", [
    ("circuit: box.bat, kind: constant", "inputs[0].circuit: circuit 'box.bat' is not known."),
    ("circuit: ring, to: drive, pattern: [1], kind: constant", "inputs[0].pattern: the pattern has 1 weights, circuit 'ring' has 2 inputs."),
    ("circuit: ring, to: in, kind: constant", "inputs[0].to: expected 'rate' or 'drive', got 'in'."),
    ("circuit: ring, kind: samples, file: nowhere.csv", "inputs[0].file: cannot read '"),
    ("circuit: ring, kind: sine", "inputs[0].kind: input 'sine' needs the parameter 'frequency'."),
    ("circuit: ring, kind: ramp, on: 0.2, off: 0.1", "a ramp needs on before off, got on = 0.2 and off = 0.1."),
])  # fmt: skip
def test_wrong_inputs_of_a_scenario_are_told_with_their_line(tmp_path, entry, sentence):
    with pytest.raises(SpecError) as caught:
        experiment(tmp_path, entry)
    assert sentence in str(caught.value) and f"{tmp_path / 'driven.yaml'}:9:" in str(caught.value)
