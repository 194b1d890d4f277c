"""C++ for networks of many circuits: what a circuit does inside is written out, circuits of one type share lanes."""

from __future__ import annotations

from dataclasses import dataclass

from neurolurie.kernels.compiler import prelude
from neurolurie.kernels.description import Tableau


@dataclass(frozen=True)
class CircuitType:
    """Circuits that have the same sizes, the same nonlinearities and entries in the same places.

    A, B, C : the (row, column) of the entries that are written out. equal : the matrices whose entries are the same
    numbers in every circuit of the type.
    """

    n: int
    m: int
    kinds: tuple[str, ...]
    A: tuple[tuple[int, int], ...]
    B: tuple[tuple[int, int], ...]
    C: tuple[tuple[int, int], ...]
    equal: frozenset[str]


@dataclass(frozen=True)
class GraphDescription:
    """What the kernel of a network of circuits is generated from. coupled : of "y", "x", "p", "states", the couplings
    there are: into preactivations, into rates, out of the images phi(y), and those out of states.
    couplings : "slices" or "tiles", how they are stored."""

    types: tuple[CircuitType, ...]
    tableau: Tableau
    dtype: str
    noise: bool
    coupled: frozenset[str]
    couplings: str = "slices"


def source(description: GraphDescription) -> str:
    """The time loop. Exported: ``graph(const Graph*)``; see ``cpp/graph.hpp`` for its arguments."""
    d = description
    head = [f"#define REAL {'double' if d.dtype == 'float64' else 'float'}", f"#define NODES {len(d.tableau.nodes)}"]
    head += [f"#define COUPLED_{name.upper()} {int(name in d.coupled)}" for name in ("y", "x", "p", "states")]
    head += ["#include <utility>", "#ifdef _OPENMP", "#include <omp.h>", "#endif"]
    head += ["#if defined(__AVX512F__)", "#include <immintrin.h>", "#endif"]
    texts = [prelude("width", "vector", "functions", *(["philox"] if d.noise else []), d.couplings, "graph")]
    for place, circuit in enumerate(d.types):
        texts += [_images(d, place, circuit), *(_advance(d, place, circuit, q) for q in range(len(d.tableau.nodes)))]
    texts += [_dispatch(d), prelude("graph_loop")]
    return "\n".join((*head, *texts))


def _images(d: GraphDescription, place: int, t: CircuitType) -> str:
    """phi(y) of one chunk of circuits."""
    lines = [f"static void images_{place}(const Graph& g, int64_t c, const REAL* states, REAL* z,"]
    lines += ["    const REAL* outside) {", f"  const Type& s = g.types[{place}];"]
    lines += ["  for (int64_t i = g.first[c]; i < g.last[c]; i++) {"]
    lines += [f"    const REAL* x = states + s.x + i * {t.n} * W;"]
    lines += [f"    V x{j} = load(x + {j} * W);" for j in sorted({column for _, column in t.C})]
    return "\n".join((*lines, *_image_lines(d, t, "x", "z"), "  }", "}"))


def _image_lines(d: GraphDescription, t: CircuitType, state: str, target: str) -> list[str]:
    lines = [f"    const int64_t h = s.p + i * {t.m} * W;"]
    for j in range(t.m):
        terms = [f"load(g.by + ((h + {j} * W) & g.by_mask))"]
        terms += [f"{state}{column} * {_entry(t, 'C', e)}" for e, (row, column) in enumerate(t.C) if row == j]
        terms += [f"load(outside + ((i - g.first[c]) * {t.m} + {j}) * W)"] if "y" in d.coupled else []
        lines += [f"    store({target} + h + {j} * W, phi_{t.kinds[j].replace('-', '_')}({' + '.join(terms)}));"]
    return lines


