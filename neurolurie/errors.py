"""Every error a user can cause or meet, and where in the user's files it happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Where:
    """A place in the user's input: file, line (from 1) and dotted key; each may be unknown."""

    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place += f":{self.line}"
        return ": ".join(part for part in (place, self.key) if part)


class NeurolurieError(Exception):
    """Base of all errors of this package: one sentence, and the place it speaks of."""

    exit_code = 3

    def __init__(self, message: str, where: Where | None = None):
        self.message = message
        self.where = where or Where()
        place = str(self.where)
        super().__init__(f"{place}: {message}" if place else message)


class SpecError(NeurolurieError, ValueError):
    """The input is wrong: a file, a key, a value, a shape, an argument."""

    exit_code = 2


class BackendError(NeurolurieError):
    """A backend is missing, or cannot do what the problem asks for."""


class DivergedError(NeurolurieError):
    """The simulation left the finite numbers."""


MANY = 60  # names that one sentence still lists


@contextmanager
def placed(where: Where) -> Iterator[None]:
    """A SpecError raised inside that knows no file gets this place."""
    try:
        yield
    except SpecError as error:
        raise SpecError(error.message, error.where if error.where.file else where) from None


def blamed(message: str, given: Mapping[str, object], by_name: bool = True) -> str | None:
    """Which of the user's parameters a sentence speaks of first, by its name or by a quoted value; None if of none.

    >>> blamed("storage rule 'hebb' is not known.", {"gain": 2.0, "rule": "hebb"})
    'rule'
    """
    message = re.split(r" Did you mean | Known: ", message)[0]  # what is proposed is not to blame
    first: dict[str, int] = {}
    for name, value in given.items():
        quoted = [repr(word) for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)]
        names = [rf"(?<!\w){re.escape(name)}(?!\w)"] if by_name else []
        words = [*names, *map(re.escape, quoted)]
        found = [match.start() for match in (re.search(word, message) for word in words) if match]
        if found:
            first[name] = min(found)
    return min(first, key=first.get, default=None)


def did_you_mean(kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: what was found, the nearest known name, all known names.

    Of more than `MANY` names, the nearest twelve.

    >>> did_you_mean("nonlinearity", "tahn", ["tanh", "relu"])
    "nonlinearity 'tahn' is not known. Did you mean 'tanh'? Known: relu, tanh."
    """
    known = sorted(known)
    many = len(known) > MANY
    listed = get_close_matches(str(name), known, n=12, cutoff=0.0) + [f"... ({len(known)} in all)"] if many else known
    near = get_close_matches(str(name), known, n=1, cutoff=0.6)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{kind} '{name}' is not known.{hint} Known: {', '.join(listed) or 'none'}."


def lookup(kind: str, name: object, registry: dict, where: Where | None = None):
    """``registry[name]``, hyphens and underscores alike; a SpecError that lists what exists otherwise."""
    for key in (name, name.replace("_", "-")) if isinstance(name, str) else ():
        if key in registry:
            return registry[key]
    raise SpecError(did_you_mean(kind, name, registry), where)
