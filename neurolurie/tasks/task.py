"""Task: what a kind of scenario does. It draws the trials, and measures what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurolurie.simulation.problem import Problem, Trajectory
from neurolurie.tasks.experiment import Experiment
from neurolurie.tasks.regions import Regions


@dataclass(frozen=True, eq=False)
class Trials:
    """Initial states (trials, n), what the task must remember about each trial to judge it, and the regions that decide
    where a trial ends once it has entered one, if the task knows any before the run."""

    x0: np.ndarray
    notes: dict[str, np.ndarray] = field(default_factory=dict)
    regions: Regions | None = None


@dataclass(frozen=True, eq=False)
class Findings:
    """Numbers, one sentence for the terminal, the arrays and certificates that the figures are drawn from, and texts
    for files in the result's folder (path there -> content)."""

    metrics: dict[str, float]
    sentence: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    certificates: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """``draw`` the trials of an experiment; ``measure`` what they did; words for the page; ``foresee`` certified
    regions."""

    draw: Callable[[Experiment], Trials]
    measure: Callable[[Experiment, Trials, Problem, Trajectory], Findings]
    summary: str
    foresee: Callable[[Experiment], Regions | None] | None = None
