"""Certificates that somebody forged: each was once believed, or could be, and none may be."""

import hashlib
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from neurolurie.certificates import certify, verify
from neurolurie.certificates.certificate import Certificate
from neurolurie.certificates.exact import Dyadic
from neurolurie.certificates.proofs import Unproved, prove_trace, slopes_between
from neurolurie.certificates.proofs_sets import field_at
from neurolurie.certificates.words import at_least, at_most
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, Part
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

GROWS = LurieNetwork(A=[[-0.6, 0.45, 0.45], [0.45, -0.6, 0.45], [0.45, 0.45, -0.6]], B=np.zeros((3, 3)), C=np.eye(3))
RAYLEIGH = LurieNetwork(A=[[0, 1, -2], [-1, -0.3, -0.4], [0.5, 0, -0.5]], B=[[0], [0.6], [0]], C=[[0, 1, -2]])
SETTLES = LurieNetwork(A=-np.eye(2), B=0.5 * np.eye(2), C=np.eye(2))
SINGLES = {name: Part(slice(i, i + 1), slice(i, i + 1)) for i, name in enumerate("abc")}


def forged(tmp_path, network, claim="k-contraction", status="proved", **fields):
    """The verdict on a certificate that no search found."""
    path = tmp_path / "forged.json"
    Certificate(claim, status, network=network, **fields).save(path)
    return verify(path)


def edited(tmp_path, answer, change, network=None):
    """The verdict on a sound certificate after ``change(document)`` and a new digest."""
    path = tmp_path / "edited.json"
    answer.save(path)
    document = {**json.loads(path.read_text()), "digest": "0" * 64}
    change(document)
    text = json.dumps(document, indent=1)
    path.write_text(text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1))
    return verify(path, network)


@pytest.mark.parametrize(
    "witness",
    [
        {"kind": "vertex-lmi", "P": np.eye(3)},
        {"kind": "lure", "P": np.eye(3), "S": np.ones(3)},
        {"kind": "vertices", "T": None},
        {"kind": "weights", "norm": "linf", "weights": np.ones(3)},
        {"kind": "composition", "weights": np.ones(3)},
    ],
)
@pytest.mark.parametrize("margin", [1e308, 1e-3, float("inf"), float("nan")])
def test_no_margin_whatever_its_size_is_believed_of_a_network_that_grows(tmp_path, witness, margin):
    network = GROWS.replace(parts=SINGLES)
    assert not forged(tmp_path, network, k=1, margin=margin, witness=witness).valid


def test_numbers_that_are_not_finite_have_no_exact_value():
    with pytest.raises(OverflowError, match="not finite"):
        Dyadic.of(np.array([1.0, np.inf]))


@pytest.mark.parametrize(
    "witness", [{"kind": "weights", "norm": "l1"}, {"kind": "weights", "norm": "linf"}, {"kind": "composition"}]
)
def test_weights_so_small_that_products_underflow_prove_nothing(tmp_path, witness):
    witness = {**witness, "weights": np.full(3, 5e-324)}
    assert not forged(tmp_path, GROWS.replace(parts=SINGLES), k=1, margin=0.5, witness=witness).valid


@pytest.mark.parametrize("size", [1e160, 1e200, 1e300])
def test_a_circuit_too_large_for_doubles_is_not_left_out_of_the_composition(tmp_path, size):
    A = [[-1, size, 0], [size, -1, 0], [0, 0, -1.0]]
    network = LurieNetwork(A=A, B=np.zeros((3, 3)), C=np.eye(3), parts=SINGLES)
    witness = {"kind": "composition", "weights": np.ones(3)}
    assert not forged(tmp_path, network, k=1, margin=0.5, witness=witness).valid
    assert not certify(network, k=1).holds
    loop = LurieNetwork(A=-np.eye(3), B=np.diag([size, 0, 0]), C=np.diag([size, 0, 0]), parts=SINGLES)
    assert not forged(tmp_path, loop, k=1, margin=0.5, witness=witness).valid


