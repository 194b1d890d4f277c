"""Certificates in use: claims in words, step bounds, measured against certified, input errors."""

import numpy as np
import pytest
from theory_cases import CASES, network

from neurolurie.certificates import ContractionViolated, certify, measure, step_bound, verify
from neurolurie.certificates.certificate import Certificate
from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.phi import Phi

SCALAR = LurieNetwork(A=[[-2.5]], B=[[2.0]], C=[[1.0]])
OPINION = network(CASES["opinion3_k1"])
RAYLEIGH = LurieNetwork(A=[[0, 1, -2], [-1, -0.3, -0.4], [0.5, 0, -0.5]], B=[[0], [0.6], [0]], C=[[0, 1, -2]])


def test_the_smallest_provable_k_is_found():
    assert certify(network(CASES["hopfield3_k2"])).k == 2
    assert certify(network(CASES["two_hopfield_skew_k3"])).k == 3
    assert certify(RAYLEIGH).k == 3


def test_genuine_oscillators_oscillate_and_chaos_does_not():
    assert certify(RAYLEIGH, claim="oscillates").status == "proved"
    assert certify(network(CASES["limit_cycle_A_k3"]), claim="oscillates").status == "proved"
    assert certify(RAYLEIGH, claim="convergent").status == "refuted"
    for chaotic in ("tanh_jerk_chaos_k3", "thomas_sin_k3"):
        assert certify(network(CASES[chaotic]), claim="oscillates").status == "unknown"


@pytest.mark.parametrize("B", [np.zeros((2, 0)), np.zeros((2, 1))])
def test_linear_circuits_have_every_claim(B, tmp_path):
    net = LurieNetwork(A=[[-1, 4.0], [0, -1]], B=B, C=B.T, bx=[1.0, 2.0])
    for claim in ("k-contraction", "convergent", "bounded", "gain"):
        answer = certify(net, claim=claim)
        assert answer.status == "proved", claim
        answer.save(tmp_path / "c.json")
        assert verify(tmp_path / "c.json").valid
    assert certify(net).k == 1
    assert certify(net, claim="oscillates").status == "unknown"
    assert certify(net, claim="basin", equilibrium=np.zeros(2)).status == "proved"
    centre = net.replace(A=[[0, 1.0], [-1, 0]])
    assert certify(centre).status == "boundary"
    assert certify(centre, claim="convergent").status == "unknown"  # its energy is constant and says nothing
    assert certify(net.replace(A=[[0.1, 1.0], [-1, 0]]), k=1).status == "refuted"


def test_bistable_circuits_settle_but_do_not_oscillate_or_have_a_gain():
    net = network(CASES["hopfield3_k2"])
    assert certify(net, claim="convergent").status == "proved"
    assert certify(net, claim="oscillates").status == certify(net, claim="gain").status == "unknown"


def test_a_spiral_no_box_can_certify_has_an_ellipsoid():
    net = LurieNetwork(A=[[-0.2, -5], [5, -0.4]], B=[[1.0], [0]], C=[[1.0, 0]], by=[3.0])
    answer = certify(net, claim="basin", equilibrium=np.zeros(2))
    assert (answer.status, answer.method) == ("proved", "ellipsoid") and answer.witness["radius"] > 0.5
    x = np.random.default_rng(0).normal(size=(400, 2)) * 2
    inside = answer.contains(x)
    assert 20 < inside.sum() < 400
    x = x[inside]
    for _ in range(20000):
        speed = net.field(x)
        x = x + 0.005 * (speed + net.field(x + 0.01 * speed))
    assert np.abs(x - answer.witness["centre"]).max() < 1e-3


def test_the_radius_holds_every_late_state():
    answer = certify(RAYLEIGH, claim="bounded")
    T = answer.witness["part"]["T"]
    x = np.random.default_rng(0).normal(size=(50, 3)) * 5
    for _ in range(8000):
        x = x + 0.01 * RAYLEIGH.field(x)
    assert (np.linalg.norm(x @ T.T, axis=1) <= answer.witness["radius"] * 1.02).all()


