"""Recognises the error message that a program sends as JSON in place of a transcript. Pure."""

from __future__ import annotations

import json

_ERRORS = frozenset(("error", "errors", "error_description", "exception", "fault"))
#: The longest error message that is looked at; a transcript may be longer.
_MAX_CHARACTERS = 20_000


def is_json_error(text: str) -> bool:
    """Return whether ``text`` is a JSON object with an error and without a list of anything else.

    Such an object may have a ``message`` and a ``role`` too, as if someone had said it.
    """
    if not text.lstrip().startswith("{") or len(text) > _MAX_CHARACTERS:
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    names = {name.lower() for name in found}
    if any(isinstance(value, list) for name, value in found.items() if name.lower() not in _ERRORS):
        return False
    return any(value for name, value in found.items() if name.lower() in _ERRORS) or (
        "message" in names and found.get("status") in ("error", "fail", "failed")
    )
