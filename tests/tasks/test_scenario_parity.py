"""The memory and decision scenarios, cut short, on several backends: the same states to rounding."""

import pytest

from neurolurie.pipeline import compare

SHORT = {
    "two-area-memory": ["trials=6", "simulate.duration=0.1"],
    "denoise-stored": ["trials=4", "simulate.duration=0.05"],
    "denoise-manifold": ["trials=3", "simulate.duration=0.2"],
    "hold-a-number": ["trials=4", "simulate.duration=0.6"],
    "evidence": ["trials=11", "simulate.duration=0.3"],
    "delayed-recall": ["trials=2", "simulate.duration=1.2"],
}


@pytest.mark.parametrize("name", SHORT)
def test_torch_agrees_with_the_reference(name):
    assert compare(name, ["reference", "torch"], SHORT[name])["max_gap"] <= 1e-12


@pytest.mark.slow  # one build for each, 1 to 15 s
@pytest.mark.parametrize("name", SHORT)
def test_brian2_agrees_with_the_reference(name):
    assert compare(name, ["reference", "brian2"], SHORT[name])["max_gap"] <= 1e-12
