"""Checkpoints: everything that training needs to go on as if it had never stopped, in one safetensors file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neurolurie.errors import SpecError


def save(path: Path, model: dict[str, Tensor], best: dict[str, Tensor], optimiser: dict[str, Any], notes: dict) -> None:
    """Write beside the file and move over it: a kill leaves the old checkpoint or the new one, never half of one.

    ``optimiser`` is its ``state_dict()``; ``notes`` is plain data (epoch, curves, settings).
    """
    tensors = {f"model.{name}": value for name, value in model.items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, state in optimiser["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    text = {"notes": notes, "optimiser": {"plain": plain, "groups": optimiser["param_groups"]}}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    copies = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    save_file(copies, partial, {"json": json.dumps(text)})
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any], dict]:
    """model, best, optimiser (for ``load_state_dict``), notes."""
    try:
        with safe_open(path, framework="pt") as file:
            text = json.loads(file.metadata()["json"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SpecError(f"cannot read the checkpoint '{path}': {error}. Remove it to train afresh.") from None
    part = lambda head: {n.removeprefix(head): v for n, v in tensors.items() if n.startswith(head)}  # noqa: E731
    state: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in text["optimiser"]["plain"].items()}
    for name, value in part("optimiser.").items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    groups = text["optimiser"]["groups"]
    for group in groups:  # JSON has no tuples, torch's optimisers compare with them nowhere but keep them
        group.update({key: tuple(value) for key, value in group.items() if isinstance(value, list) and key != "params"})
    return part("model."), part("best."), {"state": state, "param_groups": groups}, text["notes"]
