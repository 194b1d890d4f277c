"""C++ for dense networks: trials in SIMD lanes, every size a constant; of small ones every product is written out."""

from __future__ import annotations

from collections.abc import Iterable

from neurolurie.kernels import loops
from neurolurie.kernels.compiler import prelude
from neurolurie.kernels.description import Description

# Products of one step up to which a run writes every one of them out; beyond it runs in loops, as the reverse sweep
# always does: there they are as fast with 3 states and faster from 6 on, where written code leaves the first cache.
WRITTEN_OUT = 1000
PAIRED = 500  # products of a step up to which two vectors of trials are stepped together; compiling takes longer


def forward_source(description: Description) -> str:
    """The time loop of a run. Exported: ``forward(const Run*)``; see ``cpp/forward.hpp`` for its arguments."""
    written = description.products <= WRITTEN_OUT
    parts = (
        "width",
        "vector",
        "functions",
        *([] if written else ["products"]),
        *(["philox"] if description.noise else []),
    )
    step = step_function(description) if written else loops.step_function(description)
    return "\n".join((header(description), prelude(*parts), step, prelude("forward")))


def adjoint_source(description: Description) -> str:
    """The reverse sweep of a run. Exported: ``adjoint(const Back*)``; see ``cpp/adjoint.hpp`` for its arguments."""
    parts = prelude("width", "vector", "functions", "products")
    texts = (loops.step_function(description), loops.back_function(description))
    return "\n".join((header(description), parts, *texts, prelude("adjoint")))


def header(description: Description) -> str:
    real = {"float64": "double", "float32": "float"}[description.dtype]
    d = description
    return (
        f"#define REAL {real}\n#define N {d.n}\n#define M {d.m}\n#define NODES {len(d.tableau.nodes)}\n"
        f"#define NOISE {int(d.noise)}\n#define EXPONENTIAL {int(d.tableau.exponential)}\n"
        f"#define PAIRS {int(d.products <= PAIRED)}"
    )


def step_function(description: Description) -> str:
    """``step(model, drive, x)``: one step of the solver for one vector of trials, or for a pair of them; x replaced."""
    lines = ["struct Model { const REAL *A, *B, *C, *by, *size; };"]
    lines += ["template <class X> INLINE void step(const Model& s, const REAL* drive, int64_t node, X* x) {"]
    lines += [f"  X x{i} = x[{i}];" for i in range(description.n)]
    lines += _stages(description, "X")
    lines += [f"  x[{i}] = {_advanced(description, i)};" for i in range(description.n)]
    return "\n".join((*lines, "}"))


def _stages(d: Description, kind: str) -> list[str]:
    """The states x, preactivations y, their images p and rates k of every stage q, in that type of C++."""
    lines = []
    for q, row in enumerate(d.tableau.stages):
        if q:
            for i in range(d.n):
                terms = [f"k{j}_{i} * REAL({a!r})" for j, a in enumerate(row) if a]
                lines += [f"  {kind} x{q}_{i} = x{i} + {_sum(terms)} * s.size[{i}];"]
        state = _stage_state(q)
        for j in range(d.m):
            terms = [f"{state}{i} * s.C[{j * d.n + i}]" for i in range(d.n) if d.entry("C", j, i)]
            lines += [f"  {kind} y{q}_{j} = {_sum([*terms, f'spread<{kind}>(s.by[{j}])'])};"]
            lines += [f"  {kind} p{q}_{j} = mapped(y{q}_{j}, [](V y) {{ return phi_{_identifier(d.kinds[j])}(y); }});"]
        shift = f"drive[{round(2 * d.tableau.nodes[q])} * node + "
        for i in range(d.n):
            terms = [f"{state}{j} * s.A[{i * d.n + j}]" for j in range(d.n) if d.entry("A", i, j)]
            terms += [f"p{q}_{j} * s.B[{i * d.m + j}]" for j in range(d.m) if d.entry("B", i, j)]
            lines += [f"  {kind} k{q}_{i} = {_sum([*terms, f'spread<{kind}>({shift}{i}])'])};"]
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
