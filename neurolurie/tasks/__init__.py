"""The kinds of scenario. A kind is one module and one line here."""

from __future__ import annotations

from importlib import import_module

from neurolurie.errors import Where, lookup
from neurolurie.tasks.task import Task

KINDS: dict[str, str] = {
    "completion": "neurolurie.tasks.completion",
    "decide": "neurolurie.tasks.decide",
    "delayed-recall": "neurolurie.tasks.delayed",
    "denoise": "neurolurie.tasks.denoise",
    "hold": "neurolurie.tasks.hold",
    "learn": "neurolurie.tasks.learn",
    "recall": "neurolurie.tasks.recall",
    "trajectories": "neurolurie.tasks.trajectories",
}


def load_task(kind: str, where: Where | None = None) -> Task:
    """The task of that kind."""
    return import_module(lookup("kind", kind, KINDS, where)).TASK
