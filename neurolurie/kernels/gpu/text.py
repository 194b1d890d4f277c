"""The text of a Triton kernel for one trial in each thread, in one of two forms that the same lines are written in.

Written out, for few weights: every weight is read once into a register before the time loop, every product is a
line. Looped, for more: the products with the columns of a matrix are a loop at run time, which reads its weights, and
whatever it needs by a running index (a state, a gradient, a normal) goes through a tile of memory of the program. So
the registers hold a few vectors of n numbers however many weights there are, and compiling takes seconds. Written out,
the loads of one stage were shared by the next (equal loads without a store between are one load), which kept every
weight of a Runge-Kutta step in registers: they spilled from 8 states on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby

from neurolurie.kernels.description import Description

BLOCK = 128  # trials of one program: one for each thread of four warps
WRITTEN = 48  # weights up to which they are kept in registers

# Expressions in {y}; tanh and the others that need care are functions of `functions`.
IMAGES = {
    "tanh": "tanh({y})", "logistic": "logistic({y})", "softplus": "softplus({y})", "identity": "{y}",
    "relu": "tl.where({y} < 0, 0.0, {y})", "leaky-relu": "tl.where({y} > 0, {y}, {y} * 0.01)",
    "hard-tanh": "tl.where({y} < -1, -1.0, tl.where({y} > 1, 1.0, {y}))",
    "saturating-linear": "tl.where({y} < 0, 0.0, tl.where({y} > 1, 1.0, {y}))",
    "erf": "tl.erf({y})", "gelu": "0.5 * {y} * (1.0 + tl.erf({y} * 0.7071067811865476))",
    "inverse-square-root": "{y} / tl.sqrt(1.0 + {y} * {y})", "sine": "tl.sin({y})", "cubic": "{y} * {y} * {y}",
}  # fmt: skip


class Text:
    """The lines of a kernel, and how its weights and loops are spelled in its form."""

    def __init__(self, description: Description):
        d = description
        self.d = d
        self.written = d.n * d.n + 2 * d.n * d.m <= WRITTEN
        self.lines = ["import triton", "import triton.language as tl", ""]
        self.lines += [
            "from neurolurie.kernels.gpu.functions import expm1, logistic, normal, softplus, tanh",
            "",
            "",
        ]

    def put(self, depth: int, *lines: str) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def head(self, name: str, arguments: Iterable[str]) -> None:
        """The first lines of the function, up to which trials it is for."""
        self.put(0, "@triton.jit", f"def {name}({', '.join(arguments)}, BLOCK: tl.constexpr):")
        self.put(1, "lane = tl.arange(0, BLOCK)", "trial = tl.program_id(0) * BLOCK + lane", "here = trial < trials")
        self.put(1, f"zero = tl.zeros([BLOCK], tl.{self.d.dtype})")

    def keep_weights(self, *vectors: str) -> None:
        """Read the weights into registers, if that is the form."""
        if not self.written:
            return
        for matrix, rows, columns in (("A", self.d.n, self.d.n), ("B", self.d.n, self.d.m), ("C", self.d.m, self.d.n)):
            for i in range(rows):
                for j in range(columns):
                    if self.d.entry(matrix, i, j):
                        self.put(1, f"{matrix}{i}_{j} = tl.load({matrix} + {i * columns + j})")
        for vector in vectors:
            count = self.d.m if vector == "by" else self.d.n
            self.put(1, *(f"{vector}{i} = tl.load({vector} + {i})" for i in range(count)))

    def weight(self, matrix: str, row: int | str, column: int | str) -> str | None:
        """The entry of a matrix as an expression; None where it is zero by structure."""
        if not self.written:
            return f"tl.load({matrix} + {row} * {self.d.m if matrix == 'B' else self.d.n} + {column})"
        return f"{matrix}{row}_{column}" if self.d.entry(matrix, row, column) else None

    def number(self, vector: str, i: int | str) -> str:
        return f"{vector}{i}" if self.written else f"tl.load({vector} + {i})"

    def each(self, depth: int, begin: int, end: int, body: Callable[[int, int | str], None]) -> None:
        """``body(depth, index)`` for every index: one after another, or once inside a loop at run time."""
        if self.written:
            for index in range(begin, end):
                body(depth, index)
        else:
            self.put(depth, f"for j in range({begin}, {end}):")
            body(depth + 1, "j")

    def settle(self, depth: int) -> None:
        """What was stored in a tile may be loaded after this."""
        if not self.written:
            self.put(depth, "tl.debug_barrier()")

    def kinds(self) -> Iterator[tuple[str, int, int]]:
        """The nonlinearities as runs of equal ones: name, first and end."""
        for kind, places in groupby(range(self.d.m), key=lambda j: self.d.kinds[j]):
            places = list(places)
            yield kind, places[0], places[-1] + 1

    def stage(
        self, depth: int, q: int, drive: str, tile: str, rates: bool = True,
        seen: Callable[[int, str, int | str], None] | None = None,
    ) -> None:  # fmt: skip
        """Stage q: its state ``s0, s1, ...`` from x and the rates before it, and its rates ``k{q}_0, ...``.

        drive : where its inputs begin. tile : where its state is kept for the loops. rates : whether they are needed.
        seen : called as ``seen(depth, kind, j)`` where the preactivation y and its image p are known.
        """
        d = self.d
        for i in range(d.n):
            terms = " + ".join(f"k{e}_{i} * {a!r}" for e, a in enumerate(d.tableau.stages[q]) if a)
            self.put(depth, f"s{i} = x{i} + ({terms}) * {self.number('size', i)}" if terms else f"s{i} = x{i}")
        if not self.written:
            self.settle(depth)
            self.put(depth, *(f"tl.store({tile} + {i} * BLOCK, s{i})" for i in range(d.n)))
            self.settle(depth)
        if rates:
            self.put(depth, *(f"k{q}_{i} = zero + tl.load({drive} + {i})" for i in range(d.n)))

        def image(kind: str, depth: int, j: int | str) -> None:
            self.put(depth, f"y = zero + {self.product((f's{i}', self.weight('C', j, i)) for i in range(d.n))}")
            self.put(depth, f"y += {self.number('by', j)}", f"p = {IMAGES[kind].format(y='y')}")
            if seen:
                seen(depth, kind, j)
            if rates:
                self.add(depth, f"k{q}_", "p", ((i, self.weight("B", i, j)) for i in range(d.n)))

        for kind, begin, end in self.kinds():
            self.each(depth, begin, end, partial(image, kind))

        def column(depth: int, j: int | str) -> None:
            if not self.written:
                self.put(depth, f"o = tl.load({tile} + j * BLOCK)")
            self.add(
                depth, f"k{q}_", f"s{j}" if self.written else "o", ((i, self.weight("A", i, j)) for i in range(d.n))
            )

        if rates:
            self.each(depth, 0, d.n, column)

    def product(self, pairs: Iterable[tuple[str, str | None]]) -> str:
        return " + ".join(f"{a} * {b}" for a, b in pairs if b is not None) or "zero"

    def add(self, depth: int, target: str, factor: str, pairs: Iterable[tuple[int, str | None]]) -> None:
        """``target_i += factor * weight_i`` for those i whose weight is there."""
        self.put(depth, *(f"{target}{i} += {factor} * {weight}" for i, weight in pairs if weight is not None))

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"
