"""Groups failures by reason: replaces the parts of a message that differ between sessions. Pure."""

from __future__ import annotations

import re

MAX_CHARACTERS = 200

_FOLDED = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    # Hexadecimal ids, and names with a number such as LV-0017: one word with at least one digit.
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[a-z_])[\w-]*\w", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<number>"),
    (re.compile(r"\s+"), " "),
)


def failure_group(message: str) -> str:
    """Return ``message`` with URLs, ids and numbers replaced by placeholders, at most 200 characters long."""
    for pattern, placeholder in _FOLDED:
        message = pattern.sub(placeholder, message)
    message = message.strip()
    return message if len(message) <= MAX_CHARACTERS else message[: MAX_CHARACTERS - 1] + "…"
