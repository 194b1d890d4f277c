"""Every shipped scenario meets what it expects, and misses it when it is sabotaged: the expectation can fail.

A new scenario needs an entry in ``SABOTAGE``; without one `test_every_scenario_has_a_sabotage` fails. Scenarios of kind
``learn`` train models for hours and are tested elsewhere, on small budgets.
"""

import numpy as np
import pytest

from neurolurie import pipeline
from neurolurie.library import names
from neurolurie.network import storage


def permuted_weights(monkeypatch):
    """All storage rules give the same weights in another order: as symmetric and as strong, and of no use."""
    shuffle = np.random.default_rng(0).permutation

    def permuted(rule):
        def weights(patterns):
            order = shuffle(patterns.shape[1])
            return rule(patterns)[np.ix_(order, order)]

        return weights

    for name, rule in storage.STORAGE.items():
        monkeypatch.setitem(storage.STORAGE, name, permuted(rule))


DAMPED = "{A: [[0, 1, -2], [-1, -0.3, -0.4], [0.5, 0, -0.5]], B: [[0], [0.2], [0]], C: [[0, 1, -2]], phi: tanh}"
# Either words as for --set, or a function that breaks something in the code that a word cannot reach.
SABOTAGE = {
    "digits-recall": {
        "permuted weights": permuted_weights,
        "no gain": ["circuits.memory.with.gain=0.5"],
        "Hebb's rule": ["circuits.memory.with.storage=hebbian"],
        "noise far above the states": ["noise.sigma.memory=30.0"],
        "twice the damage": ["cue.corrupt.flip=26"],
    },
    "storage-rules": {
        "permuted weights": permuted_weights,
        "the rules mixed up": [
            "variants={hebbian: {circuits.memory.with.storage: pseudo-inverse},"
            " storkey: {circuits.memory.with.storage: storkey},"
            " pseudo-inverse: {circuits.memory.with.storage: hebbian}}"
        ],
    },
    "two-hopfields": {
        "no coupling": ["couplings=[]"],
        "a weak coupling": ["couplings[0].with.strength=0.1"],
    },
    "opinion": {"noise": ["noise.sigma={agents: 0.1}"], "another circuit": ["circuits.agents.use=paper/hopfield-3"]},
    "hopfield-3": {"noise": ["noise.sigma={memory: 0.5}"], "starts in one basin": ["start.uniform=[0.1, 1]"]},
    "rayleigh": {"too little drive": [f"circuits.oscillator={DAMPED}"], "noise": ["noise.sigma={oscillator: 0.5}"]},
    "simple-attractor": {
        "Euler, which spirals out": ["simulate.solver=euler"],
        "the cubic acting": ["circuits.attractor.use=paper/simple-attractor", "simulate.diverged=count"],
    },
    "simple-attractor-cubic": {
        "starts beyond the energy bound": ["start.uniform=[-1, 1]"],
        "a coarse Euler": ["simulate.solver=euler", "simulate.dt=0.1", "simulate.record.every=1"],
    },
    "two-area-memory": {
        "permuted weights": permuted_weights,
        "no edge": ['variants={intact: {"couplings[0].with.gain": 0.0}}'],
        "the edge backwards": ['variants={intact: {"couplings[0].with.gain": -0.3}}'],
    },
    "denoise-stored": {"permuted weights": permuted_weights, "no gain": ["circuits.memory.with.gain=0.5"]},
    "denoise-manifold": {
        "told ten times the noise": ["variants={noise-30: {circuits.memory.with.noise: 3.0}}"],
        "two slow directions only": ["variants={noise-30: {circuits.memory.with.dimensions: 2}}"],
    },
    "evidence": {"no evidence": ["couplings[0].with.matrix=[[0.0], [0.0]]"], "noise x 10": ["noise.sigma.choice=2.0"]},
    "hold-a-number": {
        "noise where there is none": ["variants={ring: {noise.sigma.memory: 0.6}}"],
        "a small ring": ["variants={ring: {circuits.memory.with.units: 16}}"],
    },
    "delayed-recall": {
        "noise x 10": ["variants={kept: {noise.sigma.memory: 10.0}}"],
        "no recurrence": ["variants={kept: {lesions: [memory]}}"],
    },
}  # fmt: skip
# Sabotaged runs only need to miss: fewer trials, and no certified regions, where that does not matter.
QUICK = {
    "digits-recall": ["simulate.record.states=[memory.x1]"], "storage-rules": ["simulate.record.states=[memory.x1]"],
    "two-hopfields": ["trials=4"], "rayleigh": ["trials=4"],
    "denoise-manifold": ["trials=50"], "evidence": ["trials=440"],
}  # fmt: skip
SLOW = {"denoise-manifold", "delayed-recall"}  # some 20 s each to meet


def run(name, words=()):
    source = pipeline.load_scenario(name)
    words = [*words, "certify.on_fail=warn"] if "certify" in source.data else list(words)  # the run is to be judged
    return pipeline.run(name, settings=words)


def test_every_scenario_has_a_sabotage():
    trained = {name for name in names("scenarios") if pipeline.load_scenario(name).data["kind"] == "learn"}
    missing = set(names("scenarios")) - trained - set(SABOTAGE)
    assert not missing, f"say in SABOTAGE how these would fail: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in SABOTAGE])
def test_a_scenario_meets_what_it_expects(name):
    result = run(name)
    assert result.expectations, f"{name} expects nothing"
    assert result.expect_met, [str(one) for one in result.expectations if not one.met]


@pytest.mark.parametrize("name, how", [(name, how) for name, ways in SABOTAGE.items() for how in ways])
def test_a_sabotaged_scenario_misses_what_it_expects(name, how, monkeypatch):
    sabotage = SABOTAGE[name][how]
    if callable(sabotage):
        sabotage(monkeypatch)
        sabotage = []
    result = run(name, [*sabotage, *QUICK.get(name, [])])
    # What was not measured does not count: a number must have moved out of its bounds.
    missed = [one for one in result.expectations if one.value is not None and not one.met]
    assert missed, f"{name} still meets: {[str(one) for one in result.expectations]}"
