"""Text that PostgreSQL can store."""

from __future__ import annotations

import re

# A surrogate inside a Python string is always a lone one: a pair would have become one character.
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` without NUL, which PostgreSQL refuses, and with U+FFFD for every lone surrogate, which no encoding has.

    Nothing else changes: white space, control characters and invisible ones stay.
    """
    text = text.replace("\0", "")
    try:
        text.encode()  # refuses surrogates several times as fast as a search finds that there are none
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text