def test_couplings_that_underflow_still_close_a_loop(tmp_path):
    """x1 -> x2 has gain 1e300, x2 -> x1 has 1e-200 * 1e-200: an eigenvalue of 1e-50 beside decays of 1e-60."""
    parts = {"a": Part(slice(0, 1), slice(0, 1)), "b": Part(slice(1, 2), slice(1, 2))}
    A = [[-1e-60, 0], [1e300, -1e-60]]
    network = LurieNetwork(A=A, B=[[0, 1e-200], [0, 0]], C=[[0, 0], [0, 1e-200]], phi="identity", parts=parts)
    witness = {"kind": "composition", "weights": np.ones(2)}
    assert not forged(tmp_path, network, k=1, margin=1e-61, witness=witness).valid


def test_multipliers_are_one_for_each_preactivation(tmp_path):
    network = LurieNetwork(A=-np.eye(2), B=0.4 * np.eye(2), C=np.ones((2, 2)))
    shaped = {"kind": "multipliers", "T": None, "S": np.ones((2, 2))}
    assert "one multiplier" in forged(tmp_path, network, k=1, margin=0.01, witness=shaped).reason


def test_multipliers_that_vanish_are_an_answer_not_a_crash(tmp_path):
    witness = {"kind": "lure", "P": np.eye(1), "S": np.array([1e-320])}
    network = LurieNetwork(A=[[-1.0]], B=[[0.1]], C=[[1.0]])
    assert "out of the range" in forged(tmp_path, network, k=1, margin=0.1, witness=witness).reason


def test_the_sentence_is_built_from_the_proof_not_read(tmp_path):
    answer = certify(SETTLES, k=2)
    promise = edited(tmp_path, answer, lambda d: d.update(sentence="proved: anything", method="it never fails"))
    assert promise.valid and "anything" not in str(promise) and "never" not in str(promise)
    cubic = LurieNetwork(A=[[-1.0]], B=[[0.1]], C=[[1.0]], phi=Phi.of("cubic", 1, 1.0))
    unfenced = edited(tmp_path, certify(cubic, k=1), lambda d: d.update(assumptions=[]))
    assert unfenced.valid and "while the preactivations stay in their domain" in unfenced.sentence


def test_a_rate_needs_a_margin_and_a_refutation_an_order(tmp_path):
    energy = certify(SETTLES, claim="convergent")
    assert edited(tmp_path, energy, lambda d: d.update(rate=5.0)).reason == "the rate exceeds the margin"
    expands = LurieNetwork(A=np.eye(2), B=[[0.1], [0]], C=[[1.0, 0]])
    state = {"kind": "state", "state": np.zeros(2)}
    assert forged(tmp_path, expands, status="refuted", k=2, witness=state).valid
    for k in (-1, 0, 3, 7):
        assert not forged(tmp_path, expands, status="refuted", k=k, witness=state).valid


def test_contraction_does_not_bound_runs(tmp_path):
    saddle = LurieNetwork(A=np.diag([1.0, -3.0]), B=[[0.1], [0.1]], C=[[0.0, 1.0]], phi="softplus")
    answer = certify(saddle, claim="convergent")
    assert answer.status == "proved" and "every bounded run" in answer.sentence()
    assert "bounded" in edited(tmp_path, answer, lambda d: d["witness"].update(bounded=True)).reason


def test_a_gain_holds_in_the_norm_that_contracts(tmp_path):
    change = lambda d: d["witness"].update(norm="linf")  # noqa: E731
    assert "another norm" in edited(tmp_path, certify(SETTLES, claim="gain"), change).reason


@pytest.mark.parametrize("rate", [-50.0, 0, float("nan")])
def test_oscillation_needs_a_positive_rate_inwards(tmp_path, rate):
    def change(document):
        part = {"kind": "vertices", "T": None}
        document["witness"]["bounded"].update(rate=rate, radius=0.0, part=part)

    assert not edited(tmp_path, certify(RAYLEIGH, claim="oscillates"), change).valid


