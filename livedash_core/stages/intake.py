"""How rows get in: each company's CSV, fetched to a file, staged, merged chunk by chunk.

One transaction per chunk: rows and their status rows stand or fall together. An import that was cut short goes on
where it stopped, because what is there already is not written again.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select, text
from uuid6 import uuid7

from livedash_core.bulk import copy_into
from livedash_core.clients.fetch import MIB, Fetcher
from livedash_core.errors import PermanentError, ProcessingError, SystemicError
from livedash_core.models import Company, CompanyStatus
from livedash_core.parsing.csv_rows import COLUMNS, Rejection, Row, read_rows
from livedash_core.stages import intake_sql as sql
from livedash_core.stages.failures import describe, is_the_databases_fault
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.stages.times import interpret
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

STAGE = "CSV_IMPORT"
CHUNK_LINES = 10_000
MAX_CSV_BYTES = 1024 * MIB


class Intake:
    """Brings in the CSV of every active company of a scope and counts what it did in ``report``.

    A company whose CSV cannot be had becomes an incident; the others go on.
    """

    def __init__(
        self,
        engine: Engine,
        stages: tuple[str, ...],
        sources: Sources,
        report: StageReport,
        on_progress: Callable[[StageReport], None],
    ) -> None:
        self._engine = engine
        self._stages = stages
        self._sources = sources
        self._report = report
        self._on_progress = on_progress

    def run(self, scope: Scope, stopping: Callable[[], bool]) -> None:
        """Import company after company until all are through or ``stopping()``; each chunk is taken whole."""
        for company in self._companies(scope):
            if stopping():
                return
            try:
                self._import(company, stopping)
            except ProcessingError as error:
                self._note(company, str(error))
            except Exception as error:
                if is_the_databases_fault(error):
                    raise
                self._note(company, f"{company.company_name}: its CSV was not taken: {describe(error)}")

    def _companies(self, scope: Scope) -> list[Any]:
        wanted = select(*Sources.COLUMNS).where(Company.status == CompanyStatus.ACTIVE, Company.csv_url.is_not(None))
        if scope.company_ids is not None:
            wanted = wanted.where(Company.id.in_(scope.company_ids))
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(Company.name)))

    def _import(self, company: Any, stopping: Callable[[], bool]) -> None:
        began = time.monotonic()
        source = self._sources.of(company)

        async def download(file: BinaryIO) -> None:
            async with Fetcher() as fetcher:
                await fetcher.download(company.csv_url, source, file, max_bytes=MAX_CSV_BYTES)

        new = changed = 0
        with tempfile.TemporaryFile() as file:
            asyncio.run(download(file))
            with self._engine.connect() as connection:
                lines, rejections = self._stage(connection, company, read_rows(file))
                for first in range(1, lines + 1, CHUNK_LINES):
                    if stopping():
                        return
                    added, differing = self._merge(connection, company, first)
                    new, changed = new + added, changed + differing
                    self._on_progress(self._report)
                close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
                connection.commit()
        log.info(
            "%s: %d new and %d changed sessions, %d lines rejected, in %.1f s",
            company.company_name,
            new,
            changed,
            rejections,
            time.monotonic() - began,
        )

    def _stage(self, connection: Connection, company: Any, records: Iterator[Row | Rejection]) -> tuple[int, int]:
        """Put the file into a temporary table; returns its last line's number and how many lines were rejected."""
        connection.execute(text(sql.CREATE_STAGING))
        zone = ZoneInfo(company.timezone)
        nothing = (None,) * (len(COLUMNS) + 3)
        last_line = rejections = 0

        def staged() -> Iterator[tuple[object, ...]]:
            nonlocal last_line, rejections
            for record in records:
                last_line = record.line_number
                if isinstance(record, Rejection):
                    rejections += 1
                    yield (last_line, company.company_id, record.raw_text, record.reason, *nothing)
                    continue
                try:
                    times: tuple[object, object] = interpret(record.values[1], record.values[2], zone)
                except PermanentError:
                    times = (None, None)  # the stage itself will say so, as that session's failure
                yield (last_line, company.company_id, None, None, uuid7(), *record.values, *times)

        copy_into(connection, sql.STAGING, sql.STAGED, staged())
        connection.execute(text(sql.LAST_OF_EACH_WINS))
        connection.execute(text(sql.REJECT))
        connection.commit()
        return last_line, rejections

    def _merge(self, connection: Connection, company: Any, first: int) -> tuple[int, int]:
        """Take over one chunk of lines; returns how many sessions are new and how many differ from what was known."""
        chunk = {"first": first, "end": first + CHUNK_LINES}
        manager = ProcessingStatusManager(connection, stages=self._stages)
        new = list(connection.execute(text(sql.INSERT_NEW), chunk))
        understood = {row.id: company.company_id for row in new if row.started_at is not None}
        manager.initialize_new_sessions(understood, completed_stages=1)
        manager.initialize_new_sessions({row.id: company.company_id for row in new if row.started_at is None})
        changed = list(connection.execute(text(sql.UPDATE_CHANGED), chunk))
        reopened = [row.id for row in changed if row.reopens]
        if reopened:
            manager.reopen(STAGE, reopened)
        connection.commit()
        self._report.claimed += len(understood)
        self._report.completed += len(understood)
        return len(new), len(changed)

    def _note(self, company: Any, message: str) -> None:
        log.warning("%s", message)
        self._report.incidents.append(SystemicError(message, company_id=company.company_id))
        with self._engine.begin() as connection:
            open_incident(connection, STAGE, company.company_id, message)
