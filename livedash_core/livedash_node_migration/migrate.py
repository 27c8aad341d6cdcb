"""The whole move, in order: companies and models, then chunk after chunk of sessions, then what is left over.

Each chunk is one transaction: its rows, states and checksums stand or fall together. What is here already is the mark
from which a run that was cut short, or next week's, goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, text

from livedash_core.livedash_node_migration.companies import Companies, read_companies
from livedash_core.livedash_node_migration.connections_file import write_connections
from livedash_core.livedash_node_migration.orphans import count_companies, count_orphans
from livedash_core.livedash_node_migration.prices import copy_prices
from livedash_core.livedash_node_migration.report import Report, TableReport
from livedash_core.livedash_node_migration.sessions import Chunk
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.livedash_node_migration.source_schema import TABLES

#: Sessions to a transaction; what is held in memory, and what a crash repeats.
CHUNK = 2000
CONNECTIONS_FILE = "livedash-node-connections.json"
#: One chunk at a time: two would see the same sessions as new.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('livedash migrate'))")
_ANALYZE = text(
    "ANALYZE livedash.session_import, livedash.session_transcript, livedash.session, livedash.message, "
    "livedash.session_question, livedash.ai_processing_request, livedash.session_processing_status"
)


def migrate_livedash_node(
    old: SourceDatabase,
    engine: Engine,
    folder: Path,
    *,
    dry_run: bool = False,
    on_progress: Callable[[Report], None] = lambda _report: None,
    chunk: int = CHUNK,
) -> Report:
    """Copy what is new and report what became of every row; with ``dry_run`` every transaction is taken back.

    Passwords go to a file in ``folder``. Raises ``SystemicError`` when the old database fails, or when a chunk would
    not be the same here as there: it is not kept, and those before it are.
    """
    began = time.monotonic()
    report = Report(old.generation, dry_run, {table: TableReport(old.count(table)) for table in TABLES})
    report.candidates = old.rows("size")[0].candidates
    with engine.connect() as connection:
        with connection.begin() as transaction:
            companies = read_companies(old, connection)
            companies.store(connection)
            copy_prices(old, connection, report.tables["AIModelPricing"])
            if dry_run:
                transaction.rollback()
        count_companies(old, companies, report)
        report.notes.extend(companies.notes)
        for rows in old.chunks("candidates", chunk):
            with connection.begin() as transaction:
                connection.execute(_LOCK)
                if dry_run:
                    companies.store(connection)
                Chunk(old, connection, companies.ids, report).copy(rows)
                if dry_run:
                    transaction.rollback()
            report.done += len(rows)
            on_progress(report)
    count_orphans(old, report)
    if not dry_run:
        _finish(engine, companies, folder, report)
    report.seconds = time.monotonic() - began
    return report


def _finish(engine: Engine, companies: Companies, folder: Path, report: Report) -> None:
    if companies.logins:
        report.connections_file = folder / CONNECTIONS_FILE
        write_connections(report.connections_file, companies.logins)
    if report.tables["SessionImport"].copied or report.tables["Session"].copied:
        # Nobody knows yet how large the tables are now.
        with engine.begin() as connection:
            connection.execute(_ANALYZE)