def test_dominance_by_an_infinite_rate_proves_nothing(tmp_path):
    witness = {"kind": "dominance", "P": np.diag([-1.0, 1, 1]), "lambda": 1e308, "limit": "one equilibrium"}
    assert not forged(tmp_path, RAYLEIGH, "convergent", witness=witness).valid


def test_own_maps_are_taken_at_the_widest_slopes_they_were_given(tmp_path):
    own = replace(NONLINEARITIES["tanh"], name="own")
    network = LurieNetwork(A=-1.5 * np.eye(2), B=np.eye(2), C=np.eye(2), phi=Phi.of(own, 2))
    answer = certify(network, k=1)
    assert "'own' being as it was declared: its slopes, image and smoothness" in answer.assumptions
    answer.save(tmp_path / "own.json")
    assert verify(tmp_path / "own.json", network).valid
    steeper = network.replace(phi=Phi.of(replace(own, slope=(0.0, 9.0)), 2))
    assert verify(tmp_path / "own.json", steeper).reason == "it assumes smaller slopes than this network has"
    assert not edited(tmp_path, answer, lambda d: d["network"].update(slope_high=[1.0, 9.0])).valid
    assert not edited(tmp_path, answer, lambda d: d["network"].update(slope_high=[-1.0, -1.0])).valid


def test_own_maps_do_not_pass_for_the_library_s(tmp_path):
    liar = replace(NONLINEARITIES["tanh"], slope=(0.0, 0.1))
    network = LurieNetwork(A=[[-1.5]], B=[[1.0]], C=[[1.0]], phi=Phi.of(liar, 1))
    with pytest.raises(SpecError, match="rename it"):
        certify(network, k=1).save(tmp_path / "liar.json")
    certify(network.replace(phi="tanh"), k=1).save(tmp_path / "tanh.json")
    assert "not the library's map" in verify(tmp_path / "tanh.json", network).reason


def test_entries_stored_twice_count_twice():
    C = sparse.csr_array((np.ones(2), np.zeros(2, int), np.array([0, 2])), shape=(1, 1))
    network = LurieNetwork(A=sparse.csr_array([[-1.5]]), B=sparse.csr_array([[1.0]]), C=C, phi="identity")
    assert network.jacobian(np.zeros(1))[0, 0] == 0.5
    with pytest.raises(Unproved):
        prove_trace(network, 1, 0.1, {})


def test_far_from_zero_the_slope_of_a_sine_may_be_anything():
    network = LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]], phi="sine")
    least, most = slopes_between(network, np.array([1e14]), np.array([1e14 + 0.5]))
    assert (least, most) == (-1.0, 1.0)
    least, most = slopes_between(network, np.array([0.1]), np.array([0.2]))
    assert 0.98 < least < np.cos(0.2) < np.cos(0.1) < most < 0.996


@pytest.mark.parametrize("A", [-np.eye(2), [[-0.1, 1], [-1, -0.1]]])
def test_a_basin_s_radius_is_about_the_equilibrium_itself(tmp_path, A):
    """About the stored centre the box (or ellipsoid) is a little larger than what may be promised."""
    network = LurieNetwork(A=A, B=[[0.01], [0.02]], C=[[1.0, 1.0]], bx=[0.3, 0.1])
    answer = certify(network, claim="basin", equilibrium=np.linalg.solve(A, [-0.3, -0.1]))
    assert answer.status == "proved"
    witness = answer.witness
    error = np.abs(field_at(network, np.asarray(witness["centre"])).mid).max()
    assert error < 1e-10
    more = lambda d: d["witness"].update(radius=witness["radius"] * (1 + 1e-2))  # noqa: E731
    assert "radius is too large" in edited(tmp_path, answer, more).reason


