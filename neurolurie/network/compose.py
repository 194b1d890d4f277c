"""Many circuits and projections into one LurieNetwork, all arrays at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, Matrix, Part
from neurolurie.network.phi import Phi

if TYPE_CHECKING:
    from neurolurie.network.graph import Projection

# Composed matrices stay dense up to this many states: below it dense products are as fast as sparse ones.
DENSE_STATES = 512


def compose(
    circuits: Mapping[str, LurieNetwork], projections: Sequence[tuple[str, str, Projection]] = ()
) -> LurieNetwork:
    """Block-diagonal A, B, C, E of the circuits plus one block for every ``(source, target, projection)``."""
    if not circuits:
        raise SpecError("a graph without circuits cannot be composed.")
    networks = list(circuits.values())
    states = _offsets([network.n for network in networks])
    channels = _offsets([network.m for network in networks])
    columns = _offsets([network.E.shape[1] for network in networks])
    place = {name: number for number, name in enumerate(circuits)}
    blocks = {"A": _Blocks(), "B": _Blocks(), "C": _Blocks(), "E": _Blocks()}
    for network, x, y, u in zip(networks, states, channels, columns, strict=False):
        for letter, row, column in (("A", x, x), ("B", x, y), ("C", y, x), ("E", x, u)):
            blocks[letter].put(getattr(network, letter), row, column)
    for source, target, projection in projections:
        a, b = place[source], place[target]
        match projection.source_port, projection.target_port:
            case "state", "rate":
                blocks["A"].put(projection.matrix, states[b], states[a])
            case "out", "rate":
                blocks["B"].put(projection.matrix, states[b], channels[a])
            case "state", "in":
                blocks["C"].put(projection.matrix, channels[b], states[a])
            case _:
                blocks["B"].put(through_leak(networks[b], projection.matrix, target), states[b], channels[a])
    n, m, inputs = int(states[-1]), int(channels[-1]), int(columns[-1])
    dense = n <= DENSE_STATES and not any(network.is_sparse for network in networks)
    shapes = {"A": (n, n), "B": (n, m), "C": (m, n), "E": (n, inputs)}
    return LurieNetwork(
        **{letter: blocks[letter].matrix(shape, dense) for letter, shape in shapes.items()},
        bx=np.concatenate([network.bx for network in networks]),
        by=np.concatenate([network.by for network in networks]),
        phi=Phi.join([network.phi for network in networks]),
        parts=dict(_parts(circuits, states, channels)),
        states=tuple(f"{name}.{label}" for name, network in circuits.items() for label in network.states),
    )


class _Blocks:
    """Blocks at offsets, gathered as triplets and added up where they overlap."""

    def __init__(self):
        self.rows, self.columns, self.values = [], [], []
        self._triplets: dict[int, tuple] = {}

    def put(self, matrix: Matrix, row: int, column: int) -> None:
        # The same matrix object is often put thousands of times: its triplets are found once. The matrix is kept
        # beside them, so that its id is not given to another object.
        if id(matrix) not in self._triplets:
            self._triplets[id(matrix)] = (*_nonzero(matrix), matrix)
        i, j, values, _ = self._triplets[id(matrix)]
        self.rows.append(i + row)
        self.columns.append(j + column)
        self.values.append(values)

    def matrix(self, shape: tuple[int, int], dense: bool) -> Matrix:
        coords = (np.concatenate(self.rows), np.concatenate(self.columns))
        coo = sparse.coo_array((np.concatenate(self.values), coords), shape=shape)
        return coo.toarray() if dense else coo.tocsr()


def _nonzero(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of the entries that are not zero."""
    if sparse.issparse(matrix):
        coo = matrix.tocoo()
        return *coo.coords, coo.data
    rows, columns = np.nonzero(matrix)
    return rows, columns, matrix[rows, columns]


def through_leak(network: LurieNetwork, W: Matrix, name: str) -> np.ndarray:
    """``-A C^-1 W``: the current that raises y at rest by W phi, see `CircuitGraph`."""
    local = network.dense()
    if network.n != network.m or np.linalg.matrix_rank(local.C) < network.n:
        raise SpecError(
            f"'out -> in' needs a target whose C is square and invertible, '{name}' has one of shape "
            f"{local.C.shape} and rank {np.linalg.matrix_rank(local.C)}; use 'state -> in' or 'out -> rate'."
        )
    return -local.A @ np.linalg.solve(local.C, W.toarray() if sparse.issparse(W) else W)


def _parts(circuits: Mapping[str, LurieNetwork], states: np.ndarray, channels: np.ndarray):
    """Names and slices of all circuits, those of nested graphs as ``outer/inner``."""
    for (name, network), x, y in zip(circuits.items(), states.tolist(), channels.tolist(), strict=False):
        if len(network.parts) == 1:
            yield name, Part(slice(x, x + network.n), slice(y, y + network.m))
            continue
        for inner, part in network.parts.items():
            yield (
                f"{name}/{inner}",
                Part(
                    slice(x + part.states.start, x + part.states.stop),
                    slice(y + part.preactivations.start, y + part.preactivations.stop),
                ),
            )


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
