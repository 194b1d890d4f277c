"""The reverse sweep as a Triton kernel: the exact gradient of the discrete scheme, one trial in each thread.

Of every stage the kernel writes a record: its state x and image p, and the gradients f of its preactivation and e of
its rate. Sums of their products over stages, steps and trials are the gradients of the weights; matrix products outside
the kernel take them (`neurolurie.kernels.gpu.run_adjoint`), so that no thread has to hold them.
"""

from __future__ import annotations

from functools import cache

from neurolurie.kernels.description import Description
from neurolurie.kernels.gpu import forward_source
from neurolurie.kernels.gpu.text import Text

ARGUMENTS = (
    "A", "B", "C", "by", "size", "drive", "states", "g", "adjoint", "records", "trials", "piece_pitch", "step_pitch",
    "state_pitch", "spacing", "origin", "first", "count", "g_trial", "g_row", "g_state", "every", "stage_pitch",
)  # fmt: skip
POINTERS = ARGUMENTS[:10]
WIDE = ("piece_pitch", "step_pitch", "state_pitch", "g_trial", "g_row", "g_state", "stage_pitch")

# phi' in {y} and {p} = phi(y), with the one-sided choices at kinks that torch's autograd makes.
SLOPES = {
    "tanh": "1.0 - {p} * {p}", "logistic": "{p} * (1.0 - {p})", "softplus": "logistic({y})", "identity": "zero + 1.0",
    "relu": "tl.where({y} > 0, zero + 1.0, zero)", "leaky-relu": "tl.where({y} > 0, zero + 1.0, zero + 0.01)",
    "hard-tanh": "tl.where(({y} < -1) | ({y} > 1), zero, zero + 1.0)",
    "saturating-linear": "tl.where(({y} < 0) | ({y} > 1), zero, zero + 1.0)",
    "erf": "tl.exp(-{y} * {y}) * 1.1283791670955126",
    "gelu": "0.5 * (1.0 + tl.erf({y} * 0.7071067811865476)) + {y} * tl.exp({y} * {y} * -0.5) * 0.3989422804014327",
    "inverse-square-root": "1.0 / ((1.0 + {y} * {y}) * tl.sqrt(1.0 + {y} * {y}))", "sine": "tl.cos({y})",
    "cubic": "3.0 * {y} * {y}",
}  # fmt: skip


def source(d: Description) -> str:
    """The text of a module with the jitted function ``backward``.

    It goes back from step ``first + count`` to ``first``. ``adjoint`` [state][trial] holds the gradient of the state it
    begins at, and then of the one it ends at. ``states``: see `run_adjoint`. A record is a tile
    [x, p, e, f][BLOCK]; records lie as [step, last first][stage][program].
    """
    text, n, m = Text(d), d.n, d.m
    put, stages = text.put, range(len(d.tableau.weights))
    text.head("backward", ARGUMENTS)
    text.keep_weights("by", "size")
    put(1, *(f"z{i} = tl.load(adjoint + {i} * trials + trial, mask=here, other=0.0)" for i in range(n)))
    put(1, f"record = records + tl.program_id(0) * {2 * (n + m)} * BLOCK + lane")
    put(
        1,
        "source = g + trial.to(tl.int64) * g_trial",
        "for back in range(count):",
        "    step = first + count - 1 - back",
    )
    put(2, "place = (step - origin).to(tl.int64)", "piece = place // spacing")
    put(2, "spot = states + piece * piece_pitch + (place - piece * spacing) * step_pitch + trial")
    put(2, *(f"x{i} = tl.load(spot + {i} * state_pitch, mask=here, other=0.0)" for i in range(n)))
    for q in stages:
        put(2, f"r{q} = record + {q} * stage_pitch")
        used = any(q < len(row) and row[q] for row in d.tableau.stages)
        text.stage(2, q, "drive", f"r{q}", rates=used, seen=lambda *where, q=q: _keep(text, q, *where))
        if text.written:  # looped, the stage has stored them itself: a tile of states is how its loops read them
            put(2, *(f"tl.store(r{q} + {i} * BLOCK, s{i})" for i in range(n)))
    put(2, *(f"last{i} = z{i}" for i in range(n)))
    for q in reversed(stages):
        _reverse_stage(text, q)
    put(2, f"record += {len(stages)} * stage_pitch", "if every > 0:", "    if step % every == 0:")
    put(4, "here_g = source + (step // every).to(tl.int64) * g_row")
    put(4, *(f"z{i} += tl.load(here_g + {i} * g_state, mask=here, other=0.0)" for i in range(n)))
    put(1, *(f"tl.store(adjoint + {i} * trials + trial, z{i}, mask=here)" for i in range(n)))
    return str(text)


def _keep(text: Text, q: int, depth: int, kind: str, j: int | str) -> None:
    """Keep what the reverse of stage q needs of a preactivation: its image for the sums, its slope where f will be."""
    n, m = text.d.n, text.d.m
    text.put(depth, f"tl.store(r{q} + ({n} + {j}) * BLOCK, p)", f"d = {SLOPES[kind].format(y='y', p='p')}")
    text.put(depth, f"d{q}_{j} = d" if text.written else f"tl.store(r{q} + ({2 * n + m} + {j}) * BLOCK, d)")


def _reverse_stage(text: Text, q: int) -> None:
    """The gradients e of the rates of stage q, f of its preactivations and v of its state."""
    d, put, n, m = text.d, text.put, text.d.n, text.d.m
    weights = [("last", d.tableau.weights[q])]
    weights += [(f"v{later}_", row[q]) for later, row in enumerate(d.tableau.stages) if q < len(row)]
    for i in range(n):
        terms = " + ".join(f"{name}{i} * {a!r}" for name, a in weights if a) or "zero"
        put(2, f"e{i} = ({terms}) * {text.number('size', i)}", f"v{q}_{i} = zero")
        put(2, f"tl.store(r{q} + {n + m + i} * BLOCK, e{i})")
    text.settle(2)

    def image(depth: int, j: int | str) -> None:
        place = f"r{q} + ({2 * n + m} + {j}) * BLOCK"
        put(depth, f"f = {text.product((f'e{i}', text.weight('B', i, j)) for i in range(n))}")
        put(depth, f"f *= d{q}_{j}" if text.written else f"f *= tl.load({place})", f"tl.store({place}, f)")
        text.add(depth, f"v{q}_", "f", ((i, text.weight("C", j, i)) for i in range(n)))

    def row(depth: int, j: int | str) -> None:
        other = f"e{j}" if text.written else "o"
        if not text.written:
            put(depth, f"o = tl.load(r{q} + ({n + m} + j) * BLOCK)")
        text.add(depth, f"v{q}_", other, ((i, text.weight("A", j, i)) for i in range(n)))

    text.each(2, 0, m, image)
    text.each(2, 0, n, row)
    put(2, *(f"z{i} += v{q}_{i}" for i in range(n)))


@cache
def kernel(description: Description):
    """The jitted function of the reverse sweep."""
    return forward_source.jitted(source(description), "backward")


def signature(description: Description) -> dict[str, str]:
    """The argument types for compiling ahead of time."""
    return forward_source.types(description, ARGUMENTS, POINTERS, WIDE)
