"""One verb, one file: each .sql is asked for by name, and PostgreSQL understands it on the migrated schema."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from sqlalchemy import Connection

from livedash_core.status import ProcessingStatusManager, statements

REACHES = ("everywhere", "in_window", "of_sessions")
PARAMETER = r"(?<!:):(\w+)"
ROOM = files("livedash_core.status")
FILES = sorted(entry.name.removesuffix(".sql") for entry in (ROOM / "sql").iterdir() if entry.name.endswith(".sql"))
#: What the manager hands over as a type of its own; PostgreSQL finds out the others by itself.
TYPES = {"token": "uuid", "dag_run": "text", "owner": "text", "status": "text", "next_stage": "text", "stage": "text"}


def asked_for() -> set[str]:
    """Names of statements in the room's Python, and of files that others include."""
    python = "".join(entry.read_text() for entry in ROOM.iterdir() if entry.name.endswith(".py"))
    return (
        set(re.findall(r'(?:statement|_ids)\(\s*"(\w+)"', python))
        | included()
        | set(re.findall(r'"(recount|breakdown)"', python))
    )


def included() -> set[str]:
    """Names of files that are part of others."""
    sql = "".join((ROOM / "sql" / f"{name}.sql").read_text() for name in FILES)
    return {
        name.format(reach=reach) for name in re.findall(r"^-- include: (.+)$", sql, re.MULTILINE) for reach in REACHES
    }


def test_every_file_belongs_to_a_verb_and_every_verb_has_its_file() -> None:
    assert set(FILES) == asked_for()


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_read_alone(name: str) -> None:
    """STYLE asks for about 40 lines, and a first line that says why it is there."""
    lines = (ROOM / "sql" / f"{name}.sql").read_text().splitlines()

    assert lines[0].lstrip().startswith("-- ")
    assert len(lines) <= 45
    assert all(len(line) <= 120 for line in lines)


def test_postgres_understands_every_file(connection: Connection) -> None:
    ProcessingStatusManager(connection).expect_new_sessions()
    with connection.connection.driver_connection.cursor() as cursor:
        for name in set(FILES) - included():
            for reach in REACHES:
                cursor.execute(f"EXPLAIN (GENERIC_PLAN) {numbered(statements.source(name, reach=reach))}")


@pytest.mark.parametrize("name", FILES)
def test_a_document_is_read_once_and_not_for_every_row(name: str) -> None:
    """A generic plan parses ``CAST(:document AS jsonb)`` wherever it stands: a thousand rows took a second."""
    assert not re.search(r"CAST\(:\w+ AS jsonb\)\s*->", statements.source(name, reach="everywhere"))


def numbered(query: str) -> str:
    """``query`` with PostgreSQL's own names for parameters."""
    names = list(dict.fromkeys(re.findall(PARAMETER, query)))

    def place(found: re.Match[str]) -> str:
        number = f"${names.index(found[1]) + 1}"
        return f"CAST({number} AS {TYPES[found[1]]})" if found[1] in TYPES else number

    return re.sub(PARAMETER, place, query)
