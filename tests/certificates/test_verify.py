"""Saved proofs: they re-prove, without the searchers, and no edit survives."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_cases import CASES, network

from neurolurie.certificates import certify, verify
from neurolurie.certificates.certificate import FORMAT
from neurolurie.certificates.exact import Dyadic, inertia, is_positive_definite
from neurolurie.certificates.rounding import Ball, singular_values, top_sum
from neurolurie.network.lurie import LurieNetwork

HOPFIELD = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3))
RAYLEIGH = LurieNetwork(A=[[0, 1, -2], [-1, -0.3, -0.4], [0.5, 0, -0.5]], B=[[0], [0.6], [0]], C=[[0, 1, -2]])
ANSWERS = {
    "k2": lambda: certify(HOPFIELD, k=2),
    "trace": lambda: certify(RAYLEIGH, k=3),
    "vertices in a metric": lambda: certify(network(CASES["nonnormal_k1_needs_metric"]), k=1),
    "weights": lambda: certify(network(CASES["cascade_k1_needs_metric"]), k=1),
    "refuted": lambda: certify(HOPFIELD, k=1),
    "energy": lambda: certify(HOPFIELD, claim="convergent"),
    "basin": lambda: certify(HOPFIELD, claim="basin", equilibrium=np.full(3, 0.79)),
    "bounded": lambda: certify(RAYLEIGH, claim="bounded"),
    "gain": lambda: certify(LurieNetwork(A=-np.eye(2), B=0.5 * np.eye(2), C=np.eye(2)), claim="gain"),
    "oscillates": lambda: certify(RAYLEIGH, claim="oscillates"),
    "not convergent": lambda: certify(RAYLEIGH, claim="convergent"),
}


@pytest.fixture(scope="module", params=ANSWERS)
def saved(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "c.json"
    answer = ANSWERS[request.param]()
    assert answer.status in ("proved", "refuted")
    answer.save(path)
    return path


def test_a_saved_answer_proves_itself_again(saved):
    assert verify(saved).valid


def test_any_changed_byte_is_rejected(saved, tmp_path):
    text = saved.read_text()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(text), 40):
        new = "7" if text[place] != "7" else "8"
        (tmp_path / "e.json").write_text(text[:place] + new + text[place + 1 :])
        assert not verify(tmp_path / "e.json").valid


def reseal(document: dict, path) -> None:
    """Write an edited document with a digest that fits, as somebody who wants to cheat would."""
    import hashlib

    document = {**document, "digest": "0" * 64}
    text = json.dumps(document, indent=1)
    path.write_text(text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1))


def test_a_resealed_lie_is_still_rejected(saved, tmp_path):
    document = json.loads(saved.read_text())
    lies = []
    if document["margin"] is not None:
        lies.append({**document, "margin": document["margin"] * 1.5 + 1e-3})
    if document["claim"] == "k-contraction" and document["status"] == "proved" and document["k"] > 1:
        lies.append({**document, "k": document["k"] - 1})
    stronger = {**document["network"], "B": (20 * np.array(document["network"]["B"])).tolist()}
    lies.append({**document, "network": stronger})
    for name in ("radius", "gain", "sum"):
        if document["claim"] in ("bounded", "gain") and name in document["witness"]:
            lies.append({**document, "witness": {**document["witness"], name: 0.5 * document["witness"][name]}})
    if document["claim"] == "basin":
        box = document["witness"]["boxes"][0]
        wide = [{"low": (2 * np.array(box["low"]) - 5).tolist(), "high": box["high"]}]
        lies.append({**document, "witness": {**document["witness"], "boxes": wide, "layers": wide}})
    for lie in lies:
        reseal(lie, tmp_path / "lie.json")
        assert not verify(tmp_path / "lie.json").valid


def test_a_file_about_another_network_says_so(saved):
    other = LurieNetwork(A=-np.eye(3), B=np.eye(3), C=np.eye(3))
    assert verify(saved, other).reason == "it speaks about another network"


def test_unknown_answers_leave_nothing_to_prove(tmp_path):
    certify(network(CASES["boundary_scalar_k1"]), k=1).save(tmp_path / "b.json")
    assert verify(tmp_path / "b.json").reason == "'boundary' leaves nothing to prove"


def test_verify_imports_no_searcher_no_cvxpy_and_no_torch():
    code = (
        "import sys, types; package = types.ModuleType('neurolurie.certificates');"
        "import neurolurie, pathlib; home = pathlib.Path(neurolurie.__file__).parent;"
        "package.__path__ = [str(home / 'certificates')];"
        "sys.modules['neurolurie.certificates'] = package; import neurolurie.certificates.verify;"
        "mine = {name.rsplit('.', 1)[1] for name in sys.modules if name.startswith('neurolurie.certificates.')};"
        "assert mine == {'verify', 'exact', 'rounding', 'proofs', 'proofs_sets', 'proofs_refuted', 'proofs_behaviour',"
        " 'proofs_composition', 'words'}, mine;"
        "assert not {'torch', 'cvxpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_imports_without_cvxpy_and_torch():
    code = "import sys, neurolurie.certificates; assert not {'torch', 'cvxpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_format_is_the_same_on_both_sides():
    from neurolurie.certificates import verify as _  # noqa: F401

    assert sys.modules["neurolurie.certificates.verify"].FORMAT == FORMAT


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_exact_inertia_counts_eigenvalues(seed, n):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, n)), 1)
    X = X + X.T
    values = np.linalg.eigvalsh(X)
    found = inertia(Dyadic.of(X))
    if found is not None and np.abs(values).min() > 1e-9:
        assert found == ((values > 0).sum(), (values < 0).sum(), 0)
        assert is_positive_definite(Dyadic.of(X)) == (values > 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_balls_enclose_exact_products_and_bounds_hold(seed, n):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(2, n, n)) * 10.0 ** rng.integers(-3, 4)
    ball = Ball.of(X) @ Ball.of(Y)
    exact = Dyadic.of(X) @ Dyadic.of(Y)
    difference = exact - Dyadic.of(ball.mid)
    gap = np.array([[float(v) for v in row] for row in difference.integers]) * 2.0**difference.exponent
    assert (np.abs(gap) <= ball.rad).all()
    S = X + X.T
    assert float(top_sum(Ball.of(S), n)) >= np.trace(S) - 1e-12 * np.abs(S).sum()
    assert (singular_values(Ball.of(X)) >= np.linalg.svd(X, compute_uv=False)).all()
