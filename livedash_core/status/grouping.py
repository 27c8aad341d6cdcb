"""Failures for the same reason are one group: a message without what differs from session to session. Pure."""

from __future__ import annotations

import re

MAX_CHARACTERS = 200

_FOLDED = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    # Hexadecimal ids, and names with a number in them (LV-0017): one word, at least one digit.
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[a-z_])[\w-]*\w", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<number>"),
    (re.compile(r"\s+"), " "),
)


def failure_group(message: str) -> str:
    """``message`` with addresses, ids and numbers folded, at most 200 characters."""
    for pattern, placeholder in _FOLDED:
        message = pattern.sub(placeholder, message)
    message = message.strip()
    return message if len(message) <= MAX_CHARACTERS else message[: MAX_CHARACTERS - 1] + "…"
