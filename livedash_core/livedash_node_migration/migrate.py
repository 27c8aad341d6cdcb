"""The migration, in order: companies and models, then the sessions in chunks, then orphans.

A chunk is one transaction with its rows, statuses and checks. A later run skips what the target has, so that a
migration can be interrupted and repeated.
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

#: Sessions per transaction, held in memory.
CHUNK_SIZE = 2000
CONNECTIONS_FILE = "livedash-node-connections.json"
#: Concurrent migrations would both insert a session that is new to them.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('livedash migrate'))")
_ANALYZE = text(
    "ANALYZE livedash.session_import, livedash.session_transcript, livedash.session, livedash.message, "
    "livedash.session_question, livedash.ai_processing_request, livedash.session_processing_status"
)


def migrate_livedash_node(
    source: SourceDatabase,
    engine: Engine,
    folder: Path,
    *,
    dry_run: bool = False,
    on_progress: Callable[[Report], None] = lambda _report: None,
    chunk_size: int = CHUNK_SIZE,
) -> Report:
    """Copy what the target does not have, and account for every row; ``dry_run`` rolls every transaction back.

    Passwords go to a file in ``folder``. Raises ``SystemicError`` if the source fails, or if a chunk differs between
    source and target: it is rolled back, the earlier ones are kept.
    """
    began = time.monotonic()
    report = Report(source.generation, dry_run, {table: TableReport(source.count(table)) for table in TABLES})
    report.candidates = source.rows("count_candidates")[0].candidates
    with engine.connect() as connection:
        with connection.begin() as transaction:
            companies = read_companies(source, connection)
            companies.store(connection)
            copy_prices(source, connection, report.tables["AIModelPricing"])
            if dry_run:
                transaction.rollback()
        count_companies(source, companies, report)
        report.notes.extend(companies.notes)
        for rows in source.chunks("candidates", chunk_size):
            with connection.begin() as transaction:
                connection.execute(_LOCK)
                if dry_run:
                    companies.store(connection)
                Chunk(source, connection, companies.ids, report).copy(rows)
                if dry_run:
                    transaction.rollback()
            report.done += len(rows)
            on_progress(report)
    count_orphans(source, report)
    if not dry_run:
        _finish(engine, companies, folder, report)
    report.seconds = time.monotonic() - began
    return report


def _finish(engine: Engine, companies: Companies, folder: Path, report: Report) -> None:
    if companies.logins:
        report.connections_file = folder / CONNECTIONS_FILE
        write_connections(report.connections_file, companies.logins)
    if report.tables["SessionImport"].copied or report.tables["Session"].copied:
        # The planner has no statistics of the new rows yet.
        with engine.begin() as connection:
            connection.execute(_ANALYZE)
