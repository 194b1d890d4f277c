"""C++ for small dense networks: trials in SIMD lanes, every size a constant, every product written out."""

from __future__ import annotations

from collections.abc import Iterable

from neurolurie.kernels.compiler import prelude
from neurolurie.kernels.description import Description


def forward_source(description: Description) -> str:
    """The time loop of a run. Exported: ``forward(const Run*)``; see ``cpp/forward.hpp`` for its arguments."""
    parts = (
        ("width", "vector", "functions", "philox", "forward")
        if description.noise
        else ("width", "vector", "functions", "forward")
    )
    return "\n".join((header(description), prelude(*parts[:-1]), step_function(description), prelude("forward")))


def adjoint_source(description: Description) -> str:
    """The reverse sweep of a run. Exported: ``adjoint(const Back*)``; see ``cpp/adjoint.hpp`` for its arguments."""
    texts = (prelude("width", "vector", "functions"), step_function(description), back_function(description))
    return "\n".join((header(description), *texts, prelude("adjoint")))


def header(description: Description) -> str:
    real = {"float64": "double", "float32": "float"}[description.dtype]
    d = description
    return (
        f"#define REAL {real}\n#define N {d.n}\n#define M {d.m}\n#define NODES {len(d.tableau.nodes)}\n"
        f"#define NOISE {int(d.noise)}\n#define EXPONENTIAL {int(d.tableau.exponential)}"
    )


def step_function(description: Description) -> str:
    """``step(model, drive, x)``: one step of the solver for one vector of trials, x replaced."""
    lines = ["struct Model { const REAL *A, *B, *C, *by, *size; };"]
    lines += ["INLINE void step(const Model& s, const REAL* drive, int64_t node, V* x) {"]
    lines += [f"  V x{i} = x[{i}];" for i in range(description.n)]
    lines += _stages(description)
    lines += [f"  x[{i}] = {_advanced(description, i)};" for i in range(description.n)]
    return "\n".join((*lines, "}"))


def back_function(description: Description) -> str:
    """``back_step``: the step's reverse for one vector of trials, leaving in a record what the sums over trials need.

    A record holds, for one stage, its state x and image p, and the gradients e of its rate and f of its preactivation;
    ``gather`` adds ``e x^T``, ``e p^T``, ``f x^T``, e and f of many records to the gradients of A, B, C, bx and by.
    """
    d = description
    lines = ["struct Sums { V A[N * N], B[N * M], C[M * N], bx[N], by[M], size[N]; };"]
    lines += ["struct Record { V x[N], e[N], p[M], f[M]; };"]
    lines += ["INLINE void back_step(const Model& s, const REAL* drive, const V* x, V* adjoint, Record* r, Sums& g) {"]
    lines += ["  const int64_t node = 0;"]
    lines += [f"  V x{i} = x[{i}], z{i} = adjoint[{i}];" for i in range(d.n)]
    lines += _stages(d)
    count = len(d.tableau.nodes)
    for q, weight in enumerate(d.tableau.weights):
        lines += [f"  V e{q}_{i} = z{i} * s.size[{i}] * REAL({weight!r});" for i in range(d.n)]
    if d.tableau.exponential:  # one stage: the step sizes depend on A, so their gradient is needed as well
        lines += [f"  g.size[{i}] += z{i} * k0_{i};" for i in range(d.n)]
    for q in reversed(range(count)):
        state = _stage_state(q)
        for j in range(d.m):
            terms = [f"e{q}_{i} * s.B[{i * d.m + j}]" for i in range(d.n)]
            lines += [f"  V f{q}_{j} = {_sum(terms)} * slope_{_identifier(d.kinds[j])}(y{q}_{j}, p{q}_{j});"]
        for i in range(d.n):
            terms = [f"e{q}_{r} * s.A[{r * d.n + i}]" for r in range(d.n)]
            terms += [f"f{q}_{j} * s.C[{j * d.n + i}]" for j in range(d.m)]
            lines += [f"  V v{q}_{i} = {_sum(terms)};", f"  z{i} += v{q}_{i};"]
        lines += [f"  r[{q}].x[{i}] = {state}{i}; r[{q}].e[{i}] = e{q}_{i};" for i in range(d.n)]
        lines += [f"  r[{q}].p[{j}] = p{q}_{j}; r[{q}].f[{j}] = f{q}_{j};" for j in range(d.m)]
        for earlier, a in enumerate(d.tableau.stages[q]):
            if a:
                lines += [f"  e{earlier}_{i} += v{q}_{i} * s.size[{i}] * REAL({a!r});" for i in range(d.n)]
    lines += [f"  adjoint[{i}] = z{i};" for i in range(d.n)]
    return "\n".join((*lines, "}", gather_function(d)))


