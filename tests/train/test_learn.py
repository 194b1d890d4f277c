"""kind: learn, from the file to the table, the figures and the saved circuit."""

import json

import numpy as np
import pytest

import neurolurie as nl
from neurolurie.certificates.box import SlopeBox, top_sums
from neurolurie.errors import SpecError
from neurolurie.library import names
from neurolurie.pipeline import check, load_scenario, target_network
from neurolurie.report.write import write_report
from neurolurie.train.graphs import union
from neurolurie.train.study import paired


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return nl.run("learn-quick", settings=[f"learn.checkpoints={tmp_path_factory.mktemp('runs')}"])


def test_the_quick_lesson_meets_what_it_expects(result):
    assert result.expect_met
    metrics = result.metrics
    for name in ("k2", "unconstrained", "same-form"):
        assert metrics[f"{name}.test_best"] <= metrics[f"{name}.test_mean"] < metrics["predict-the-mean.test_mean"]
        assert metrics[f"{name}.test_mean"] < metrics[f"{name}.noise_0.1_mean"]
    table = result.runs[0].findings.sentence.splitlines()
    assert table[0].startswith("mean squared errors; k asked for: 2; true K")
    assert [line.split()[0] for line in table[2:-1]] == sorted(
        ("k2", "unconstrained", "same-form"), key=lambda name: metrics[f"{name}.test_mean"]
    )


def test_the_best_model_is_a_circuit_that_other_commands_accept(result, tmp_path):
    folder = result.save(tmp_path / "out", extras=lambda partial: write_report(result, partial))
    network = nl.circuit(folder / "models" / "k2.yaml")
    assert nl.certify(network, k=2).status == "proved"
    x0 = result.runs[0].findings.arrays["truth"][:, 0]
    again = nl.simulate(network, x0, duration=3.0, dt=0.1, solver="rk4", backend="reference")
    assert np.allclose(again.values, result.runs[0].findings.arrays["k2.runs"], atol=1e-4)  # trained in float32
    assert json.loads((folder / "metrics.json").read_text())["k2.size"] == 34
    assert {path.name for path in (folder / "figures").iterdir()} >= {"errors.png", "curves.png", "runs.png"}


def test_running_again_goes_on_from_the_checkpoints_to_the_same_numbers(tmp_path):
    settings = [f"learn.checkpoints={tmp_path}", "learn.models.unconstrained=null", "learn.models.same-form=null"]
    settings += ["expect=null", "learn.epochs=3", "learn.search.epochs=1"]
    first = nl.run("learn-quick", settings=settings).metrics
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert len(files) == 2 + 2  # two settings searched, two seeds
    files[0].unlink()  # as if the run had been stopped before this one was finished
    again = nl.run("learn-quick", settings=settings).metrics
    drop = lambda metrics: {name: value for name, value in metrics.items() if not name.endswith("seconds")}  # noqa: E731
    assert drop(first) == drop(again)


@pytest.mark.parametrize(
    "setting,sentence",
    [
        ("learn.models.k2.model=k3", "model 'k3' is not known"),
        ("learn.models.k2.with.sise=3", "parameter of model 'k2' 'sise' is not known"),
        ("learn.split=[96, 16, 17]", r"split \[96, 16, 17\] sums to 129, trials is 128"),
        ("learn.dt=0.03", "the data are 0.1 s apart, which is no whole number of the model's steps of 0.03 s"),
        ("learn.reference=k3", "reference 'k3' is none of the models: k2, unconstrained, same-form"),
        ("learn.truth=exact", "the exact solution needs a linear network: phi 'tanh' of preactivation 1 acts on the"),
        ("learn=null", "a scenario of kind 'learn' needs 'learn:'"),
    ],
)
def test_what_cannot_be_carried_out_is_told(setting, sentence):
    with pytest.raises(SpecError, match=sentence):
        nl.run("learn-quick", settings=[setting])


