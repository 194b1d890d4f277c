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
    text = {"notes": notes, "optimiser": _packed(optimiser, "optimiser", tensors)}
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
    return part("model."), part("best."), _unpacked(text["optimiser"], tensors), text["notes"]


def _packed(value: Any, key: str, tensors: dict[str, Tensor]) -> Any:
    """Plain data for JSON, with every tensor moved to ``tensors`` and every kind that JSON lacks named."""
    if isinstance(value, Tensor):
        tensors[key] = value
        return {"tensor": key}
    if isinstance(value, dict):
        return {"dict": [[name, _packed(each, f"{key}.{name}", tensors)] for name, each in value.items()]}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_packed(each, f"{key}.{place}", tensors) for place, each in enumerate(value)]}
    return value


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {name: _unpacked(each, tensors) for name, each in content}
    return {"list": list, "tuple": tuple}[kind](_unpacked(each, tensors) for each in content)