def test_a_basin_s_radius_is_not_about_a_centre_far_from_the_equilibrium(tmp_path):
    """Everything in [-1, 1] ends at -0.9, so within 0.5 of 0.5 it does; not within 0.5 of the equilibrium."""
    network = LurieNetwork(A=[[-1.0]], B=[[0.0]], C=[[0.0]], bx=[-0.9])
    layers = [{"low": np.array([-1.0]), "high": np.array([1.0])}]
    witness = {"kind": "box", "centre": np.array([0.5]), "weights": np.ones(1), "layers": layers, "boxes": layers}
    far = forged(tmp_path, network, "basin", margin=0.9, witness={**witness, "radius": 0.5})
    assert "radius is too large" in far.reason
    witness["centre"] = np.array([-0.9])
    assert forged(tmp_path, network, "basin", margin=0.9, witness={**witness, "radius": 0.09}).valid


def test_bounds_are_printed_on_the_safe_side():
    rng = np.random.default_rng(0)
    for value in 10.0 ** rng.uniform(-9, 9, 200):
        assert float(at_least(value)) <= value <= float(at_most(value))
        assert float(at_most(value)) <= 1.0011 * value and float(at_least(value)) >= 0.9989 * value


def test_a_shifting_input_is_excluded_where_it_would_shift_the_claim():
    driven = LurieNetwork(A=-np.eye(1), B=[[0.5]], C=[[1.0]], E=[[1.0]])
    assert "no input u(t), no noise" in certify(driven, claim="bounded").assumptions
    assert "no input u(t), no noise" in certify(driven, claim="basin", equilibrium=[0.0]).assumptions


def test_a_loop_that_is_zero_only_in_floating_point_keeps_its_fence(tmp_path):
    """0.7 * 0.2 - fl(0.7 * 0.2) = 1.3e-17 times the slope of a cubic expands far out, so the domain is needed."""
    product = 0.7 * 0.2
    network = LurieNetwork(A=-np.eye(2), B=[[0.2], [-product]], C=[[0.7, 1.0]], phi=Phi.of("cubic", 1, 1.0))
    assert Fraction(0.7) * Fraction(0.2) > Fraction(product)
    answer = certify(network, k=2)
    assert answer.status == "proved" and "while the preactivations stay in their domain" in answer.sentence()
    answer.save(tmp_path / "fenced.json")
    assert "while the preactivations stay in their domain" in verify(tmp_path / "fenced.json").sentence
    exact = network.replace(B=[[0.25], [-0.125]], C=[[0.5, 1.0]])
    assert "every bounded run settles" in certify(exact, k=2).sentence()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda network: network.update(phi=[["tanh", 10**15]]), "phi does not name"),
        (lambda network: network["A"].update(shape=[10**15, 10**15]), "wrong shape"),
    ],
)
def test_sizes_are_checked_before_memory_is_asked_for(tmp_path, change, reason):
    network = LurieNetwork(A=sparse.csr_array(-np.eye(2)), B=np.eye(2), C=np.eye(2))
    assert reason in edited(tmp_path, certify(network, k=1), lambda d: change(d["network"])).reason


def test_no_state_outside_a_thin_ellipsoid_is_let_in_by_rounding():
    T = np.array([[1.0, 0.0], [1e9, 1e9]])
    ball = {"centre": np.zeros(2), "T": T, "radius": 1.0}
    answer = Certificate("basin", "proved", witness={"kind": "ellipsoid", "ellipsoid": ball})
    rng = np.random.default_rng(0)
    u = 0.7 * rng.uniform(-1, 1, 4000)
    x = np.stack([u, -u + 1.2e-9 * rng.uniform(-1, 1, 4000)], axis=1)
    inside = answer.contains(x)
    exactly = [Fraction(a) ** 2 + (10**9 * (Fraction(a) + Fraction(b))) ** 2 <= 1 for a, b in x]
    assert 0 < inside.sum() and not (inside & ~np.array(exactly)).any()
