"""Loads the SQL statements: one file per verb under ``sql/``, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

_FILES = files("livedash_core.status") / "sql"
_INCLUDE = "-- include: "


def source(name: str, **choices: str) -> str:
    """Read the statement in ``sql/<name>.sql`` without comments; a line ``-- include: FILE`` inserts another file.

    ``choices`` complete the name of an included file: ``source("claim", reach="everywhere")``.
    """
    lines = []
    for line in (_FILES / f"{name}.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith(_INCLUDE):
            lines.append(source(line.removeprefix(_INCLUDE).format(**choices)))
        # A comment may contain :parameters, which must not be bound.
        elif not line.lstrip().startswith("--"):
            lines.append(line)
    return "\n".join(lines)


@cache
def statement(name: str, **choices: str) -> TextClause:
    """Return ``source`` as an executable statement, cached."""
    return text(source(name, **choices))
