"""The proof of a chunk, before it is committed: the same rows, read again on both sides, have the same checksum."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.errors import SystemicError
from livedash_core.livedash_node_migration.report import TableReport, checksum
from livedash_core.livedash_node_migration.source_database import SourceDatabase, statement
from livedash_core.livedash_node_migration.source_schema import TABLES, resolve

#: Old table → the statement for the old database, and that for ours: the same where the views can answer it.
CHECKS = {
    "SessionImport": ("check_imports", "check_imports_here"),
    "Session": ("check_sessions", "check_sessions"),
    "Message": ("check_messages", "check_messages_here"),
    "SessionQuestion": ("check_questions", "check_questions_here"),
    "AIProcessingRequest": ("check_requests", "check_requests"),
}
_VIEWS = {table: f'livedash_compat."{table}"' for table in TABLES}
#: Tables that grow by the second have no statistics yet, and a plan made of guesses would read them whole each time.
_BY_INDEX = "; ".join(
    f"SET LOCAL {setting} = off" for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)


def check(
    old: SourceDatabase,
    connection: Connection,
    chosen: str,
    kept: dict[str, list[str]],
    reports: dict[str, TableReport],
) -> None:
    """Compare what was copied. ``kept`` are the old ids of the rows of a table that were, where not all were.

    Raises ``SystemicError`` when they differ: the chunk must not be committed.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        for table, (there, here) in CHECKS.items():
            parameters: dict[str, Any] = {
                "chosen": chosen,
                "kept": kept.get(table, []),
                "sentiments": list(SENTIMENTS),
                "categories": list(CATEGORIES),
            }
            rows, expected = old.rows(there, **parameters)[0]
            found_rows, found = cursor.execute(resolve(statement(here), _VIEWS), parameters).fetchone()
            if (rows, expected) != (found_rows, found):
                raise SystemicError(
                    f"{table} would not be the same here: {rows} rows with checksum {checksum(int(expected))} there, "
                    f"{found_rows} with {checksum(int(found))} here; nothing of this chunk was kept, please report it"
                )
            reports[table].checked += rows
            reports[table].checksum_there += int(expected)
            reports[table].checksum_here += int(found)
