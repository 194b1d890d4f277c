"""LurieNetwork: the field is its equation, dense and sparse alike; wrong shapes are told in exact sentences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, Part, load_array, load_network
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.network.phi import Phi

LETTERS = ("A", "B", "C", "E", "bx", "by")
SMOOTH = sorted(name for name, kind in NONLINEARITIES.items() if kind.smooth)


@st.composite
def networks(draw, kinds=tuple(NONLINEARITIES)):
    n, m, inputs = draw(st.integers(1, 6)), draw(st.integers(0, 6)), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = {"A": (n, n), "B": (n, m), "C": (m, n), "E": (n, inputs), "bx": (n,), "by": (m,)}
    arrays = {name: rng.normal(size=shape) * (rng.random(shape) < 0.7) for name, shape in shapes.items()}
    return LurieNetwork(**arrays, phi=Phi.of([kinds[i] for i in rng.integers(len(kinds), size=m)], m))


def as_sparse(net):
    return net.replace(**{name: sparse.coo_array(getattr(net, name)) for name in "ABCE"})


@settings(max_examples=60, deadline=None)
@given(net=networks(), seed=st.integers(0, 99))
def test_the_field_is_the_equation_written_out_unit_by_unit(net, seed):
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=net.n), rng.normal(size=net.E.shape[1])
    expected = np.zeros(net.n)
    for i in range(net.n):
        expected[i] = sum(net.A[i, j] * x[j] for j in range(net.n)) + net.bx[i]
        expected[i] += sum(net.E[i, j] * u[j] for j in range(len(u)))
        for j, name in enumerate(net.phi.names):
            y = sum(net.C[j, k] * x[k] for k in range(net.n)) + net.by[j]
            expected[i] += net.B[i, j] * float(NONLINEARITIES[name].value(np.array(y)))
    assert net.field(x, u) == pytest.approx(expected, abs=1e-12)
    many = np.stack([np.stack([x, 2 * x]), np.stack([-x, 0 * x])])
    inputs = np.broadcast_to(u, (*many.shape[:-1], len(u)))
    assert net.field(many, inputs)[0, 0] == pytest.approx(expected, abs=1e-12)
    assert net.field(many, inputs).shape == many.shape


@settings(max_examples=60, deadline=None)
@given(net=networks(), seed=st.integers(0, 99))
def test_dense_and_sparse_are_one_network(net, seed):
    rng = np.random.default_rng(seed)
    x, u, other = rng.normal(size=(4, net.n)), rng.normal(size=(4, net.E.shape[1])), as_sparse(net)
    assert other.is_sparse and not net.is_sparse
    assert other.field(x, u) == pytest.approx(net.field(x, u), abs=1e-12)
    assert other.jacobian(x[0]) == pytest.approx(net.jacobian(x[0]), abs=1e-12)
    assert other.digest() == net.digest() == other.dense().digest()


@settings(max_examples=60, deadline=None)
@given(net=networks(kinds=tuple(SMOOTH)), seed=st.integers(0, 99))
def test_the_jacobian_is_the_derivative_of_the_field(net, seed):
    x, h = np.random.default_rng(seed).normal(size=net.n), 1e-5
    steps = h * np.eye(net.n)
    measured = np.stack([(net.field(x + step) - net.field(x - step)) / (2 * h) for step in steps], axis=1)
    assert net.jacobian(x) == pytest.approx(measured, abs=1e-6, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(net=networks(), data=st.data())
def test_the_digest_changes_with_every_entry_and_ignores_labels(net, data):
    name = data.draw(st.sampled_from([name for name in LETTERS if getattr(net, name).size]))
    place = data.draw(st.integers(0, getattr(net, name).size - 1))
    changed = getattr(net, name).copy()
    changed.flat[place] = np.nextafter(changed.flat[place], np.inf)
    assert net.replace(**{name: changed}).digest() != net.digest()
    assert net.replace(states=tuple(f"s{i}" for i in range(net.n))).digest() == net.digest()
    if net.m:
        assert net.replace(phi="sine" if net.phi.names[0] != "sine" else "tanh").digest() != net.digest()
        assert net.replace(phi=Phi(net.phi.kinds, net.phi.index, 7.0)).digest() != net.digest()


def test_the_digest_tells_a_transpose_and_a_sign_of_zero_apart_from_a_change():
    net = LurieNetwork(A=[[-1.0, 2.0], [0.0, -1.0]], B=np.eye(2), C=np.eye(2))
    assert net.replace(A=net.A.T).digest() != net.digest()
    assert net.replace(A=[[-1.0, 2.0], [-0.0, -1.0]], bx=[-0.0, 0.0]).digest() == net.digest()
    repeated = sparse.coo_array(([-1.0, 0.5, 1.5, -1.0], ([0, 0, 0, 1], [0, 1, 1, 1])), shape=(2, 2))
    assert net.replace(A=repeated).digest() == net.digest()


@settings(max_examples=25, deadline=None)
@given(net=networks())
def test_a_saved_network_comes_back(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.npz"
    net = net.replace(states=tuple(f"unit {i}" for i in range(net.n)))
    as_sparse(net).save(path)
    back = load_network(path)
    assert back.digest() == net.digest() and back.states == net.states and back.phi.names == net.phi.names


def test_phi_given_to_load_network_overrides_the_file(tmp_path):
    LurieNetwork(A=[[-1.0]], B=[[1.0]], C=[[1.0]], phi="relu").save(tmp_path / "a.npz")
    assert load_network(tmp_path / "a.npz", phi="tanh").phi.names == ("tanh",)


def test_a_network_is_a_copy_of_what_it_was_given():
    A, shared = -np.eye(2), sparse.csr_array(np.eye(2))
    net = LurieNetwork(A=A, B=shared, C=np.eye(2))
    before = net.digest()
    A[0, 0], shared.data[0] = 9.0, 9.0
    assert net.digest() == before
    with pytest.raises(AttributeError):
        net.A = A


I = np.eye(2)  # noqa: E741
WRONG = [
    (dict(A=np.ones((2, 3)), B=I, C=I), "A has shape (2, 3), expected (2, 2) (A is 2 x 3, B has 2 columns)."),
    (dict(A=I, B=np.ones((3, 2)), C=I), "B has shape (3, 2), expected (2, 2) (A is 2 x 2, B has 2 columns)."),
    (dict(A=I, B=I, C=np.ones((2, 3))), "C has shape (2, 3), expected (2, 2) (A is 2 x 2, B has 2 columns)."),
    (dict(A=I, B=np.ones((2, 1)), C=I), "C has shape (2, 2), expected (1, 2) (A is 2 x 2, B has 1 columns)."),
    (dict(A=I, B=I, C=I, bx=[1.0]), "bx has shape (1,), expected (2,) (A is 2 x 2, B has 2 columns)."),
    (dict(A=I, B=I, C=I, by=[[1.0, 2.0]]), "by has shape (1, 2), expected (2,) (A is 2 x 2, B has 2 columns)."),
    (dict(A=I, B=I, C=I, E=[[1.0]]), "E has 1 rows, expected 2, one for each state."),
    (dict(A=[1.0, 2.0], B=I, C=I), "A must be a matrix, got an array of shape (2,)."),
    (dict(A=[[np.nan, 1], [np.inf, 1]], B=I, C=I), "A has 2 entries that are not finite numbers."),
    (dict(A=sparse.csr_array([[np.nan, 1], [0, 1]]), B=I, C=I), "A has 1 entries that are not finite numbers."),
    (dict(A=I, B=I, C=I, bx=[np.nan, 0]), "bx has 1 entries that are not finite numbers."),
    (dict(A=I, B=I, C=I, states=("a",)), "1 state labels given, the network has 2 states."),
    (dict(A=I, B=I, C=I, phi=["tanh"]), "phi names 1 nonlinearities, the network has 2 preactivations."),
    (dict(A=I, B=I, C=I, phi=Phi.of("tanh", 3)), "phi has 3 components, the network has 2 preactivations."),
]  # fmt: skip


@pytest.mark.parametrize("arguments, sentence", WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_wrong_arguments_are_told_exactly(arguments, sentence):
    with pytest.raises(SpecError) as caught:
        LurieNetwork(**arguments)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("value", [[["a"]], [[1.0], [1.0, 2.0]], [[None]], [[1j]]])
def test_what_is_no_array_of_numbers_is_refused_by_name(value):
    with pytest.raises(SpecError, match=r"^A (must be an array of numbers|has 1 entries that are not finite)"):
        LurieNetwork(A=value, B=[[1.0]], C=[[1.0]])


def test_what_is_not_given_is_zero_and_one_part_owns_all():
    net = LurieNetwork(A=-I, B=np.ones((2, 3)), C=np.ones((3, 2)))
    assert net.bx.tolist() == [0, 0] and net.by.tolist() == [0, 0, 0] and net.E.shape == (2, 0)
    assert net.states == ("x1", "x2") and net.parts == {"network": Part(slice(0, 2), slice(0, 3))}
    assert net.phi.names == ("tanh",) * 3


def test_arrays_are_read_from_npy_npz_and_csv(tmp_path):
    numbers = np.array([[1.0, 2.0], [3.0, -4.0]])
    np.save(tmp_path / "a.npy", numbers)
    np.savez(tmp_path / "a.npz", W=numbers)
    (tmp_path / "a.csv").write_text("1,2\n3,-4\n")
    for suffix in ("npy", "npz", "csv"):
        assert (load_array(tmp_path / f"a.{suffix}") == numbers).all()


def test_files_that_are_no_arrays_are_told(tmp_path):
    np.savez(tmp_path / "two.npz", a=[1.0], b=[2.0])
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], dtype=object))
    (tmp_path / "words.csv").write_text("one,two\n")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY nonsense")
    (tmp_path / "broken.npz").write_bytes(b"PK nonsense")
    (tmp_path / "a.txt").write_text("1")
    for name, sentence in {
        "two.npz": r"holds a, b; expected one array\.$",
        "words.csv": "^cannot read '.*words.csv': ", "broken.npy": "^cannot read '.*broken.npy': ",
        "broken.npz": r"^cannot read '.*broken.npz' as an \.npz of plain arrays: ",
        "pickle.npz": r"^cannot read '.*pickle.npz' as an \.npz of plain arrays: ",
        "a.txt": r"expected a file \.csv, \.npy or \.npz\.$", "absent.npy": "^cannot read '.*absent.npy': ",
    }.items():  # fmt: skip
        with pytest.raises(SpecError, match=sentence):
            load_array(tmp_path / name)
    with pytest.raises(SpecError, match=r"holds a, b; A, B, C missing\.$"):
        load_network(tmp_path / "two.npz")