def test_exact_data_are_what_the_solver_converges_to():
    settings = ["trials=6", "learn.split=[2, 2, 2]", "learn.batch=2", "learn.epochs=1", "learn.seeds=[1]"]
    settings += ["learn.search={lr: [0.01], weight_decay: [0]}", "learn.examine={horizon: 2}", "simulate.solver=heun"]
    settings += [f"learn.models.{name}=null" for name in load_scenario("learn-attractor").data["learn"]["models"]]
    settings += ["learn.reference=null", "learn.models={hurwitz: {model: hurwitz}}"]
    settings.remove("learn.models.hurwitz=null")
    found = nl.run("learn-attractor", settings=settings).runs[0]
    truth, coarse = found.findings.arrays["truth"], found.trajectory.states[4:]
    gap = np.abs(truth - coarse).max()
    assert 1e-6 < gap < 2e-3  # heun with 0.01 s over 30 s
    network = target_network("learn-attractor")
    fine = nl.simulate(network, truth[:, 0], duration=30.0, dt=0.01, solver="rk4", record={"every": 10})
    assert np.abs(truth - fine.values).max() < 1e-7


def test_the_floor_is_the_mean_trajectory(result):
    data = result.runs[0].trajectory.states
    mean = data[:96].mean(axis=0)
    assert result.metrics["predict-the-mean.test_mean"] == pytest.approx(np.mean((data[112:] - mean) ** 2))


def test_intervals_of_paired_differences_hold_the_difference_as_often_as_they_say():
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        shared = rng.normal(size=5)
        first, second = shared + 0.7 + 0.1 * rng.normal(size=5), shared + 0.1 * rng.normal(size=5)
        _, low, high = paired(list(first), list(second))
        held += low <= 0.7 <= high
    assert 0.92 <= held / 400 <= 0.98
    assert np.isnan(paired([1.0], [2.0])[1])


EXPERIMENTS = [name for name in names("scenarios") if name.startswith("learn-") and name != "learn-quick"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_valid_and_keeps_to_the_rules(name):
    learn = load_scenario(name).data["learn"]
    assert learn["split"] == [800, 100, 100] and learn["epochs"] == (30 if "neural-ode" in name else 100)
    if "neural-ode" not in name:  # timed apart, with a smaller budget that its description states
        assert len(learn["search"]["lr"]) == 3 and len(learn["search"]["weight_decay"]) == 2
        assert learn["seeds"] == [1, 2, 3, 4, 5] and "same-form" in learn["models"]
    assert "nothing wrong was found" in check(name)


@pytest.mark.parametrize(
    "name,refuted,proved",
    [("hopfield-3", 3, 4), ("hopfield-5", 5, 7), ("attractor-3", 5, 8), ("attractor-5", 9, 13)],
)
def test_the_order_that_is_true_of_the_coupled_data(name, refuted, proved):
    """The sum of the largest real parts at the equilibrium 0 refutes an order in every metric; F(K) < 0 proves one."""
    network = target_network(f"learn-graph-{name}")
    real = np.sort(np.linalg.eigvals(network.jacobian(np.zeros(network.n))).real)[::-1]
    assert real[:refuted].sum() > 1e-3
    maxima = []
    for part in network.parts.values():
        A, B = network.A[part.states, part.states], network.B[part.states, part.preactivations]
        C = network.C[part.preactivations, part.states]
        used = "hopfield" in name  # the cubic of the linear attractor acts on nothing
        box = SlopeBox(A, used * B, C, np.zeros(3), np.ones(3))
        maxima.append(top_sums(box.jacobian(box.vertices())).max(axis=0))
    coupling = network.A - np.kron(np.eye(network.n // 3), network.A[:3, :3])
    assert np.allclose(coupling, -coupling.T) and 0 < np.abs(coupling).max() <= 0.025
    assert union(maxima)[proved - 1] < 0 <= union(maxima)[proved - 2]
