"""The step of a dense network and its reverse as loops over blocks of rows: they compile in a second at any size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from neurolurie.kernels.description import Description


def step_function(d: Description) -> str:
    """``step(model, drive, node, x)``, as `dense.step_function` has it."""
    lines = ["struct Model { const REAL *A, *B, *C, *by, *size; };", *_stages_function(d)]
    lines += ["static void step(const Model& s, const REAL* drive, int64_t node, V* x) {"]
    lines += [
        "  V stage[NODES * N], y[NODES * M], p[NODES * M], k[NODES * N];",
        "  stages(s, drive, node, x, stage, y, p, k);",
    ]
    lines += ["  for (int i = 0; i < N; i++)", f"    x[i] += {_weighted(d.tableau.weights)} * s.size[i];", "}"]
    return "\n".join(lines)


def back_function(d: Description) -> str:
    """``back_step``: the step's reverse for one vector of trials, leaving in a record what the sums over trials need.

    A record holds, for one stage, its state x and image p, and the gradients e of its rate and f of its preactivation;
    ``gather`` adds ``e x^T``, ``e p^T``, ``f x^T``, e and f of many records to the gradients of A, B, C, bx and by.
    """
    count = len(d.tableau.nodes)
    lines = ["struct Sums { V A[N * N], B[N * M], C[M * N], bx[N], by[M], size[N]; };"]
    lines += ["struct Record { V x[N], e[N], p[M], f[M]; };"]
    lines += ["static void back_step(const Model& s, const REAL* drive, const V* x, V* z, Record* r, Sums& g) {"]
    lines += [
        "  V stage[NODES * N], y[NODES * M], p[NODES * M], k[NODES * N];",
        "  stages(s, drive, 0, x, stage, y, p, k);",
    ]
    for q, weight in enumerate(d.tableau.weights):
        lines += [f"  for (int i = 0; i < N; i++) r[{q}].e[i] = z[i] * s.size[i] * REAL({weight!r});"]
    if d.tableau.exponential:  # one stage: the step sizes depend on A, so their gradient is needed as well
        lines += ["  for (int i = 0; i < N; i++) g.size[i] += z[i] * k[i];"]
    for q in reversed(range(count)):
        lines += ["  {", f"    V *e = r[{q}].e, *f = r[{q}].f, v[N];", "    for (int j = 0; j < M; j++) f[j] = V{};"]
        lines += ["    add_transposed<N, M>(f, s.B, e);"]
        for name, begin, end in _spans(d):
            slope = f"slope_{name}(y[{q} * M + j], p[{q} * M + j])"
            lines += [f"    for (int j = {begin}; j < {end}; j++) f[j] *= {slope};"]
        lines += ["    for (int i = 0; i < N; i++) v[i] = V{};"]
        lines += ["    add_transposed<N, N>(v, s.A, e);", "    add_transposed<M, N>(v, s.C, f);"]
        state = f"stage[{q} * N + i]" if q else "x[i]"
        lines += [f"    for (int i = 0; i < N; i++) {{ z[i] += v[i]; r[{q}].x[i] = {state}; }}"]
        lines += [f"    for (int j = 0; j < M; j++) r[{q}].p[j] = p[{q} * M + j];"]
        for earlier, a in enumerate(d.tableau.stages[q]):
            if a:
                lines += [f"    for (int i = 0; i < N; i++) r[{earlier}].e[i] += v[i] * s.size[i] * REAL({a!r});"]
        lines += ["  }"]
    return "\n".join((*lines, "}", GATHER))


SPACE = "  V stage[NODES * N], y[NODES * M], p[NODES * M], k[NODES * N];"
GATHER = """static void gather(const Record* records, int64_t count, Sums& s) {
  constexpr int64_t pitch = sizeof(Record) / sizeof(V);
  add_outer<N, N>(s.A, records->e, records->x, pitch, count);
  add_outer<N, M>(s.B, records->e, records->p, pitch, count);
  add_outer<M, N>(s.C, records->f, records->x, pitch, count);
  add_all<N>(s.bx, records->e, pitch, count);
  add_all<M>(s.by, records->f, pitch, count);
}"""


def _stages_function(d: Description) -> Iterator[str]:
    """The states, preactivations y, their images p and rates k of every stage."""
    yield "INLINE void stages(const Model& s, const REAL* drive, int64_t node, const V* x, V* stage, V* y, V* p, V* k)"
    yield "{"
    for q, row in enumerate(d.tableau.stages):
        state = f"stage + {q} * N" if q else "x"
        if q:
            yield f"  for (int i = 0; i < N; i++) stage[{q} * N + i] = x[i] + {_weighted(row)} * s.size[i];"
        yield f"  for (int j = 0; j < M; j++) y[{q} * M + j] = splat<REAL>(s.by[j]);"
        yield f"  add_product<M, N>(y + {q} * M, s.C, {state});"
        for name, begin, end in _spans(d):
            yield f"  for (int j = {begin}; j < {end}; j++) p[{q} * M + j] = phi_{name}(y[{q} * M + j]);"
        place = f"drive[{round(2 * d.tableau.nodes[q])} * node + i]"
        yield f"  for (int i = 0; i < N; i++) k[{q} * N + i] = splat<REAL>({place});"
        yield f"  add_product<N, N>(k + {q} * N, s.A, {state});"
        yield f"  add_product<N, M>(k + {q} * N, s.B, p + {q} * M);"
    yield "}"


def _spans(d: Description) -> Iterator[tuple[str, int, int]]:
    """Neighbouring preactivations that share a nonlinearity: its name in C++, first, end."""
    begin = 0
    for name, same in groupby(d.kinds):
        end = begin + len(list(same))
        yield name.replace("-", "_"), begin, end
        begin = end


def _weighted(row: tuple[float, ...]) -> str:
    terms = (f"k[{q} * N + i]" + ("" if a == 1.0 else f" * REAL({a!r})") for q, a in enumerate(row) if a)
    return f"({' + '.join(terms)})"
