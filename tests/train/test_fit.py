"""fit(): same seed same numbers, a kill changes nothing, any optimiser, and sentences for what is wrong."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from neurolurie.errors import SpecError
from neurolurie.network.circuits import circuit
from neurolurie.simulation.simulate import simulate
from neurolurie.train import PARAMETRISATIONS, Settings, fit
from neurolurie.train.loop import evaluate

SCRIPT = """
import sys, torch
torch.set_num_threads(1)
from neurolurie.train import Settings, fit
from neurolurie.train.spectral import LearntMetric
folder, settings = sys.argv[1], Settings(**eval(sys.argv[2]))
data = torch.load(folder + "/data")
fit(LearntMetric(n=3, k=1, seed=1), data[:16], data[16:], settings, checkpoint=folder + "/killed", interval=0.0,
    progress=lambda *_: print("epoch", flush=True))
"""


def opinion(trials: int, times: int) -> torch.Tensor:
    x0 = np.random.default_rng(0).uniform(-1, 1, (trials, 3))
    network, duration = circuit("paper/opinion"), 0.1 * (times - 1)
    return torch.as_tensor(simulate(network, x0, duration=duration, dt=0.1, solver="rk4", backend="reference").values)


def test_killed_and_resumed_is_bit_for_bit_the_run_without_a_stop(tmp_path):
    torch.set_num_threads(1)
    data, options = opinion(24, 20), dict(epochs=12, batch=8, optimiser="AdamW", lr=0.02, weight_decay=1e-3, seed=5)
    torch.save(data, tmp_path / "data")
    program = [sys.executable, "-c", SCRIPT, tmp_path, repr(options)]
    killed = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        assert killed.stdout.readline() == "epoch\n"
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    epochs = []
    resumed, whole = (
        fit(
            PARAMETRISATIONS["metric"](n=3, k=1, seed=1), data[:16], data[16:], Settings(**options),
            checkpoint=tmp_path / name, progress=lambda done, *_: epochs.append(done),
        )
        for name in ("killed", "whole")
    )  # fmt: skip
    assert 4 < epochs[0] <= 12 and epochs[-12:] == list(range(1, 13))
    assert whole.training == resumed.training and whole.validation == resumed.validation
    after = resumed.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in whole.model.state_dict().items())


@pytest.mark.parametrize("name", list(PARAMETRISATIONS))
def test_every_model_learns(name):
    data = opinion(24, 15)
    settings = Settings(epochs=15, batch=8, lr=0.02)
    found = fit(PARAMETRISATIONS[name](n=3, k=1, seed=2), data[:16], data[16:], settings)
    assert found.best < 0.95 * found.validation[0]
    assert found.skipped == 0
    assert evaluate(found.model, data[16:].float(), settings) == found.best  # the best epoch's model is what one gets


OPTIMISERS = ["SGD", "AdamW", "Adagrad", "NAdam", "RMSprop", "Adamax", "LBFGS", "ASGD", "Rprop", "Adafactor"]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_any_optimiser_of_torch_and_its_state_in_a_checkpoint(optimiser, tmp_path):
    data = opinion(16, 10)
    settings = Settings(epochs=5, batch=16, lr=0.02, optimiser=optimiser)
    model = lambda: PARAMETRISATIONS["k2"](n=3, k=1)  # noqa: E731
    found = fit(model(), data, data, settings)
    assert found.training[-1] < found.training[0]
    stopped = lambda *state: (_ for _ in ()).throw(KeyboardInterrupt) if state[0] == 3 else None  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        fit(model(), data, data, settings, checkpoint=tmp_path / "c", interval=0.0, progress=stopped)
    again = fit(model(), data, data, settings, checkpoint=tmp_path / "c")
    assert again.training == found.training and again.validation == found.validation


def test_a_finished_checkpoint_gives_its_result_without_training(tmp_path):
    data, seen = opinion(16, 10), []
    train = lambda: fit(  # noqa: E731
        PARAMETRISATIONS["k2"](n=3, k=1), data, data, Settings(epochs=3), checkpoint=tmp_path / "c",
        progress=lambda *a: seen.append(a),
    )  # fmt: skip
    results = [train(), train()]
    assert len(seen) == 3
    assert results[0].validation == results[1].validation and results[0].seconds == results[1].seconds


def test_a_run_that_leaves_the_finite_numbers_changes_nothing_and_is_counted():
    model = PARAMETRISATIONS["unconstrained"](n=1, k=1)
    with torch.no_grad():
        model.A.fill_(500.0)
    data = torch.ones(4, 40, 1)
    found = fit(model, data, data, Settings(epochs=2, batch=2))
    assert found.skipped == 4 and found.best == float("inf")
    assert model.A.item() == 500.0


def test_wrong_settings_and_foreign_checkpoints_are_told(tmp_path):
    data = opinion(4, 5)
    model = lambda: PARAMETRISATIONS["k2"](n=3, k=1)  # noqa: E731
    with pytest.raises(SpecError, match="optimiser 'SDG' is not known. Did you mean 'SGD'"):
        fit(model(), data, data, Settings(optimiser="SDG"))
    with pytest.raises(SpecError, match="optimiser 'Muon' with .* cannot train this model"):
        fit(model(), data, data, Settings(optimiser="Muon"))
    with pytest.raises(SpecError, match="schedule 'cosin' is not known. Did you mean 'cosine'"):
        fit(model(), data, data, Settings(schedule="cosin"))
    fit(model(), data, data, Settings(epochs=1), checkpoint=tmp_path / "c")
    with pytest.raises(SpecError, match="belongs to another model, data or settings"):
        fit(model(), data, data, Settings(epochs=1, lr=0.5), checkpoint=tmp_path / "c")
    (tmp_path / "c").write_bytes(b"half a file")
    with pytest.raises(SpecError, match="cannot read the checkpoint .* Remove it to train afresh"):
        fit(model(), data, data, Settings(epochs=1), checkpoint=tmp_path / "c")


def test_the_same_seed_gives_the_same_curves():

    data, curves = opinion(16, 10), []
    for _ in range(2):
        torch.rand(7)
        model = PARAMETRISATIONS["hurwitz"](n=3, k=2, seed=3)
        curves.append(fit(model, data, data, Settings(epochs=3, batch=4)).training)
    assert curves[0] == curves[1]


def test_the_plain_loop_gives_the_same_numbers():
    """Kernel and plain torch differ by rounding: 12 steps of Adam in float64 keep that below 1e-8."""
    data, losses = opinion(16, 20), []
    train = lambda: fit(  # noqa: E731
        PARAMETRISATIONS["metric"](n=3, k=1, seed=3).double(), data, data, Settings(epochs=3, batch=4, dtype="float64")
    ).validation
    losses.append(train())
    with torch.autograd.forward_ad.dual_level():  # where tangents may be asked for, rollout takes the plain loop
        losses.append(train())
    assert np.allclose(losses[0], losses[1], rtol=1e-8)
    assert losses[0] != losses[1]  # two ways, not one


def test_a_growing_horizon_goes_from_a_tenth_to_all_in_its_share_of_the_epochs(monkeypatch):
    seen, run = [], Settings(epochs=10, batch=8, growing=0.5)
    model = PARAMETRISATIONS["k2"](n=3, k=1, seed=1)
    original = type(model).run

    def watched(self, x0, **given):
        seen.append(given["steps"])
        return original(self, x0, **given)

    monkeypatch.setattr(type(model), "run", watched)
    fit(model, opinion(8, 101), opinion(8, 101), run)
    training, validation = seen[::2], seen[1::2]
    assert training == [9, 15, 24, 39, 63, 100, 100, 100, 100, 100]  # 101 times 0.1^(1 - epoch/5), less the first
    assert validation == [100] * 10


def test_what_simulate_returns_trains_as_its_numbers_do():
    run = simulate(circuit("paper/opinion"), np.eye(3), duration=1.0, dt=0.1, solver="rk4")
    losses = [
        fit(PARAMETRISATIONS["k2"](n=3, k=1), data, data, Settings(epochs=2, batch=3)).validation
        for data in (run, run.values, torch.tensor(run.values))
    ]
    assert losses[0] == losses[1] == losses[2]
