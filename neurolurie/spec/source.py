"""Reading YAML so that every value still knows its file and line: files, `extends:`, and `--set`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurolurie.errors import SpecError, Where, blamed

Key = tuple[str | int, ...]


@dataclass
class Source:
    """Plain data (dicts, lists, numbers, strings) and the place of every key in it."""

    data: dict[str, Any]
    places: dict[Key, tuple[str, int | None]] = field(default_factory=dict)
    file: str = ""

    def where(self, *key: str | int) -> Where:
        """The place of that key, or of the nearest one around it."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                file, line = self.places[key[:length]]
                return Where(file, line, dotted(key))
        return Where(self.file or None, None, dotted(key))

    @contextmanager
    def blaming(self, key: Key, given: Mapping, otherwise: Where, by_name: bool = True) -> Iterator[None]:
        """A SpecError raised inside that knows no file gets the place of the parameter it speaks of first.

        ``given`` are the parameters written below ``key``; ``otherwise`` is the place if it speaks of none of them.
        """
        try:
            yield
        except SpecError as error:
            if error.where.file:
                raise
            name = blamed(error.message, given, by_name)
            raise SpecError(error.message, otherwise if name is None else self.where(*key, name)) from None

    @property
    def folder(self) -> Path:
        """The folder of this source's file."""
        return Path(self.file).parent if self.file else Path(".")

    def folder_of(self, *key: str | int) -> Path:
        """The folder that a relative path written at that key refers to: that of the file it was written in."""
        file = self.where(*key).file
        return Path(file).parent if file and Path(file).is_file() else self.folder


def dotted(key: Iterable[str | int]) -> str:
    """A key as users write it.

    >>> dotted(("couplings", 0, "with", "gain"))
    'couplings[0].with.gain'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: str | Path, _seen: tuple[Path, ...] = ()) -> Source:
    """Read a YAML file (1.2: ``1e-3`` is a number, ``no`` a word), and what it ``extends``.

    The file is merged over the one it extends: maps key by key, lists and values replaced, ``key: null`` deleted.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SpecError(f"cannot read the file: {reason}.", Where(str(path))) from None
    source = parse_yaml(text, str(path))
    if "extends" in source.data:
        name = source.data["extends"]
        if not isinstance(name, str):
            raise SpecError(f"expected the name of a file, got {name!r}.", source.where("extends"))
        base_path = path.parent / name
        if base_path.resolve() in (*_seen, path.resolve()):
            raise SpecError(f"'{name}' extends itself.", source.where("extends"))
        if not base_path.is_file():
            raise SpecError(f"the file '{name}' does not exist beside '{path}'.", source.where("extends"))
        base = read_yaml(base_path, (*_seen, path.resolve()))
        del source.data["extends"]
        source = merge(base, source)
    return source


def parse_yaml(text: str, file: str = "") -> Source:
    """Parse YAML text; a syntax error or a repeated key is a SpecError with its line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        tree = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else None
        raise SpecError("this key is written twice; keep one.", Where(file, line, key)) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        what = f"{error.context}, {error.problem}" if error.problem.startswith("but ") else error.problem
        raise SpecError(f"this is not YAML: {what}.", Where(file, line)) from None
    except YAMLError as error:  # a character that no YAML may contain
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = getattr(error, "reason", str(error))
        raise SpecError(f"this is not YAML: {reason}.", Where(file, line)) from None
    if not isinstance(tree, dict):
        raise SpecError("expected keys and values (`schema: 1` ...).", Where(file, 1))
    places: dict[Key, tuple[str, int | None]] = {(): (file, 1)}
    return Source(_plain(tree, (), file, places), places, file)


def merge(base: Source, over: Source) -> Source:
    """``over`` laid over ``base``: maps merge, lists and values are replaced, null deletes."""
    data, places = dict(base.data), dict(base.places)
    places[()] = over.places.get((), (over.file, 1))
    _merge(data, over.data, (), places, over.places)
    return Source(data, places, over.file or base.file)


def with_settings(source: Source, settings: Iterable[str]) -> Source:
    """Apply ``--set`` words such as ``circuits.memory.with.gain=2``; the value is read as YAML.

    >>> with_settings(parse_yaml("a: {b: 1}"), ["a.b=2", "a.c=[1, 2]"]).data
    {'a': {'b': 2, 'c': [1, 2]}}
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        place = Where(f"--set {setting}")
        if not equals or not path.strip():
            raise SpecError("expected key=value, such as circuits.memory.with.gain=2.", place)
        if not text.strip():
            raise SpecError("expected a value after '='; to remove the key, write null.", place)
        try:
            value = parse_yaml(f"value: {text}", f"--set {setting}").data["value"]
        except SpecError as error:
            raise SpecError(error.message, place) from None
        source = with_value(source, key_of(source, path.strip()), value, f"--set {setting}")
    return source


