"""Thirty-one circuits whose answer is known: every number to its printed digits, every verdict, every trap."""

import numpy as np
import pytest
from theory_cases import CASES, box, network

from neurolurie.certificates import certify, closed_forms, falsify, verify, vertices
from neurolurie.certificates.metrics import root

DIGITS = 1.1e-6  # the cases are printed to six decimals


def metric(case):
    return None if case["P"] is None else root(np.array(case["P"]))


@pytest.mark.parametrize("name", CASES)
def test_closed_forms_have_the_printed_values(name):
    case = CASES[name]
    turned = box(case) if case["P"] is None else box(case).turned(metric(case))
    assert -closed_forms.check(turned, case["k"], "k1") == pytest.approx(case["bounds"]["kyfan"], abs=DIGITS)
    assert -closed_forms.check(turned, case["k"], "k2") == pytest.approx(case["bounds"]["centred"], abs=DIGITS)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["thm1"]["applicable"]])
def test_theorem_1_refuses_and_accepts_as_printed(name):
    case = CASES[name]
    k, one = case["k"], case["thm1"]
    margin = closed_forms.check(box(case), k, "theorem-1")
    assert -margin == pytest.approx(k * one["alpha_k"] + np.sqrt(k * one["lhs_z_k"]), abs=5e-6)
    assert (margin > 1e-9) == one["holds"]


@pytest.mark.parametrize("name", CASES)
def test_corners_have_the_printed_values(name):
    case = CASES[name]
    in_P = vertices.check(box(case), case["k"], {"T": metric(case)})
    assert -in_P == pytest.approx(case["vertex_max_P"], abs=DIGITS)
    assert -vertices.check(box(case), case["k"], {}) == pytest.approx(case["vertex_max_identity"], abs=DIGITS)


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_the_truth(name, tmp_path):
    case = CASES[name]
    answer = certify(network(case), k=case["k"])
    expected = {"k-contracting": "proved", "not": "refuted", "boundary": "boundary"}
    assert answer.status == next(status for start, status in expected.items() if case["truth"].startswith(start))
    if answer.status != "boundary":
        answer.save(tmp_path / "c.json")
        again = verify(tmp_path / "c.json")
        # a refutation evaluates phi' at a state, which a file can only do for maps of the library
        assert again.valid or (answer.status == "refuted" and "is not in the library" in again.reason)


@pytest.mark.parametrize("name", CASES)
def test_the_falsifier_reaches_the_worst_eigenvalues(name):
    case = CASES[name]
    found = falsify(network(case), case["k"]).total
    assert found <= case["eig_sum_max_over_vertices"] + DIGITS or not case["truth"].startswith("k-contracting")
    assert found >= case["eig_sum_max_over_vertices"] - 1e-3 * max(1, abs(case["eig_sum_max_over_vertices"]))


def test_k3_promises_no_limit_cycle_and_k2_nothing_under_input():
    chaotic = certify(network(CASES["tanh_jerk_chaos_k3"]), k=3)
    assert "no tori, attractor dimension < 3; limit cycle or chaos possible" in chaotic.sentence()
    driven = network(CASES["forced_duffing_tanh_k2"]).replace(E=np.eye(2))
    assert "with time-varying input it promises nothing" in certify(driven, k=2).sentence()
