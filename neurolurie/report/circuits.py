"""Figure of the circuit graph: circuits as boxes, projections as arrows, inputs and noise beside them."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
import numpy as np

from neurolurie.report.drawing import BLUE, CYCLE, GREY, INK, WIDTH, Drawing, look, new_figure, png
from neurolurie.result import Run

MOST_LABELS = 14  # with more projections than this, their kinds are told apart by colour instead of words


def draw_circuits(run: Run, prefix: str = "") -> Drawing:
    """The graph of a run: ``run.experiment.graph.graph``."""
    graph, scenario = run.experiment.graph.graph, run.experiment.scenario
    nodes, edges = list(graph), projections(graph)
    rules = sorted({edge["rule"] for edge in edges})
    colours = {rule: CYCLE[i % len(CYCLE)] for i, rule in enumerate(rules)}
    few = len(nodes) <= 3
    height = 1.9 if few else min(3.4 + 0.22 * len(nodes), 7.5)
    with look():
        figure = new_figure(height)
        axes = figure.add_axes([0, 0, 1, 1])
        axes.set_axis_off()
        places = _row(nodes) if few else _ring(nodes, height)
        size = 0.62 if few else min(0.48, 0.36 * _closest(places))  # inches
        both = {(edge["source"], edge["target"]) for edge in edges}
        for edge in edges:
            _arrow(
                axes,
                edge,
                places,
                size,
                colours[edge["rule"]],
                bool((edge["target"], edge["source"]) in both),
                len(edges),
            )
        for name in nodes:
            _node(axes, name, places[name], size, graph.nodes[name]["circuit"], few)
        if len(nodes) == 1 and (scenario.cue is not None or scenario.inputs):
            kinds = [
                *(["damaged cue\n(initial state)"] if scenario.cue is not None else []),
                *(f"{entry.kind} input" for entry in scenario.inputs),
            ]
            _arrival(axes, "\n".join(kinds[:3]), places[nodes[0]], size)
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        axes.set_aspect("equal")
        if len(edges) > MOST_LABELS or len(rules) > 1:
            _legend(figure, colours)
        content = png(figure)
    described = "; ".join(f"{edge['source']} to {edge['target']}: {edge['words']}" for edge in edges[:MOST_LABELS])
    return Drawing(f"{prefix}circuit.png", "The circuit", _caption(graph, edges, scenario),
                   f"{len(nodes)} circuits: {', '.join(nodes[:20])}. {described}", content)  # fmt: skip


def projections(graph: nx.MultiDiGraph) -> list[dict]:
    """One entry for every projection: source, target, ports, rule, strongest weight, and words for its arrow."""
    out = []
    for source, target, data in graph.edges(data=True):
        projection = data["projection"]
        weights = np.abs(projection.matrix.data if hasattr(projection.matrix, "tocoo") else projection.matrix)
        strongest = float(weights.max(initial=0.0))
        ports = f"{projection.source_port} → {projection.target_port}"
        unit = " /s" if projection.target_port == "rate" else ""
        out.append({
            "source": source, "target": target, "rule": projection.rule,
            "words": f"{projection.rule}, {ports}, up to {strongest:.3g}{unit}",
        })  # fmt: skip
    return out


def _closest(places: Mapping[str, np.ndarray]) -> float:
    """The smallest distance between two circuits (inches)."""
    points = np.array(list(places.values()))
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return float(apart[~np.eye(len(points), dtype=bool)].min())


def _row(nodes: list[str]) -> dict[str, np.ndarray]:
    """One to three circuits in a row."""
    centres = np.linspace(0, WIDTH, len(nodes) + 2)[1:-1] if len(nodes) != 2 else np.array([2.0, WIDTH - 2.0])
    return {name: np.array([x, 0.98]) for name, x in zip(nodes, centres, strict=True)}


def _ring(nodes: list[str], height: float) -> dict[str, np.ndarray]:
    """Circuits on an ellipse, clockwise from the top, equally far apart along its line."""
    angle = np.linspace(0, 2 * np.pi, 2001)
    line = np.column_stack(
        [WIDTH / 2 + (WIDTH / 2 - 1.0) * np.sin(angle), 0.15 + height / 2 + (height / 2 - 0.95) * np.cos(angle)]
    )
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.arange(len(nodes)) * length[-1] / len(nodes)
    points = np.column_stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)])
    return dict(zip(nodes, points, strict=True))


def _node(axes, name: str, place: np.ndarray, size: float, circuit, few: bool) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle(place, size, facecolor="#e8f1f8", edgecolor=BLUE, linewidth=1.8, zorder=3))
    kinds = ", ".join(kind.name for kind in circuit.phi.kinds[:2]) + (", ..." if len(circuit.phi.kinds) > 2 else "")
    room = 12 if few else max(5, int(34 * size))
    shown = name if len(name) <= room else f"{name[: room - 1]}…"
    big = 10.5 if few else max(6.5, min(10.0, 18 * size))
    if few or size > 0.45:
        axes.text(*(place + [0, 0.14]), shown, ha="center", va="center", fontsize=big, fontweight="bold", zorder=4)
        axes.text(*(place - [0, 0.1]), f"{circuit.n} state{'s' * (circuit.n != 1)}\n{kinds}", ha="center", va="center",
                  fontsize=7.5, color=GREY, zorder=4, linespacing=1.3)  # fmt: skip
    else:
        axes.text(*place, shown, ha="center", va="center", fontsize=big, fontweight="bold", zorder=4)


def _arrow(axes, edge: Mapping, places: Mapping, size: float, colour: str, mutual: bool, count: int) -> None:
    """A bent arrow from disc to disc, its words beside its middle."""
    from matplotlib.patches import FancyArrowPatch

    a, b = places[edge["source"]], places[edge["target"]]
    if edge["source"] == edge["target"]:
        centre = np.mean(list(places.values()), axis=0)
        out = (a - centre) / np.hypot(*(a - centre)) if len(places) > 3 else np.array([0.0, 1.0])
        aside = np.array([-out[1], out[0]])
        leaves, returns = a + size * (0.94 * out + 0.34 * aside), a + size * (0.97 * out - 0.34 * aside)
        loop = FancyArrowPatch(leaves, returns, arrowstyle="-|>", connectionstyle="arc3,rad=-1.3", mutation_scale=10,
                               color=colour, linewidth=1.3, zorder=2)  # fmt: skip
        axes.add_patch(loop)
        if count <= MOST_LABELS:
            _words(axes, a + out * size + aside * 0.75 * np.sign(aside[0] or 1.0), edge)
        return
    bend = 0.22 if mutual else 0.0
    along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    across = np.array([along[1], -along[0]])
    # The ends sit where the bent line leaves and meets the discs.
    tilt = 0.9 * bend
    start = a + size * (along * np.sqrt(1 - tilt**2) + across * tilt)
    end = b + (size + 0.03) * (-along * np.sqrt(1 - tilt**2) + across * tilt)
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", connectionstyle=f"arc3,rad={bend}", mutation_scale=13,
                        color=colour, linewidth=1.5 if count <= MOST_LABELS else 0.9,
                        alpha=0.95 if count <= MOST_LABELS else 0.6, zorder=2)
    )  # fmt: skip
    if count <= MOST_LABELS:
        share = 0.5 if len(places) <= 3 else 0.42  # words of crossing arrows would meet at their middles
        middle = start + share * (end - start) + across * bend * 0.5 * float(np.hypot(*(end - start)))
        _words(axes, middle, edge)


def _words(axes, place: np.ndarray, edge: Mapping) -> None:
    words = edge["words"].replace(", up to", ",\nup to")
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.92}
    axes.text(*place, words, ha="center", va="center", fontsize=7.5, color=INK, zorder=5, linespacing=1.25, bbox=ground)


def _arrival(axes, text: str, place: np.ndarray, size: float) -> None:
    """An arrow from the left into a circuit that stands alone: its cue, or its input."""
    axes.annotate(
        text, place - [size + 0.04, 0], place - [size + 1.2, 0], ha="right", va="center", fontsize=9, color=INK,
        arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 1.4},
    )  # fmt: skip


def _legend(figure, colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, linewidth=1.6, label=rule) for rule, colour in colours.items()]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), bbox_to_anchor=(0.5, 0.0))


def _caption(graph: nx.MultiDiGraph, edges: list[dict], scenario) -> str:
    sizes = [circuit.n for _, circuit in graph.nodes(data="circuit")]
    one = len(sizes) == 1
    text = f"{'One circuit' if one else f'{len(sizes)} circuits'} with {sum(sizes)} states{'' if one else ' in all'}"
    if edges:
        text += f", joined by {len(edges)} projection{'s' * (len(edges) != 1)}"
        text += (
            "; the colour of an arrow names the rule that made its weights." if len(edges) > MOST_LABELS else
            ". Words on an arrow name the rule that made its weights, where it starts and ends, and the largest one."
        )  # fmt: skip
    else:
        text += "; nothing projects into it from outside." if one else ", not joined to one another."
    if scenario.inputs:
        text += f" Input arrives at {', '.join(sorted({entry.circuit for entry in scenario.inputs}))}."
    if scenario.cue is not None:
        text += f" The cue is the initial state of {scenario.cue.circuit}."
    return text