def _advance(d: GraphDescription, place: int, t: CircuitType, q: int) -> str:
    """Rates of stage q of one chunk of circuits, and from them the state of the next stage, or of the next step."""
    tableau, final = d.tableau, q + 1 == len(d.tableau.nodes)
    row = tableau.weights if final else tableau.stages[q + 1]
    lines = [f"static void advance_{place}_{q}(const Graph& g, int64_t c, int64_t trial, int64_t t, const REAL* drive,"]
    lines += ["    const REAL* z, const REAL* states, REAL* next, REAL* next_states, const REAL* outside) {"]
    lines += [f"  const Type& s = g.types[{place}];"]
    lines += [f"  drive += {round(2 * tableau.nodes[q])} * g.drive_node;"]
    lines += ["  for (int64_t i = g.first[c]; i < g.last[c]; i++) {", f"    const int64_t o = s.x + i * {t.n} * W;"]
    lines += [f"    const REAL *x = states + o, *p = z + s.p + i * {t.m} * W;"]
    lines += [f"    V x{j} = load(x + {j} * W);" for j in range(t.n)]
    lines += [f"    V p{j} = load(p + {j} * W);" for j in sorted({column for _, column in t.B})]
    rate = "(g.rates + ({} * g.trials + trial) * g.width_x + o)"
    for j in range(t.n):
        terms = [f"load(drive + ((o + {j} * W) & g.drive_mask))"]
        terms += [f"x{column} * {_entry(t, 'A', e)}" for e, (r, column) in enumerate(t.A) if r == j]
        terms += [f"p{column} * {_entry(t, 'B', e)}" for e, (r, column) in enumerate(t.B) if r == j]
        terms += [f"load(outside + ((i - g.first[c]) * {t.n} + {j}) * W)"] if "x" in d.coupled else []
        lines += [f"    V k{j} = {' + '.join(terms)};"]
        if len(tableau.nodes) > 1:
            lines += [f"    store({rate.format(q)} + {j} * W, k{j});"]
        slopes = [
            (f"k{j}" if e == q else f"load({rate.format(e)} + {j} * W)") + f" * REAL({a!r})"
            for e, a in enumerate(row) if a
        ]  # fmt: skip
        start = f"x{j}" if q == 0 else f"load({rate.format(len(tableau.nodes))} + {j} * W)"
        if q == 0 and not final:
            lines += [f"    store({rate.format(len(tableau.nodes))} + {j} * W, x{j});"]
        lines += [f"    V n{j} = {start} + ({' + '.join(slopes)}) * load(g.size + ((o + {j} * W) & g.size_mask));"]
        if final and d.noise:
            z = f"normal_at(g.first_step + t, trial, g.number + o + {j} * W, g.stream, g.seed)"
            lines += [f"    n{j} += {z} * load(g.noise + o + {j} * W);"]
        lines += [f"    store(next_states + o + {j} * W, n{j});"]
    if "y" not in d.coupled:  # the next images need this circuit only: no other pass over it
        lines += _image_lines(d, t, "n", "next")
    return "\n".join((*lines, "  }", "}"))


def _entry(t: CircuitType, matrix: str, place: int) -> str:
    if matrix in t.equal:
        return f"s.{matrix}[{place}]"
    return f"load(s.{matrix} + (i * {len(getattr(t, matrix))} + {place}) * W)"


def _dispatch(d: GraphDescription) -> str:
    lines = ["static void images(const Graph& g, int64_t c, const REAL* states, REAL* z, const REAL* outside) {"]
    lines += ["  switch (g.kind[c]) {"]
    lines += [f"    case {k}: return images_{k}(g, c, states, z, outside);" for k in range(len(d.types))]
    lines += ["  }", "}"]
    lines += ["static void advance(const Graph& g, int64_t c, int q, int64_t trial, int64_t t, const REAL* drive,"]
    lines += ["    const REAL* z, const REAL* states, REAL* next, REAL* next_states, const REAL* outside) {"]
    lines += ["  switch (g.kind[c] * NODES + q) {"]
    stages = len(d.tableau.nodes)
    passed = "(g, c, trial, t, drive, z, states, next, next_states, outside)"
    lines += [
        f"    case {k * stages + q}: return advance_{k}_{q}{passed};"
        for k in range(len(d.types)) for q in range(stages)
    ]  # fmt: skip
    return "\n".join((*lines, "  }", "}"))
