"""Makes text storable in PostgreSQL."""

from __future__ import annotations

import re

# Surrogates in a Python string are lone ones; pairs are decoded to one character.
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Remove NULs, which PostgreSQL refuses, and replace lone surrogates, which UTF-8 cannot encode, by U+FFFD.

    White space, control characters and invisible characters stay.
    """
    text = text.replace("\0", "")
    try:
        text.encode()  # refuses surrogates, several times as fast as a regular expression
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text
