"""Figure of the circuit graph: circuits as discs, projections as arrows, inputs beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np

from neurolurie.report.drawing import BLUE, CYCLE, GREY, INK, WIDTH, Drawing, look, new_figure, png
from neurolurie.report.labels import beside, halves, stack
from neurolurie.result import Run

MOST_LABELS = 14  # with more projections than this, their kinds are told apart by colour instead of words
MOST_ARRIVALS = 8  # with more driven circuits than this, only the caption says what drives them
CUE = "damaged cue"
LONE = 0.62  # radius of a disc (inches) where there is room


def draw_circuits(run: Run, prefix: str = "") -> Drawing:
    """The graph of a run: ``run.experiment.graph.graph``."""
    graph, scenario = run.experiment.graph.graph, run.experiment.scenario
    nodes, edges, arrivals = list(graph), projections(graph), arriving(graph, scenario)
    rules = sorted({edge["rule"] for edge in edges})
    colours = {rule: CYCLE[i % len(CYCLE)] for i, rule in enumerate(rules)}
    legend = len(edges) > MOST_LABELS or len(rules) > 1
    few = len(nodes) <= 3 and all(abs(nodes.index(e["source"]) - nodes.index(e["target"])) <= 1 for e in edges)
    with look():
        if few:
            loops = any(edge["source"] == edge["target"] for edge in edges)
            below = 0.33 + 0.25 * legend + 0.5 * (bool(arrivals) and len(nodes) > 1)
            height = below + 2 * LONE + (0.95 if loops else 0.33)
            places, size = _row(nodes, below + LONE), LONE
        else:
            height = min(3.4 + 0.22 * len(nodes), 7.5) + (0.6 if arrivals else 0.0)
            places = _ring(nodes, height, 0.4 if arrivals else 0.0)
            size = min(0.52, 0.36 * _closest(places))
        figure = new_figure(height)
        axes = figure.add_axes([0, 0, 1, 1], xlim=(0, WIDTH), ylim=(0, height))
        axes.set_axis_off()
        curves = _curves(edges, places, size)
        for edge, curve in zip(edges, curves, strict=True):
            _arrow(axes, curve, edge, colours[edge["rule"]], len(edges) > MOST_LABELS)
        for name in nodes:
            _node(axes, name, places[name], size, graph.nodes[name]["circuit"])
        taken: list[np.ndarray] = []
        discs = np.array(list(places.values()))
        for name, words in arrivals.items():
            looped = any(edge["source"] == edge["target"] == name for edge in edges)
            away = _away(name, places, few, looped)
            taken.append(_arrival(axes, words if len(arrivals) <= MOST_ARRIVALS else [], places[name], size, away))
        if len(edges) <= MOST_LABELS:
            for edge, curve in zip(edges, curves, strict=True):
                words = edge["words"].replace(", ", ",\n") if len(nodes) > 3 else edge["words"].replace(
                    f", {edge['range']}", f",\n{edge['range']}")  # fmt: skip
                beside(axes, words, curve, taken, discs, size, np.concatenate(curves), 7.5 if few else 7.0)
        if legend:
            _legend(figure, colours)
        content = png(figure)
    described = "; ".join(f"{edge['source']} to {edge['target']}: {edge['words']}" for edge in edges[:MOST_LABELS])
    return Drawing(f"{prefix}circuit.png", "The circuit", _caption(graph, edges, scenario, arrivals),
                   f"{len(nodes)} circuits: {', '.join(nodes[:20])}. {described}", content)  # fmt: skip


def projections(graph: nx.MultiDiGraph) -> list[dict]:
    """One entry for every projection: source, target, rule, the range of its weights, whether it mostly inhibits
    (its negative weights outweigh the positive ones), and words for its arrow."""
    out = []
    for source, target, data in graph.edges(data=True):
        projection = data["projection"]
        matrix = projection.matrix
        weights = projection.weight * np.asarray(matrix.data if hasattr(matrix, "tocoo") else matrix, float)
        said = weight_range(weights) + (" /s" if projection.target_port == "rate" and weights.any() else "")
        ports = f"{projection.source_port} → {projection.target_port}"
        total, size = float(weights.sum()), float(np.abs(weights).sum())
        out.append({
            "source": source, "target": target, "rule": projection.rule, "range": said,
            "inhibits": total < -1e-9 * size, "words": f"{projection.rule}, {ports}, {said}",
        })  # fmt: skip
    return out


def weight_range(weights: np.ndarray) -> str:
    """The range of weights in words, with their signs.

    >>> weight_range(np.array([0.0, 0.5])), weight_range(np.array([-0.2, -0.1])), weight_range(np.array([-0.2, 0.3]))
    ('up to 0.5', 'down to −0.2', '−0.2 to 0.3')
    """
    low, high = float(np.min(weights, initial=0.0)), float(np.max(weights, initial=0.0))
    shown = [f"{value:.3g}".replace("-", "−") for value in (low, high)]
    if low < 0 < high:
        return f"{shown[0]} to {shown[1]}"
    return "all zero" if low == high else f"down to {shown[0]}" if low < 0 else f"up to {shown[1]}"


def arriving(graph: nx.MultiDiGraph, scenario) -> dict[str, list[str]]:
    """What reaches each circuit from outside, in words, one line for each kind: ``{"memory": ["10 pulse inputs"]}``."""
    kinds: dict[str, list[str]] = {}
    if scenario.cue is not None:
        kinds[_outer(scenario.cue.circuit)] = [CUE]
    for (name, kind), count in Counter((_outer(entry.circuit), entry.kind) for entry in scenario.inputs).items():
        kinds.setdefault(name, []).append(f"{kind} input" if count == 1 else f"{count} {kind} inputs")
    return {name: kinds[name] for name in graph if name in kinds}


def _outer(path: str) -> str:
    """The circuit of the graph in which the named one lies."""
    return path.replace(".", "/").partition("/")[0]


def _closest(places: Mapping[str, np.ndarray]) -> float:
    """The smallest distance between two circuits (inches)."""
    points = np.array(list(places.values()))
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return float(apart[~np.eye(len(points), dtype=bool)].min())


def _row(nodes: list[str], y: float) -> dict[str, np.ndarray]:
    """One to three circuits in a row, far enough apart for words between them."""
    centres = {1: [WIDTH / 2], 2: [2.0, WIDTH - 2.0], 3: [0.95, WIDTH / 2, WIDTH - 0.95]}[len(nodes)]
    return {name: np.array([x, y]) for name, x in zip(nodes, centres, strict=True)}


def _ring(nodes: list[str], height: float, room: float) -> dict[str, np.ndarray]:
    """Circuits on an ellipse, clockwise from the top, equally far apart along its line; ``room`` more outside it."""
    angle = np.linspace(0, 2 * np.pi, 2001)
    line = np.column_stack([
        WIDTH / 2 + (WIDTH / 2 - 1.0 - room) * np.sin(angle),
        0.15 + height / 2 + (height / 2 - 0.95 - 0.6 * room) * np.cos(angle),
    ])  # fmt: skip
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.arange(len(nodes)) * length[-1] / len(nodes)
    points = np.column_stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)])
    return dict(zip(nodes, points, strict=True))


def _node(axes, name: str, place: np.ndarray, size: float, circuit) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle(place, size, facecolor="#e8f1f8", edgecolor=BLUE, linewidth=1.8, zorder=3))
    big = min(10.5, 18 * size)
    lines = [(part, big if len(name) <= 12 else 0.85 * big, True) for part in halves(name, 12 if size > 0.45 else 8)]
    if size > 0.45:
        kinds = [kind.name for kind in circuit.phi.kinds]
        kinds = kinds if len(kinds) <= 2 else [f"{kinds[0]} and", f"{len(kinds) - 1} other kinds"]
        states = f"{circuit.n} state{'s' * (circuit.n != 1)}"
        lines += [(text, 7.5, False) for text in (states, *kinds)]
    stack(axes, place, size, lines)


def _curves(edges: Sequence[Mapping], places: Mapping[str, np.ndarray], size: float) -> list[np.ndarray]:
    """The line of every projection (points, 2), from disc to disc; those between the same two circuits lie apart."""
    ends = {(edge["source"], edge["target"]) for edge in edges}
    centre = np.mean(list(places.values()), axis=0)
    before: Counter = Counter()
    t = np.linspace(0, 1, 121)[:, None]
    curves = []
    for edge in edges:
        a, b = places[edge["source"]], places[edge["target"]]
        number = before[edge["source"], edge["target"]]
        before[edge["source"], edge["target"]] += 1
        if edge["source"] == edge["target"]:
            out = _unit(a - centre) if len(places) > 3 else np.array([0.0, 1.0])
            turn = np.array([-out[1], out[0]])
            rise = size + 0.62 * (1 + 0.5 * number) * min(1.0, size / 0.5)
            first, last = a + 0.5 * size * turn, a - 0.5 * size * turn
            up, down = first + out * (rise + 0.25), last + out * (rise + 0.25)
            line = (1 - t) ** 3 * first + 3 * (1 - t) ** 2 * t * up + 3 * (1 - t) * t**2 * down + t**3 * last
        else:
            bend = 0.2 * ((edge["target"], edge["source"]) in ends) + 0.22 * number
            others = np.array([place for name, place in places.items() if name not in (edge["source"], edge["target"])])
            tries = [_bent(a, b, bend + more, t) for more in (0.0, 0.12, -0.12, 0.24, -0.24, 0.4, -0.4)]
            line = max(tries, key=lambda line: min(_clearance(line, others), size + 0.08))
        early = t[:, 0] < 0.5  # a loop leaves and meets the same disc
        free = np.where(early, np.hypot(*(line - a).T) > size, np.hypot(*(line - b).T) > size + 0.06)
        curves.append(line[free])
    return curves


def _bent(a: np.ndarray, b: np.ndarray, bend: float, t: np.ndarray) -> np.ndarray:
    """The parabola from a to b, points at ``t`` (points, 1): its middle ``bend / 2`` of the distance to the left."""
    along = b - a
    across = np.array([-along[1], along[0]])
    return (1 - t) ** 2 * a + 2 * (1 - t) * t * (a + along / 2 + bend * across) + t**2 * b


def _clearance(line: np.ndarray, others: np.ndarray) -> float:
    """How near a line comes to the other circuits."""
    return float(np.hypot(*(line[:, None] - others).transpose(2, 0, 1)).min()) if len(others) else np.inf


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.hypot(*vector)), 1e-9)


def _arrow(axes, curve: np.ndarray, edge: Mapping, colour: str, many: bool) -> None:
    """The line of a projection; at its end an arrow head, or a bar across it if it mostly inhibits."""
    wide, clear = (0.9, 0.65) if many else (1.5, 0.95)
    axes.plot(*curve.T, color=colour, linewidth=wide, alpha=clear, zorder=2, solid_capstyle="butt")
    tip, along = curve[-1], _unit(curve[-1] - curve[-4])
    across = np.array([-along[1], along[0]])
    if edge["inhibits"]:
        bar = np.array([tip - 0.085 * across, tip + 0.085 * across])
        axes.plot(*bar.T, color=colour, linewidth=2.6, zorder=3.5, solid_capstyle="butt")
    else:
        head = [tip + 0.05 * along, tip - 0.1 * along + 0.055 * across, tip - 0.1 * along - 0.055 * across]
        axes.fill(*np.array(head).T, color=colour, linewidth=0, zorder=3.5)


def _away(name: str, places: Mapping[str, np.ndarray], few: bool, looped: bool) -> np.ndarray:
    """The direction from which an input comes: from the left to one circuit, from below to a row, from outside."""
    if len(places) == 1:
        return np.array([-1.0, 0.0])
    if few:
        return np.array([0.0, -1.0])
    out = _unit(places[name] - np.mean(list(places.values()), axis=0))
    # Beside the loop of a circuit that projects to itself.
    cos, sin = (np.cos(0.95), np.sin(0.95)) if looped else (1.0, 0.0)
    return np.array([cos * out[0] - sin * out[1], sin * out[0] + cos * out[1]])


def _arrival(axes, words: Sequence[str], place: np.ndarray, size: float, away: np.ndarray) -> np.ndarray:
    """A grey arrow from outside into a circuit, with its words at the tail; returns their box."""
    lone = away[0] == -1.0
    tail = place + (size + (0.9 if lone else 0.28)) * away
    style = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", place + (size + 0.02) * away, tail, zorder=2, arrowprops=style)
    sides = ["center" if abs(part) < 0.5 else low if part < 0 else high
             for part, low, high in zip(away, ("right", "top"), ("left", "bottom"), strict=True)]  # fmt: skip
    drawn = axes.text(*(tail + 0.04 * away), "\n".join(words) if lone else ", ".join(words), ha=sides[0], va=sides[1],
                      fontsize=9 if lone else 7.5, color=INK, zorder=5)  # fmt: skip
    box = drawn.get_window_extent()
    return np.array([box.x0, box.y0, box.x1, box.y1]) / axes.figure.dpi


def _legend(figure, colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, linewidth=1.6, label=rule) for rule, colour in colours.items()]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), bbox_to_anchor=(0.5, 0.0))


def _caption(graph: nx.MultiDiGraph, edges: list[dict], scenario, arrivals: Mapping[str, list[str]]) -> str:
    sizes = [circuit.n for _, circuit in graph.nodes(data="circuit")]
    one = len(sizes) == 1
    text = f"{'One circuit' if one else f'{len(sizes)} circuits'} with {sum(sizes)} states{'' if one else ' in all'}"
    if edges:
        text += f", joined by {len(edges)} projection{'s' * (len(edges) != 1)}"
        text += (
            "; the colour of an arrow names the rule that made its weights." if len(edges) > MOST_LABELS else
            ". Words on an arrow name the rule that made its weights, where it starts and ends, and the range of them."
        )  # fmt: skip
        if any(edge["inhibits"] for edge in edges):
            text += " A bar instead of an arrow head marks a projection that mostly inhibits: its negative weights"
            text += " outweigh the positive ones."
    else:
        text += "; nothing projects into it from outside." if one else ", not joined to one another."
    if scenario.inputs:
        alike: dict[str, list[str]] = {}
        for name, words in arrivals.items():
            if kinds := ", ".join(word for word in words if word != CUE):
                alike.setdefault(kinds, []).append(name)
        places = "; ".join(f"{', '.join(names)} ({kinds})" for kinds, names in alike.items())
        text += f" Input arrives where a grey arrow points: {places}."
    if scenario.cue is not None:
        text += f" The cue is the initial state of {scenario.cue.circuit}."
    return text