def with_value(source: Source, key: Key, value: Any, file: str, line: int | None = None) -> Source:
    """A copy with one value replaced, from then on said to come from that file and line; None deletes it."""
    data = _copy(source.data)
    here: Any = data
    made: dict[Key, tuple[str, int | None]] = {}
    for depth, part in enumerate(key[:-1]):
        if isinstance(here, list):
            here = _item(here, part, key[: depth + 1], Where(file, line))
        else:
            if here.get(part) is None:
                here[part] = {}
                made[key[: depth + 1]] = (file, line)
            here = here[part]
        if not isinstance(here, dict | list):
            raise SpecError(f"'{dotted(key[: depth + 1])}' is {here!r}, it has no keys below it.", Where(file, line))
    if isinstance(here, list):
        _item(here, key[-1], key, Where(file, line))
    if value is None and isinstance(here, dict):
        here.pop(key[-1], None)
    else:
        here[key[-1]] = _copy(value)
    places = {k: v for k, v in source.places.items() if k[: len(key)] != key}
    places |= made | {key: (file, line)}
    return Source(data, places, source.file)


def _item(items: list, index: str | int, key: Key, where: Where) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(items):
        raise SpecError(f"'{dotted(key[:-1])}' is a list of {len(items)}; number its entries from 0.", where)
    return items[index]


def key_of(source: Source, path: str) -> Key:
    """The key that a path such as ``couplings[0].with.gain`` means; keys that contain dots are found as they stand.

    >>> key_of(parse_yaml("expect: {hebbian.rate: [0, 1]}"), "expect.hebbian.rate")
    ('expect', 'hebbian.rate')
    """
    words = path.replace("[", ".").replace("]", "").split(".")
    key: tuple[str | int, ...] = ()
    here: Any = source.data
    while words:
        ends = range(len(words), 0, -1) if isinstance(here, dict) else ()
        count = next((end for end in ends if ".".join(words[:end]) in here), 1)
        word: str | int = ".".join(words[:count])
        if count == 1 and isinstance(word, str) and word.isdigit():
            word = int(word)
        here = here.get(word) if isinstance(here, dict) else _element(here, word)
        key, words = (*key, word), words[count:]
    return key


def _element(items: Any, place: str | int) -> Any:
    return items[place] if isinstance(items, list) and isinstance(place, int) and place < len(items) else None


def _merge(data: dict, over: dict, key: Key, places: dict, over_places: dict) -> None:
    for name, value in over.items():
        here = (*key, name)
        if value is None:
            data.pop(name, None)
        elif isinstance(value, dict) and isinstance(data.get(name), dict):
            data[name] = dict(data[name])
            places[here] = over_places.get(here, places.get(here))
            _merge(data[name], value, here, places, over_places)
            continue
        else:
            data[name] = value
        for old in [k for k in places if k[: len(here)] == here]:
            del places[old]
        places.update({k: v for k, v in over_places.items() if k[: len(here)] == here})


def _plain(node: Any, key: Key, file: str, places: dict) -> Any:
    """ruamel's tree as plain data, the line of every key noted on the way."""
    if isinstance(node, dict):
        out = {}
        for name, value in node.items():
            line = node.lc.key(name)[0] + 1 if name in node.lc.data else None
            name = name if isinstance(name, int) and not isinstance(name, bool) else str(name)
            places[(*key, name)] = (file, line)
            out[name] = _plain(value, (*key, name), file, places)
        return out
    if isinstance(node, list):
        for place, _ in enumerate(node):
            places[(*key, place)] = (file, node.lc.item(place)[0] + 1 if node.lc.data else None)
        return [_plain(value, (*key, place), file, places) for place, value in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value