def test_the_gain_holds_for_a_constant_disturbance():
    gain = certify(OPINION, claim="gain").witness["gain"]
    x, disturbed, d = np.zeros((2, 3)), np.zeros((2, 3)), np.array([0.3, -0.2, 0.1])
    for _ in range(4000):
        x, disturbed = x + 0.01 * OPINION.field(x), disturbed + 0.01 * (OPINION.field(disturbed) + d)
    assert np.linalg.norm(disturbed - x) <= np.sqrt(2) * gain * np.linalg.norm(d)


def test_a_claim_within_a_domain_says_so():
    cubic = LurieNetwork(
        A=[[0, 1, -2], [-1, 0, -1], [0.5, 0, -0.5]], B=[[0], [0], [-0.5]], C=[[1, 0, 0]], phi=Phi.of("cubic", 1)
    )
    assert certify(cubic, k=3).status == "proved"  # the trace needs no bound on a slope that meets no loop
    fenced = cubic.replace(A=cubic.A - 3 * np.eye(3), phi=Phi.of("cubic", 1, domain=0.5))
    answer = certify(fenced, k=1)
    assert answer.status == "proved" and "while |y_j| <= 0.5 for 1 preactivations" in answer.assumptions
    assert "while the preactivations stay in their domain; nothing is promised beyond it" in answer.sentence()
    assert certify(fenced, claim="convergent").status == certify(fenced, claim="gain").status == "unknown"
    assert certify(fenced.replace(phi=Phi.of("cubic", 1)), k=1).status in ("unknown", "refuted")


def test_relu_is_proved_contracting_but_not_convergent_by_it():
    net = network(CASES["limit_cycle_A_k3"]).replace(phi=Phi.of("relu", 2))
    three = certify(net, k=3)
    assert three.status == "proved" and any("not C^1" in one for one in three.assumptions)
    assert "3-volumes shrink; what that means for runs is proved for C^1 maps only" in three.sentence()


@pytest.mark.parametrize(
    ("solver", "step"), [("euler", 0.16), ("heun", 0.16), ("rk4", None), ("exponential-euler", -np.log(0.6) / 2.5)]
)
def test_step_bounds_of_a_scalar(solver, step):
    """-2.5 x + 2 tanh x: eta = 0.5, L = 2.5, so Euler's bound is 2 eta / L^2 = 0.16."""
    bound = step_bound(certify(SCALAR, k=1), SCALAR, solver)
    assert bound.step == (None if step is None else pytest.approx(step, rel=1e-6))
    if step is not None:
        assert bound.allows(0.99 * step) and not bound.allows(1.01 * step)


def test_a_run_never_contracts_less_than_certified():
    answer = certify(OPINION, k=1)
    time = np.arange(0, 2, 0.01)
    x = np.random.default_rng(0).normal(size=(6, 3))
    run = [x := x + 0.01 * OPINION.field(x) for _ in time]
    seen = measure(answer, OPINION, time, np.stack(run, axis=1))
    assert seen.slowest >= seen.certified and seen.pairs >= 0.95 * seen.certified
    lie = Certificate("k-contraction", "proved", "k2", 1, 5.0, 5.0, answer.witness, network=OPINION)
    with pytest.raises(ContractionViolated, match="a visited state contracts at .* although 5 /s was proved"):
        measure(lie, OPINION, time, np.stack(run, axis=1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: certify(SCALAR, k=2), "k is 2; the network has 1 states, so k is a whole number from 1 to 1."),
        (lambda: certify(SCALAR, claim="convergant"), "claim 'convergant' is not known. Did you mean 'convergent'?"),
        (lambda: certify(SCALAR, claim="basin"), "the claim 'basin' needs equilibrium="),
        (lambda: certify(SCALAR, claim="convergent", k=2), "k belongs to the claim 'k-contraction'"),
        (lambda: certify(SCALAR, bugdet=3), "option of claim 'k-contraction' 'bugdet' is not known"),
        (lambda: certify(SCALAR, k=1).contains(np.zeros(1)), "only a certified basin contains states"),
        (lambda: certify(SCALAR, claim="basin", equilibrium=[np.nan]), "an equilibrium is 1 finite numbers"),
    ],
)
def test_wrong_questions_are_answered_in_a_sentence(call, sentence):
    with pytest.raises(SpecError, match=sentence.replace("(", r"\(")):
        call()
