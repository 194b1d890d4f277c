"""Finds circuits and scenarios: beside the user's own file first, then in a checkout, then in the installed wheel."""

from __future__ import annotations

from pathlib import Path

from neurolurie.errors import SpecError, Where, did_you_mean

KINDS = ("circuits", "scenarios")
_PACKAGE = Path(__file__).resolve().parent


def folder(kind: str) -> Path:
    """The folder of the shipped circuits or scenarios.

    A checkout comes before the wheel's data: an editable install leaves a stale copy of the latter behind.
    """
    checkout = _PACKAGE.parent / kind
    return (
        checkout if (_PACKAGE.parent / "pyproject.toml").exists() and checkout.is_dir() else _PACKAGE / "_data" / kind
    )


def names(kind: str) -> list[str]:
    """The names of everything shipped, such as ``memory/hopfield``."""
    base = folder(kind)
    return sorted(path.relative_to(base).with_suffix("").as_posix() for path in base.rglob("*.yaml"))


def find(kind: str, name: str, beside: Path | None = None, where: Where | None = None) -> Path:
    """The file of a circuit or scenario: a path (relative to ``beside``, then to here), else a shipped name."""
    for base in ([beside] if beside is not None else []) + [Path(".")]:
        for candidate in (base / name, base / f"{name}.yaml"):
            if candidate.is_file():
                return candidate
    shipped = folder(kind) / f"{name.removesuffix('.yaml').removeprefix(f'{kind}/')}.yaml"
    if shipped.is_file() and ".." not in Path(name).parts:
        return shipped
    raise SpecError(did_you_mean(kind.removesuffix("s"), name, names(kind)), where)