def gather_function(d: Description) -> str:
    """Sums of outer products over many records, in blocks whose partial sums stay in registers."""
    lines = ["static void gather(const Record* records, int64_t count, Sums& s) {"]
    for left, rows, right, columns, name in (
        ("e", d.n, "x", d.n, "A"), ("e", d.n, "p", d.m, "B"), ("f", d.m, "x", d.n, "C"),
    ):  # fmt: skip
        vector = {"A": "bx", "C": "by"}.get(name)
        for top in range(0, rows, 4):
            for side in range(0, columns, 4):
                here = [(i, j) for i in range(top, min(rows, top + 4)) for j in range(side, min(columns, side + 4))]
                lone = range(top, min(rows, top + 4)) if vector and side == 0 else ()
                sums = [f"a{i}_{j}" for i, j in here] + [f"b{i}" for i in lone]
                lines += ["  {", f"    V {', '.join(f'{name} = {{}}' for name in sums)};"]
                lines += ["    for (const Record* r = records; r < records + count; r++) {"]
                lines += [f"      a{i}_{j} += r->{left}[{i}] * r->{right}[{j}];" for i, j in here]
                lines += [f"      b{i} += r->{left}[{i}];" for i in lone]
                lines += ["    }"]
                lines += [f"    s.{name}[{i * columns + j}] += a{i}_{j};" for i, j in here]
                lines += [f"    s.{vector}[{i}] += b{i};" for i in lone]
                lines += ["  }"]
    return "\n".join((*lines, "}"))


def _stages(d: Description) -> list[str]:
    """The states x, preactivations y, their images p and rates k of every stage q."""
    lines = []
    for q, row in enumerate(d.tableau.stages):
        if q:
            for i in range(d.n):
                terms = [f"k{j}_{i} * REAL({a!r})" for j, a in enumerate(row) if a]
                lines += [f"  V x{q}_{i} = x{i} + {_sum(terms)} * s.size[{i}];"]
        state = _stage_state(q)
        for j in range(d.m):
            terms = [f"{state}{i} * s.C[{j * d.n + i}]" for i in range(d.n) if d.entry("C", j, i)]
            lines += [f"  V y{q}_{j} = {_sum([*terms, f'splat<REAL>(s.by[{j}])'])};"]
            lines += [f"  V p{q}_{j} = phi_{_identifier(d.kinds[j])}(y{q}_{j});"]
        shift = f"drive[{round(2 * d.tableau.nodes[q])} * node + "
        for i in range(d.n):
            terms = [f"{state}{j} * s.A[{i * d.n + j}]" for j in range(d.n) if d.entry("A", i, j)]
            terms += [f"p{q}_{j} * s.B[{i * d.m + j}]" for j in range(d.m) if d.entry("B", i, j)]
            lines += [f"  V k{q}_{i} = {_sum([*terms, f'splat<REAL>({shift}{i}])'])};"]
    return lines


def _advanced(d: Description, i: int) -> str:
    terms = [f"k{q}_{i}" if b == 1.0 else f"k{q}_{i} * REAL({b!r})" for q, b in enumerate(d.tableau.weights)]
    return f"x{i} + {_sum(terms)} * s.size[{i}]"


def _stage_state(q: int) -> str:
    return f"x{q}_" if q else "x"


def _sum(terms: Iterable[str]) -> str:
    return f"({' + '.join(terms)})"


def _identifier(name: str) -> str:
    return name.replace("-", "_")
