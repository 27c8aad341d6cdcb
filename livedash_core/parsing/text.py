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


#: What programs write for an empty cell: SQL, MySQL's and PostgreSQL's dumps, pandas, R, JavaScript, Excel.
NULLS = frozenset(
    ("", "null", "(null)", "<null>", r"\n", "nan", "none", "nil", "undefined", "n/a", "na", "<na>", "-", "--",
     "#n/a", "#nv", "#n/d", "#n/b")
)  # fmt: skip
#: Not part of an id, an address or a word: zero-width characters, direction marks, byte order marks, soft hyphens.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u061c\ufeff]")


def is_null(cell: str | None) -> bool:
    """Return whether a cell is empty or says in a program's words that it is (``NULL``, ``\\N``, ``nan``, ``-``)."""
    return cell is None or cell.strip().lower() in NULLS


def without_invisible(text: str) -> str:
    """Remove zero-width and other invisible characters."""
    return text if text.isascii() else _INVISIBLE.sub("", text)
