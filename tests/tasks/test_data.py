"""The digits: what is loaded is scikit-learn's own table; prototypes are what their names say."""

import numpy as np
import pytest

from neurolurie.data import load_data, sklearn_digits
from neurolurie.spec.scenario import DataSpec

DIGITS = {"source": "sklearn-digits", "binarise": {"threshold": 8.0, "values": [-1.0, 1.0]}}


def test_the_table_is_scikit_learn_s_own():
    sklearn = pytest.importorskip("sklearn.datasets")
    ours, theirs = sklearn_digits(), sklearn.load_digits()
    assert (ours.samples == theirs.data).all() and (ours.labels == theirs.target).all()
    assert ours.samples.shape == (1797, 64) and ours.shape == (8, 8)
    assert "Alpaydin" in ours.citation and ours.licence == "CC BY 4.0"


def test_pixels_above_the_threshold_become_the_second_value():
    data = load_data(DataSpec.model_validate(DIGITS))
    raw = sklearn_digits().samples
    assert (data.samples == np.where(raw > 8, 1.0, -1.0)).all()


def test_a_medoid_has_the_smallest_sum_of_distances_to_its_class():
    data = load_data(DataSpec.model_validate({**DIGITS, "prototypes": {"by": "medoid"}}))
    assert data.prototype_labels.tolist() == list(range(10))
    for label, prototype in enumerate(data.prototypes):
        members = data.samples[data.labels == label]
        sums = [sum(np.linalg.norm(members - one, axis=1)) for one in members]
        mine = sum(np.linalg.norm(members - prototype, axis=1))
        assert mine == pytest.approx(min(sums), rel=1e-9)
        assert (members == prototype).all(axis=1).any()


def test_several_prototypes_of_a_class_are_different_samples():
    data = load_data(DataSpec.model_validate({**DIGITS, "prototypes": {"by": "first", "per_class": 3}}))
    assert len(data.prototypes) == 30 and np.bincount(data.prototype_labels).tolist() == [3] * 10
    first = np.flatnonzero(data.labels == 4)[:3]
    assert (data.prototypes[data.prototype_labels == 4] == data.samples[first]).all()
