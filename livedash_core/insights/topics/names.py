"""Names of topics: what a model or a person may call one; pure."""

from __future__ import annotations

from livedash_core.parsing.text import clean, without_invisible

MAX_NAME_CHARACTERS = 60


def as_name(text: object) -> str | None:
    """``text`` as a name: printable, on one line, without invisible characters; None if it is none or too long."""
    if not isinstance(text, str):
        return None
    printable = "".join(character if character.isprintable() else " " for character in without_invisible(clean(text)))
    name = " ".join(printable.split())
    return name if 0 < len(name) <= MAX_NAME_CHARACTERS else None
