"""The recurrent networks of machine learning as circuits: members of the classes that train."""

import numpy as np
import pytest

from neurolurie.certificates.certify import certify
from neurolurie.errors import SpecError
from neurolurie.network.circuits import circuit
from neurolurie.train import PARAMETRISATIONS

PAIRS = {"lipschitz": "lipschitz-rnn", "antisymmetric": "antisymmetric-rnn", "svd-combo": "svd-combo", "cornn": "cornn"}


@pytest.mark.parametrize("name,model", PAIRS.items())
def test_the_circuit_is_a_member_of_the_class_that_trains(name, model):
    network = circuit(f"rnn/{name}", units=3, seed=4)
    metric = None
    if name == "svd-combo":  # Q from W = Q^-1 M Q: the circuit's own draw
        rng = np.random.default_rng(4)
        rng.normal(size=(2, 3, 3))
        metric = np.diag(np.exp(rng.normal(0.0, 0.3, 3)) ** 2)
    PARAMETRISATIONS[model](n=3, k=1).double().init_from(network, metric=metric)


def test_a_circuit_of_the_svd_combo_contracts_and_the_others_do_not_promise_it():
    assert certify(circuit("rnn/svd-combo"), k=1).status == "proved"
    assert certify(circuit("rnn/antisymmetric", units=3), k=1).status != "proved"


def test_oscillators_of_the_cornn_swing_at_their_own_frequency():
    network = circuit("rnn/cornn", units=1, stiffness=4.0, friction=0.0, scale=0.0)
    assert np.allclose(np.linalg.eigvals(network.A), [2j, -2j])
    assert network.states == ("y1", "z1")


def test_a_balance_out_of_range_is_told():
    with pytest.raises(SpecError, match=r"balance must be in \[0.5, 1\), got 1.5"):
        circuit("rnn/lipschitz", balance=1.5)
