"""Redacts error messages before they are stored and shown."""

from __future__ import annotations

import re

from livedash_core.parsing.text import clean

MAX_CHARACTERS = 2000
#: Replaces an erased message: the fact that there was one is part of the counts.
ERASED = "erased"

_SECRETS = (
    # user:password@ in a URL
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"\b(authorization\s*[:=]\s*)(?:(?:basic|bearer)\s+)?[^\s,;]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    # OpenAI's keys, in full or abbreviated as in its error messages
    (re.compile(r"\bsk-[A-Za-z0-9*_-]{6,}"), "sk-***"),
    (re.compile(r"\b(password|passwd|api[_-]?key|token|secret)(\s*[:=]\s*)[^\s,;&]+", re.IGNORECASE), r"\1\2***"),
)


def redact(message: str) -> str:
    """Return ``message`` without secrets and without characters PostgreSQL refuses, at most 2,000 characters long."""
    cleaned = clean(message)
    for pattern, replacement in _SECRETS:
        cleaned = pattern.sub(replacement, cleaned)
    if len(cleaned) > MAX_CHARACTERS:
        cleaned = cleaned[: MAX_CHARACTERS - 1] + "…"
    return cleaned or "no message"
