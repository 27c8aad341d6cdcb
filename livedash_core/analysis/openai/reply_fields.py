"""Find the fields of an analysis in a JSON value, however a model wrapped them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from livedash_core.analysis.openai.json_objects import fold_key, read_text_value

#: The fields of the requested object.
FIELDS = (
    *("summary", "questions", "outcome_reason", "outcome", "missing"),
    *("language", "sentiment", "escalated", "forwarded_hr", "category"),
)
_FIELDS_BY_KEY = {fold_key(name): name for name in FIELDS} | {"forwardedtohr": "forwarded_hr"}
OWN_KEYS = frozenset(_FIELDS_BY_KEY)
#: Deeper wrapping is not looked into.
_MAX_DEPTH = 6
#: Where a field's value is when a model adds to it, or writes it into the schema: {"value": "nl", "confidence": 0.9}.
_VALUE_KEYS = ("value", "const", "answer", "text")


def candidates(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The objects in ``value`` that have a field of ours, by our names; an outer one comes after those inside it.

    They may be under other keys (``result``, ``properties``), in lists, or in a string that is JSON itself.
    """
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        if "{" in value:
            yield from candidates(read_text_value(value), depth + 1)
    elif isinstance(value, list):
        for element in value:
            yield from candidates(element, depth + 1)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if fold_key(key) not in OWN_KEYS:
                yield from candidates(inner, depth + 1)
        if fields := _own_fields(value):
            yield fields


def _own_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, found in value.items():
        name = _FIELDS_BY_KEY.get(fold_key(key))
        # The exact name takes precedence over another spelling of it.
        if name is not None and (key == name or name not in value):
            fields[name] = found
    return fields


def plain(name: str, value: Any) -> Any:
    """The value of the field ``name``, without what a model put around it."""
    if isinstance(value, Mapping):
        for key in (*_VALUE_KEYS, "items") if name == "questions" else _VALUE_KEYS:
            if key in value and not isinstance(value[key], Mapping):
                return value[key]
        if isinstance(options := value.get("enum"), list) and len(options) == 1:
            return options[0]
    elif isinstance(value, list) and len(value) == 1 and name != "questions":
        return value[0]
    return value
