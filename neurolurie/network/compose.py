"""Many circuits and projections into one LurieNetwork, all arrays at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import MatrixRankWarning, spsolve

from neurolurie.errors import SpecError
from neurolurie.network.bulk import collector_paused
from neurolurie.network.lurie import LurieNetwork, Matrix, Part
from neurolurie.network.parts import composed_parts
from neurolurie.network.phi import Phi
from neurolurie.network.projection import Projection

# Composed matrices stay dense up to this many states: below it dense products are as fast as sparse ones.
DENSE_STATES = 512


@collector_paused()
def compose(
    circuits: Mapping[str, LurieNetwork], projections: Sequence[tuple[str, str, Projection]] = ()
) -> LurieNetwork:
    """Block-diagonal A, B, C, E of the circuits plus one block for every ``(source, target, projection)``."""
    if not circuits:
        raise SpecError("a graph without circuits cannot be composed.")
    networks = list(circuits.values())
    states = _offsets([network.n for network in networks])
    channels = _offsets([network.m for network in networks])
    inputs = _offsets([network.E.shape[1] for network in networks])
    blocks = {letter: _Blocks() for letter in "ABCE"}
    x, y, u = states.tolist(), channels.tolist(), inputs.tolist()
    for place, network in enumerate(networks):
        blocks["A"].put(network.A, x[place], x[place])
        blocks["B"].put(network.B, x[place], y[place])
        blocks["C"].put(network.C, y[place], x[place])
        blocks["E"].put(network.E, x[place], u[place])
    _put_projections(blocks, circuits, projections, x, y)
    n, m, columns = x[-1], y[-1], u[-1]
    dense = n <= DENSE_STATES and not any(network.is_sparse for network in networks)
    shapes = {"A": (n, n), "B": (n, m), "C": (m, n), "E": (n, columns)}
    return LurieNetwork(
        **{letter: blocks[letter].matrix(shape, dense) for letter, shape in shapes.items()},
        bx=np.concatenate([network.bx for network in networks]),
        by=np.concatenate([network.by for network in networks]),
        phi=Phi.join([network.phi for network in networks]),
        parts=composed_parts(circuits, states, channels, inputs),
        states=tuple(f"{name}.{label}" for name, network in circuits.items() for label in network.states),
    )


def through_leak(network: LurieNetwork, W: Matrix, name: str, at: Part | None = None) -> Matrix:
    """``-A C^-1 W``: the current that raises y at rest by W phi, see `CircuitGraph`; of the circuit ``at`` if given."""
    x, y = (slice(None), slice(None)) if at is None else (at.states, at.preactivations)
    A, C = network.A[x, x], network.C[y, x]
    large = sparse.issparse(C) and C.shape[0] > DENSE_STATES
    rank = min(C.shape) if large else np.linalg.matrix_rank(_dense(C))
    if C.shape[0] != C.shape[1] or rank < C.shape[0]:
        raise SpecError(_not_invertible(name, f"one of shape {C.shape} and rank {rank}"))
    if not large:
        return -_dense(A) @ np.linalg.solve(_dense(C), _dense(W))
    with warnings.catch_warnings():
        warnings.simplefilter("error", MatrixRankWarning)
        try:
            return -A @ sparse.csr_array(spsolve(sparse.csc_array(C), sparse.csc_array(W)).reshape(W.shape))
        except (MatrixRankWarning, RuntimeError):
            raise SpecError(_not_invertible(name, f"a singular one of shape {C.shape}")) from None


def _not_invertible(name: str, found: str) -> str:
    return (
        f"'out -> in' needs a target whose C is square and invertible, '{name}' has {found}; "
        "use 'state -> in' or 'out -> rate'."
    )


def _put_projections(
    blocks: dict[str, _Blocks], circuits: Mapping[str, LurieNetwork],
    projections: Sequence[tuple[str, str, Projection]], x: list[int], y: list[int],
) -> None:  # fmt: skip
    place = {name: number for number, name in enumerate(circuits)}
    currents: dict[tuple, tuple] = {}  # the same matrix into the same circuit goes through its leak once
    for source, target, projection in projections:
        a, b, matrix = place[source], place[target], projection.matrix
        from_state, to_rate = projection.source_port == "state", projection.target_port == "rate"
        if not from_state and not to_rate:
            key = (id(circuits[target]), id(matrix), id(projection.target_at))
            if key not in currents:
                currents[key] = (through_leak(circuits[target], matrix, target, projection.target_at), projection)
            matrix, to_rate = currents[key][0], True
        column, row = (x[a], x[b]) if from_state and to_rate else (x[a], y[b]) if from_state else (y[a], x[b])
        inner = projection.source_at
        if inner is not None:
            column += inner.states.start if from_state else inner.preactivations.start
        inner = projection.target_at
        if inner is not None:
            row += inner.states.start if to_rate else inner.preactivations.start
        letter = "A" if from_state and to_rate else "C" if from_state else "B"
        blocks[letter].put(matrix, row, column, projection.weight)


class _Blocks:
    """Blocks at offsets, gathered first and turned into triplets all at once; they add up where they overlap."""

    def __init__(self):
        self._matrices: list[Matrix] = []
        self._number: dict[int, int] = {}  # the same matrix object is often put thousands of times, and kept once
        self._placed: list[tuple[int, int, int, float]] = []

    def put(self, matrix: Matrix, row: int, column: int, weight: float = 1.0) -> None:
        number = self._number.get(id(matrix))
        if number is None:
            number = self._number[id(matrix)] = len(self._matrices)
            self._matrices.append(matrix)
        self._placed.append((number, row, column, weight))

    def matrix(self, shape: tuple[int, int], dense: bool) -> Matrix:
        starts, counts, i, j, entries = _entries(self._matrices)
        number, row, column, weight = (np.array(values) for values in zip(*self._placed, strict=True))
        sizes = counts[number]
        before = np.cumsum(sizes) - sizes
        entry = np.arange(sizes.sum()) + np.repeat(starts[number] - before, sizes)
        rows, columns = i[entry] + np.repeat(row, sizes), j[entry] + np.repeat(column, sizes)
        values = entries[entry] if (weight == 1.0).all() else entries[entry] * np.repeat(weight, sizes)
        coo = sparse.coo_array((values, (rows, columns)), shape=shape)
        return coo.toarray() if dense else coo.tocsr()


def _entries(matrices: Sequence[Matrix]) -> tuple[np.ndarray, ...]:
    """The entries that are not zero: where those of each matrix start, how many, and all rows, columns, values."""
    counts, starts = np.zeros(len(matrices), np.int64), np.zeros(len(matrices), np.int64)
    pool: list[tuple[np.ndarray, ...]] = []
    alike: dict[tuple[int, int], list[int]] = {}
    total = 0
    for number, matrix in enumerate(matrices):
        if sparse.issparse(matrix):
            coo = matrix.tocoo()
            pool.append((*coo.coords, coo.data))
            starts[number], counts[number] = total, coo.nnz
            total += coo.nnz
        else:
            alike.setdefault(matrix.shape, []).append(number)
    for numbers in alike.values():  # thousands of small dense matrices of one shape are searched together
        stack = np.stack([matrices[number] for number in numbers])
        which, rows, columns = np.nonzero(stack)
        pool.append((rows, columns, stack[which, rows, columns]))
        counts[numbers] = found = np.bincount(which, minlength=len(numbers))
        starts[numbers] = total + np.cumsum(found) - found
        total += len(which)
    return starts, counts, *(np.concatenate(arrays) for arrays in zip(*pool, strict=True))


def _dense(matrix: Matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
