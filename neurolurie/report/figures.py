"""Which pictures belong to a result: one function for each kind of scenario."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from neurolurie.report.animation import draw_animation
from neurolurie.report.circuits import draw_circuits
from neurolurie.report.curves import draw_lesions, draw_ratios
from neurolurie.report.deciding import draw_decisions
from neurolurie.report.delays import draw_delay
from neurolurie.report.drawing import Drawing
from neurolurie.report.holding import draw_held
from neurolurie.report.images import draw_cleaned, draw_pairs
from neurolurie.report.learning import draw_curves, draw_errors, draw_runs
from neurolurie.report.recall import draw_course, draw_moments
from neurolurie.report.trajectories import draw_portrait, draw_states
from neurolurie.report.variants import draw_comparison, draw_resemblance
from neurolurie.result import Result, Run


def draw_all(result: Result) -> list[Drawing]:
    """Every picture of a result, in the order of the page; kinds without pictures of their own show the circuits."""
    special = KINDS.get(result.runs[0].experiment.scenario.kind)
    drawings = [] if special is None else special(result)
    circuits = draw_circuits(result.runs[0])
    several = len(result.runs[0].experiment.graph.graph) > 1  # one circuit is quickly told, so it stands last
    ordered = [circuits, *drawings] if several else [*drawings, circuits]
    return [drawing for drawing in ordered if drawing is not None]


def _recall(result: Result) -> list[Drawing | None]:
    if len(result.runs) == 1:
        run = result.runs[0]
        return [draw_animation(run), draw_moments(run), draw_course(run)]
    best = max(result.runs, key=lambda run: run.findings.metrics["recall_rate"])
    pictures = [draw_comparison(result.runs), draw_resemblance(best)]
    pictures += [_named(draw(best), best) for draw in (draw_animation, draw_moments)]
    return pictures + [_named(draw_course(run, _prefix(run)), run) for run in result.runs]


def _each(*draws: Callable[[Run, str], Drawing | None]) -> Callable[[Result], list[Drawing | None]]:
    """The same pictures for every variant."""

    def draw_every(result: Result) -> list[Drawing | None]:
        several = len(result.runs) > 1
        return [_named(draw(run, _prefix(run) if several else ""), run) for run in result.runs for draw in draws]

    return draw_every


def _completion(result: Result) -> list[Drawing | None]:
    pairs = _each(draw_pairs)(result)
    return [draw_lesions(result.runs), *pairs] if len(result.runs) > 1 else pairs


def _denoise(result: Result) -> list[Drawing | None]:
    shown = [result.runs[i] for i in sorted({0, len(result.runs) // 4, len(result.runs) - 1})]
    several = len(result.runs) > 1
    return [
        draw_ratios(result.runs),
        *(_named(draw_cleaned(run, _prefix(run) if several else ""), run) for run in shown),
    ]


KINDS: dict[str, Callable[[Result], list[Drawing | None]]] = {
    "recall": _recall,
    "trajectories": _each(draw_portrait, draw_states),
    "completion": _completion,
    "denoise": _denoise,
    "learn": _each(draw_errors, draw_curves, draw_runs),
    "hold": lambda result: [draw_held(result.runs)],
    "decide": _each(draw_decisions),
    "delayed-recall": lambda result: [draw_delay(result.runs)],
}


def _prefix(run: Run) -> str:
    """A variant's name as the beginning of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", run.variant).strip("-") + "-"


def _named(drawing: Drawing | None, run: Run) -> Drawing | None:
    if drawing is None or not run.variant:
        return drawing
    return replace(drawing, title=f"{drawing.title}: {run.variant}")
