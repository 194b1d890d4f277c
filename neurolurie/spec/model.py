"""The base of all spec models, and the one place where a validation error becomes a sentence with file and line."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from neurolurie.errors import SpecError, Where, did_you_mean
from neurolurie.spec.source import Source


class Model(BaseModel):
    """Frozen, strict (no '3' for 3, no true for 1), without NaN, and with no key that is not named."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known and key not in cls.model_fields:
                    sentence = did_you_mean("key", key, known)
                    raise PydanticCustomError("unknown_key", "{sentence}", {"sentence": sentence, "key": key})
        return data


M = TypeVar("M", bound=Model)

_EXPECTED = {
    "int_type": "a whole number", "float_type": "a number", "string_type": "a word", "bool_type": "true or false",
    "list_type": "a list [...]", "dict_type": "keys and values", "model_type": "keys and values",
    "int_from_float": "a whole number", "finite_number": "a finite number", "is_instance_of": "another type",
    "model_attributes_type": "keys and values",
}  # fmt: skip
_BOUNDS = (
    ("greater_than", "more than", "gt"), ("greater_than_equal", "at least", "ge"),
    ("less_than", "less than", "lt"), ("less_than_equal", "at most", "le"),
)  # fmt: skip


def parse(model: type[M], source: Source) -> M:
    """Validate a source; the first thing wrong becomes a SpecError: file, line, key, found, expected."""
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = next((entry for entry in errors if entry["type"] == "unknown_key"), errors[0])
        where = _where(source, first)
        alternatives = [entry for entry in errors if _where(source, entry) == where]  # of a union, one error each
        raise SpecError(_sentence(first, alternatives), where) from None


def _where(source: Source, entry: dict) -> Where:
    key: tuple = ()
    for part in entry["loc"]:
        if (*key, part) in source.places:  # pydantic also lists the names of a union's alternatives: no keys of ours
            key = (*key, part)
    if entry["type"] == "unknown_key":
        key = (*key, entry["ctx"]["key"])
    if entry["type"] == "missing" and key[-1:] != entry["loc"][-1:]:  # a key deleted by null still has its place
        key = (*key, entry["loc"][-1])
    return source.where(*key)


def _sentence(entry: dict, alternatives: list[dict]) -> str:
    kind, context, shown = entry["type"], entry.get("ctx", {}), _show(entry.get("input"))
    if kind == "unknown_key":
        return context["sentence"]
    if kind == "missing":
        return f"key '{entry['loc'][-1]}' is missing."
    expected = [_EXPECTED.get(each["type"]) or each.get("ctx", {}).get("expected") for each in alternatives]
    if all(expected):
        return f"expected {' or '.join(dict.fromkeys(expected))}, got {shown}."
    if kind in ("too_short", "too_long"):
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"expected {bound} {'entry' if bound.endswith(' 1') else 'entries'}, got {context['actual_length']}."
    for type_, word, bound in _BOUNDS:
        if kind == type_:
            return f"expected {word} {context[bound]:g}, got {shown}."
    if kind == "value_error":
        return str(context["error"])
    return f"{entry['msg'][0].lower()}{entry['msg'][1:]}, got {shown}."


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

