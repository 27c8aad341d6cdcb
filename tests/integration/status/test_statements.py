"""One verb, one file: each .sql file is used by name, and PostgreSQL can plan it on the migrated schema."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from sqlalchemy import Connection

from livedash_core.status import ProcessingStatusManager, statements

REACHES = ("everywhere", "in_window", "of_sessions")
PARAMETER = r"(?<![:\w]):(\w+)"
ROOM = files("livedash_core.status")
FILES = sorted(entry.name.removesuffix(".sql") for entry in (ROOM / "sql").iterdir() if entry.name.endswith(".sql"))
#: Types of parameters that PostgreSQL cannot infer.
TYPES = {"token": "uuid", "dag_run": "text", "owner": "text", "status": "text", "next_stage": "text", "stage": "text"}


def used_statements() -> set[str]:
    """Names of statements that the package uses, and of files that others include."""
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


def test_every_sql_file_is_used_and_every_statement_has_a_file() -> None:
    assert set(FILES) == used_statements()


@pytest.mark.parametrize("name", FILES)
def test_a_sql_file_is_short_and_begins_with_a_comment(name: str) -> None:
    """A statement has about 40 lines at most, and a comment at the top explains it."""
    lines = (ROOM / "sql" / f"{name}.sql").read_text().splitlines()

    assert lines[0].lstrip().startswith("-- ")
    assert len(lines) <= 45
    assert all(len(line) <= 120 for line in lines)


def test_postgresql_plans_every_statement(connection: Connection) -> None:
    ProcessingStatusManager(connection).expect_new_sessions()
    with connection.connection.driver_connection.cursor() as cursor:
        for name in set(FILES) - included():
            for reach in REACHES:
                cursor.execute(f"EXPLAIN (GENERIC_PLAN) {numbered(statements.source(name, reach=reach))}")


@pytest.mark.parametrize("name", FILES)
def test_a_json_parameter_is_parsed_once_and_not_per_row(name: str) -> None:
    """A generic plan parses ``CAST(:document AS jsonb)`` for each row: a thousand rows took a second."""
    assert not re.search(r"CAST\(:\w+ AS jsonb\)\s*->", statements.source(name, reach="everywhere"))


def numbered(query: str) -> str:
    """Return ``query`` with numbered parameters."""
    names = list(dict.fromkeys(re.findall(PARAMETER, query)))

    def place(found: re.Match[str]) -> str:
        number = f"${names.index(found[1]) + 1}"
        return f"CAST({number} AS {TYPES[found[1]]})" if found[1] in TYPES else number

    return re.sub(PARAMETER, place, query)
