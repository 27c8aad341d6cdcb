"""Verifies a chunk before it is committed: its rows, read again from source and target, must have one checksum."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.errors import SystemicError
from livedash_core.livedash_node_migration.report import TableReport, checksum
from livedash_core.livedash_node_migration.source_database import SourceDatabase, statement
from livedash_core.livedash_node_migration.source_schema import TABLES, resolve

#: Table of the source → statements for the source and the target; one statement where livedash_compat has a view.
CHECKS = {
    "SessionImport": ("check_imports", "check_imports_target"),
    "Session": ("check_sessions", "check_sessions"),
    "Message": ("check_messages", "check_messages_target"),
    "SessionQuestion": ("check_questions", "check_questions_target"),
    "AIProcessingRequest": ("check_requests", "check_requests"),
}
_VIEWS = {table: f'livedash_compat."{table}"' for table in TABLES}
#: Tables that are being filled have no statistics yet, and without these settings each check would scan them.
_BY_INDEX = "; ".join(
    f"SET LOCAL {setting} = off" for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)


def check(
    source: SourceDatabase,
    connection: Connection,
    chunk: str,
    kept: dict[str, list[str]],
    reports: dict[str, TableReport],
) -> None:
    """Compare the copied rows. ``kept`` has the source ids of the copied rows of tables that are copied in part.

    Raises ``SystemicError`` if they differ: the chunk must not be committed.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        for table, (source_check, target_check) in CHECKS.items():
            parameters: dict[str, Any] = {
                "chunk": chunk,
                "kept": kept.get(table, []),
                "sentiments": list(SENTIMENTS),
                "categories": list(CATEGORIES),
            }
            rows, expected = source.rows(source_check, **parameters)[0]
            found_rows, found = cursor.execute(resolve(statement(target_check), _VIEWS), parameters).fetchone()
            if (rows, expected) != (found_rows, found):
                raise SystemicError(
                    f"{table} differs: {rows} rows with checksum {checksum(int(expected))} in the source, "
                    f"{found_rows} with {checksum(int(found))} in the target; "
                    "the chunk was rolled back, please report it"
                )
            reports[table].checked += rows
            reports[table].source_checksum += int(expected)
            reports[table].target_checksum += int(found)
