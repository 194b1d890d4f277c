"""LurieNetwork: the one object that every circuit becomes, and that certificates, simulators and training read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.phi import Phi

Matrix = np.ndarray | sparse.sparray  # large graphs stay sparse end to end
Vector = np.ndarray


@dataclass(frozen=True)
class Part:
    """The states, the preactivations and the inputs (columns of E) that one circuit owns inside a composed network."""

    states: slice
    preactivations: slice
    inputs: slice = field(default_factory=lambda: slice(0, 0), compare=False)


@dataclass(frozen=True, eq=False)
class LurieNetwork:
    """``dx/dt = A x + B phi(C x + by) + bx + E u(t)``, rates in 1/s.

    Parameters
    ----------
    A : (n, n), B : (n, m), C : (m, n), E : (n, inputs), dense or scipy.sparse.
    bx : (n,), by : (m,); zero if not given.
    phi : a nonlinearity's name for all preactivations, one name each, or a ``Phi``.
    parts : circuit name -> ``Part``: which circuit owns which states and preactivations.
    states : labels of the states.

    Raises SpecError for wrong shapes and for entries that are not finite.

    >>> net = LurieNetwork(A=-2.5 * np.eye(3), B=np.ones((3, 3)), C=np.eye(3), phi="tanh")
    >>> net.field(np.zeros(3))
    array([0., 0., 0.])
    >>> net.jacobian(np.zeros(3))[0]
    array([-1.5,  1. ,  1. ])
    """

    A: Matrix
    B: Matrix
    C: Matrix
    bx: Vector = None
    by: Vector = None
    E: Matrix = None
    phi: Phi | str | Sequence[str] = "tanh"
    parts: Mapping[str, Part] = field(default_factory=dict)
    states: tuple[str, ...] = ()

    def __post_init__(self):
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731 (a frozen class sets itself up)
        put("A", _matrix("A", self.A))
        n = self.A.shape[0]
        put("B", _matrix("B", self.B))
        m = self.B.shape[1]
        put("C", _matrix("C", self.C))
        put("E", np.zeros((n, 0)) if self.E is None else _matrix("E", self.E))
        put("bx", np.zeros(n) if self.bx is None else _vector("bx", self.bx))
        put("by", np.zeros(m) if self.by is None else _vector("by", self.by))
        for name, shape in {"A": (n, n), "B": (n, m), "C": (m, n), "bx": (n,), "by": (m,)}.items():
            if getattr(self, name).shape != shape:
                raise SpecError(
                    f"{name} has shape {getattr(self, name).shape}, expected {shape} "
                    f"(A is {self.A.shape[0]} x {self.A.shape[1]}, B has {m} columns)."
                )
        if self.E.shape[0] != n:
            raise SpecError(f"E has {self.E.shape[0]} rows, expected {n}, one for each state.")
        put("phi", Phi.of(self.phi, m))
        put("parts", dict(self.parts) or {"network": Part(slice(0, n), slice(0, m), slice(0, self.E.shape[1]))})
        put("states", tuple(self.states) or tuple(f"x{i + 1}" for i in range(n)))
        if len(self.states) != n:
            raise SpecError(f"{len(self.states)} state labels given, the network has {n} states.")

    @property
    def n(self) -> int:
        """Number of states."""
        return self.A.shape[0]

    @property
    def m(self) -> int:
        """Number of preactivations."""
        return self.B.shape[1]

    @property
    def is_sparse(self) -> bool:
        return any(sparse.issparse(matrix) for matrix in (self.A, self.B, self.C))

    def preactivation(self, x: np.ndarray) -> np.ndarray:
        """``y = C x + by`` for x of shape (..., n)."""
        return _apply(self.C, x) + self.by

    def field(self, x: np.ndarray, u: np.ndarray | None = None) -> np.ndarray:
        """``dx/dt`` at x of shape (..., n) under the input u of shape (..., inputs); no input if None."""
        x = np.asarray(x, float)
        rate = _apply(self.A, x) + _apply(self.B, self.phi(self.preactivation(x))) + self.bx
        return rate if u is None else rate + _apply(self.E, np.asarray(u, float))

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """``A + B diag(phi'(C x + by)) C`` at one state, dense (n, n)."""
        return self.jacobian_for(self.phi.derivative(self.preactivation(x)))

    def jacobian_for(self, slopes: np.ndarray) -> np.ndarray:
        """``A + B diag(slopes) C`` for given slopes of shape (m,), dense (n, n)."""
        product = self.B @ (sparse.diags_array(slopes) @ self.C) if self.is_sparse else (self.B * slopes) @ self.C
        return _dense(self.A) + _dense(product)

    def replace(self, **changes) -> LurieNetwork:
        """A copy with some fields changed; labels and parts are kept."""
        return replace(self, **changes)

    def dense(self) -> LurieNetwork:
        """The same network with dense matrices."""
        return self.replace(A=_dense(self.A), B=_dense(self.B), C=_dense(self.C), E=_dense(self.E))

    def digest(self) -> str:
        """SHA-256 of everything that determines the dynamics; the same for dense and sparse storage."""
        hasher = hashlib.sha256()
        for matrix in (self.A, self.B, self.C, self.E):
            triplets = sparse.coo_array(matrix)
            triplets.sum_duplicates()
            keep = triplets.data != 0.0
            row, column = (axis[keep].astype(np.int64) for axis in triplets.coords)
            order = np.lexsort((column, row))
            hasher.update(np.array(matrix.shape, np.int64).tobytes())
            for array in (row[order], column[order], triplets.data[keep][order]):
                hasher.update(np.ascontiguousarray(array).tobytes())
        for vector in (self.bx, self.by, self.phi.domain):
            hasher.update((vector + 0.0).tobytes())
        hasher.update("\n".join(self.phi.names).encode())
        return hasher.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write A, B, C, E, bx, by and the names of phi to an ``.npz`` file that `load_network` reads."""
        np.savez(
            path, A=_dense(self.A), B=_dense(self.B), C=_dense(self.C), E=_dense(self.E), bx=self.bx, by=self.by,
            phi=np.array(self.phi.names), domain=self.phi.domain, states=np.array(self.states),
        )  # fmt: skip


def load_network(path: str | Path, phi: str | None = None) -> LurieNetwork:
    """A network from an ``.npz`` with A, B, C and optionally bx, by, E, phi, domain, states; ``phi`` overrides."""
    arrays = load_arrays(path)
    missing = [name for name in ("A", "B", "C") if name not in arrays]
    if missing:
        raise SpecError(f"'{path}' holds {', '.join(sorted(arrays)) or 'nothing'}; {', '.join(missing)} missing.")
    names = arrays.get("phi")
    kinds = phi or ([str(name) for name in np.atleast_1d(names)] if names is not None else "tanh")
    if not isinstance(kinds, str) and len(kinds) == 1:
        kinds = kinds[0]
    size = np.atleast_2d(arrays["B"]).shape[1]
    return LurieNetwork(
        A=arrays["A"], B=arrays["B"], C=arrays["C"], bx=arrays.get("bx"), by=arrays.get("by"), E=arrays.get("E"),
        phi=Phi.of(kinds, size, arrays.get("domain")), states=tuple(str(s) for s in arrays.get("states", ())),
    )  # fmt: skip


def load_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Everything in an ``.npz`` of plain arrays."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError) as error:
        raise SpecError(f"cannot read '{path}' as an .npz of plain arrays: {error}.") from None


def load_array(path: str | Path) -> np.ndarray:
    """One array from an ``.npy``, an ``.npz`` that holds one, or a ``.csv`` of numbers."""
    suffix = Path(path).suffix
    try:
        if suffix == ".csv":
            return np.loadtxt(path, delimiter=",", ndmin=2)
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SpecError(f"cannot read '{path}': {error}.") from None
    if suffix != ".npz":
        raise SpecError(f"cannot read '{path}': expected a file .csv, .npy or .npz.")
    arrays = load_arrays(path)
    if len(arrays) != 1:
        raise SpecError(f"'{path}' holds {', '.join(sorted(arrays)) or 'nothing'}; expected one array.")
    return next(iter(arrays.values()))


def _apply(matrix: Matrix, x: np.ndarray) -> np.ndarray:
    """``matrix @ x`` along the last axis of x."""
    if sparse.issparse(matrix):
        flat = np.reshape(x, (int(np.prod(x.shape[:-1])), x.shape[-1]))
        return (matrix @ flat.T).T.reshape(*x.shape[:-1], matrix.shape[0])
    return x @ matrix.T


def _dense(matrix: Matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _matrix(name: str, value) -> Matrix:
    if sparse.issparse(value):
        matrix = sparse.csr_array(value, dtype=float, copy=True)
        entries = matrix.data
    else:
        matrix = entries = _numbers(name, value)
        if matrix.ndim != 2:
            raise SpecError(f"{name} must be a matrix, got an array of shape {matrix.shape}.")
    _require_finite(name, entries)
    return matrix


def _vector(name: str, value) -> Vector:
    vector = _numbers(name, value)
    _require_finite(name, vector)
    return vector


def _numbers(name: str, value) -> np.ndarray:
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        reason = "its rows have different lengths" if "inhomogeneous" in str(error) else f"{error}"
        raise SpecError(f"{name} must be an array of numbers: {reason}.") from None


def _require_finite(name: str, entries: np.ndarray) -> None:
    if not np.isfinite(entries).all():
        raise SpecError(f"{name} has {np.count_nonzero(~np.isfinite(entries))} entries that are not finite numbers.")
