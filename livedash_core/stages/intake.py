"""How rows get in: each company's CSV, fetched to a file, staged, merged chunk by chunk.

One transaction per chunk: rows and their status rows stand or fall together. An import that was cut short goes on
where it stopped, because what is there already is not written again, and the version of a file is only remembered
once all of it was taken.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from sqlalchemy import Connection, Engine, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from livedash_core.clients.fetch import MIB, Fetcher
from livedash_core.clients.validators import Validators
from livedash_core.errors import ProcessingError, SystemicError
from livedash_core.models import Company, CompanyCsv, CompanyStatus
from livedash_core.settings import Settings
from livedash_core.stages import intake_sql as sql
from livedash_core.stages.failures import describe, is_the_databases_fault
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.stages.staging import StagedFile, StoppedReading, stage_file
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

STAGE = "CSV_IMPORT"
CHUNK_LINES = 10_000


class Intake:
    """Brings in the CSV of every active company of a scope and counts what it did in ``report``.

    A company whose CSV cannot be had becomes an incident; the others go on.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        stages: tuple[str, ...],
        sources: Sources,
        report: StageReport,
        on_progress: Callable[[StageReport], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
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
            except StoppedReading:
                return
            except ProcessingError as error:
                self._note(company, str(error))
            except Exception as error:
                if is_the_databases_fault(error):
                    raise
                self._note(company, f"its CSV was not taken: {describe(error)}")

    def _companies(self, scope: Scope) -> list[Any]:
        wanted = (
            select(*Sources.COLUMNS, CompanyCsv.url, CompanyCsv.etag, CompanyCsv.last_modified)
            .join(CompanyCsv, CompanyCsv.company_id == Company.id, isouter=True)
            .where(Company.status == CompanyStatus.ACTIVE, Company.csv_url.is_not(None))
        )
        if scope.company_ids is not None:
            wanted = wanted.where(Company.id.in_(scope.company_ids))
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(Company.name)))

    def _import(self, company: Any, stopping: Callable[[], bool]) -> None:
        began = time.monotonic()
        with tempfile.TemporaryFile() as file:
            version = self._download(company, file)
            if version is None:
                with self._engine.begin() as connection:
                    close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
                self._report.unchanged.append(company.company_name)
                log.info("%s: the CSV has not changed since it was last imported; nothing to do", company.company_name)
                return
            new = changed = 0
            with self._engine.connect() as connection:
                most = self._settings.csv_max_lines
                staged = stage_file(connection, company, file, max_lines=most, stopping=stopping)
                for first in range(1, staged.last_line + 1, CHUNK_LINES):
                    if stopping():
                        return
                    added, differing = self._merge(connection, company, first)
                    new, changed = new + added, changed + differing
                    self._on_progress(self._report)
                close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
                _remember(connection, company, version, staged)
                connection.commit()
        log.info(
            "%s: %d new and %d changed sessions, %d lines rejected, read as %s, in %.1f s",
            company.company_name,
            new,
            changed,
            staged.rejections,
            staged.encoding,
            time.monotonic() - began,
        )

    def _download(self, company: Any, file: BinaryIO) -> Validators | None:
        source = self._sources.of(company)
        known = Validators(company.etag, company.last_modified) if company.url == company.csv_url else Validators()
        max_bytes = self._settings.csv_max_mib * MIB

        async def download() -> Validators | None:
            async with Fetcher() as fetcher:
                return await fetcher.download(company.csv_url, source, file, max_bytes=max_bytes, known=known)

        return asyncio.run(download())

    def _merge(self, connection: Connection, company: Any, first: int) -> tuple[int, int]:
        """Take over one chunk of lines; returns how many sessions are new and how many differ from what was known."""
        chunk = {"first": first, "end": first + CHUNK_LINES}
        manager = ProcessingStatusManager(connection, stages=self._stages)
        new = list(connection.execute(text(sql.INSERT_NEW), chunk))
        understood = {row.id: company.company_id for row in new if row.started_at is not None}
        notes = {row.id: row.notes for row in new if row.notes is not None}
        manager.initialize_new_sessions(understood, completed_stages=1, metadata=notes)
        manager.initialize_new_sessions({row.id: company.company_id for row in new if row.started_at is None})
        is_all_new = len(new) == connection.scalar(text(sql.COUNT_CHUNK), chunk)
        changed = [] if is_all_new else list(connection.execute(text(sql.UPDATE_CHANGED), chunk))
        reopened = [row.id for row in changed if row.reopens]
        if reopened:
            manager.reopen(STAGE, reopened)
        connection.commit()
        self._report.claimed += len(understood)
        self._report.completed += len(understood)
        return len(new), len(changed)

    def _note(self, company: Any, problem: str) -> None:
        name = company.company_name
        message = problem if problem.startswith(f"{name}: ") else f"{name}: {problem}"
        log.warning("%s", message)
        self._report.incidents.append(SystemicError(message, company_id=company.company_id))
        with self._engine.begin() as connection:
            open_incident(connection, STAGE, company.company_id, message)


def _remember(connection: Connection, company: Any, version: Validators, staged: StagedFile) -> None:
    """What was taken whole; nothing is written if that is known."""
    facts = {
        "url": company.csv_url,
        **version._asdict(),
        "encoding": staged.encoding,
        "lines": staged.last_line,
        "rejected_lines": staged.rejections,
    }
    row = insert(CompanyCsv).values(company_id=company.company_id, **facts)
    known = [getattr(CompanyCsv, name) for name in facts]
    differs = [column.is_distinct_from(getattr(row.excluded, column.key)) for column in known]
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["company_id"], set_={**facts, "taken_at": func.now()}, where=or_(*differs)
        )
    )
