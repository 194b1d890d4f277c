"""k = 1: one quadratic metric for all corners of the slope box, by semidefinite programming with cutting planes.

The sharpest test for the box with a quadratic metric. Only corners that a current P violates enter the program.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurolurie.certificates import metrics
from neurolurie.certificates.box import SlopeBox
from neurolurie.certificates.rung import Finding, SolverFailed, import_cvxpy, solve

MOST_STATES = 20
MOST_FREE = 10
ROUNDS = 8


def applies(box: SlopeBox, k: int) -> str | None:
    if k != 1:
        return "a common quadratic metric for the corners speaks about k = 1"
    if box.n > MOST_STATES or (box.high > box.low).sum() > MOST_FREE:
        return f"at most {MOST_STATES} states and {MOST_FREE} free slopes"
    return None


def search(box: SlopeBox, k: int) -> Iterator[Finding]:
    """The metric with the largest common decay found; every round adds the corners it violates most."""
    cp = import_cvxpy()
    J = box.jacobian(box.vertices())
    scale = np.abs(J).max()
    active = list(dict.fromkeys(np.argsort(metrics.worst(J, None, 1))[::-1][:4].tolist()))
    P, t = cp.Variable((box.n, box.n), symmetric=True), cp.Variable()
    best, margin = None, -np.inf
    for _ in range(ROUNDS):
        limits = [P >> np.eye(box.n) * 1e-5, P << np.eye(box.n), t <= 1]
        limits += [(J[v] / scale).T @ P + P @ (J[v] / scale) + t * np.eye(box.n) << 0 for v in active]
        solve(cp.Problem(cp.Maximize(t), limits), "CLARABEL")
        if P.value is None:
            raise SolverFailed("the solver left no numbers behind")
        T = metrics.root(P.value)
        values = metrics.worst(J, T, 1) if T is not None else np.full(len(J), np.inf)
        if -values.max() > margin:
            margin, best = float(-values.max()), T
        fresh = [v for v in np.argsort(values)[::-1][:6].tolist() if v not in active and values[v] > -1e-9]
        if not fresh:
            break
        active += fresh
    if best is None:
        raise SolverFailed("the solver returned no usable metric")
    yield Finding("vertex LMI", margin, {"kind": "vertices", "T": best})


def check(box: SlopeBox, k: int, witness) -> float:
    """``-max_D`` of the log-norm of J in that metric (1/s)."""
    return float(-metrics.worst(box.jacobian(box.vertices()), witness["T"], 1).max())
