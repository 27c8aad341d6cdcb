"""How rows get in: each company's CSV, fetched to a file, staged, merged chunk by chunk.

One transaction per chunk: an import that was cut short goes on where it stopped, because what is there already is not
written again, and the version of a file is only remembered once all of it was taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection, Engine, delete, insert, select, update

from livedash_core.clients.fetch import MIB, Fetcher
from livedash_core.clients.validators import Validators
from livedash_core.db import advisory_lock
from livedash_core.enums import ACTIVE
from livedash_core.errors import ProcessingError, SystemicError
from livedash_core.models import Company, CompanyCsv
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings
from livedash_core.stages.csv_import.merge import STAGE, MergedChunk, merge_in_parallel, merge_partition
from livedash_core.stages.csv_import.staging import StagedFile, StoppedReading, stage_file
from livedash_core.stages.execution.failures import describe, is_database_failure
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.status import Scope
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

#: Connections that take over a file side by side: each keeps a core of the server busy.
PARTITIONS = 2


class Version(NamedTuple):
    """What tells a file from another: what its server said of it, and its SHA-256 in hexadecimal."""

    validators: Validators
    sha256: str | None


class CsvImporter:
    """Brings in the CSV of every active company of a scope and counts what it did in ``report``.

    A company whose CSV cannot be had becomes an incident; the others go on.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        pipeline: Pipeline,
        sources: Sources,
        report: StageReport,
        on_progress: Callable[[StageReport], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._pipeline = pipeline
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
                if is_database_failure(error):
                    raise
                self._note(company, f"its CSV was not taken: {describe(error)}")

    def _companies(self, scope: Scope) -> list[Any]:
        wanted = select(*Sources.COLUMNS).where(Company.status == ACTIVE, Company.csv_url.is_not(None))
        if scope.company_ids is not None:
            wanted = wanted.where(Company.id.in_(scope.company_ids))
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(Company.name)))

    def _import(self, company: Any, stopping: Callable[[], bool]) -> None:
        with advisory_lock(self._engine, f"livedash import {company.company_id}") as mine:
            if mine:
                self._import_alone(company, stopping)
            else:
                log.info("%s: its CSV is being imported by another run; nothing to do here", company.company_name)

    def _import_alone(self, company: Any, stopping: Callable[[], bool]) -> None:
        began = time.monotonic()
        name = company.company_name
        with tempfile.TemporaryFile() as file:
            known = self._known(company)
            validators = self._download(company, file, known.validators)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if validators is None or sha256 == known.sha256:
                with self._engine.begin() as connection:
                    close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
                    if validators not in (None, known.validators):
                        _remember_validators(connection, company, validators)
                self._report.unchanged.append(name)
                log.info("%s: the CSV has not changed since it was last imported; nothing to do", name)
                return
            staged, merged = self._take_over(company, file, stopping)
        if stopping():
            return
        with self._engine.begin() as connection:
            close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
            _remember(connection, company, Version(validators, sha256), staged)
        log.info(
            "%s: %d new and %d changed sessions, %d lines rejected, read as %s, in %.1f s",
            name,
            sum(chunk.new for chunk in merged),
            sum(chunk.changed for chunk in merged),
            staged.rejections,
            staged.encoding,
            time.monotonic() - began,
        )

    def _take_over(
        self, company: Any, file: BinaryIO, stopping: Callable[[], bool]
    ) -> tuple[StagedFile, list[MergedChunk]]:
        """What was found in ``file``, and the chunks of it that were merged: all unless ``stopping()``."""
        merged: list[MergedChunk] = []

        def take(chunk: MergedChunk) -> None:
            merged.append(chunk)
            self._report.claimed += chunk.understood
            self._report.completed += chunk.understood
            self._on_progress(self._report)

        with ExitStack() as opened:
            connections = [opened.enter_context(self._engine.connect()) for _ in range(PARTITIONS)]
            for connection in connections:
                opened.callback(connection.invalidate)  # no pool keeps it: a temporary table has what people wrote
            max_lines = self._settings.csv_max_lines
            staged = stage_file(connections, company, file, max_lines=max_lines, stopping=stopping)
            # Of what is taken from now on until all of it is, no version is known.
            with self._engine.begin() as connection:
                _forget_version(connection, company)
            partitions = [
                merge_partition(one, company.company_id, self._pipeline, staged.last_line) for one in connections
            ]
            merge_in_parallel(partitions, take, stopping)
        return staged, merged

    def _known(self, company: Any) -> Version:
        """What was last taken whole from where the CSV is now."""
        wanted = select(CompanyCsv.etag, CompanyCsv.last_modified, CompanyCsv.sha256).where(
            CompanyCsv.company_id == company.company_id, CompanyCsv.url == company.csv_url
        )
        with self._engine.connect() as connection:
            row = connection.execute(wanted).first()
        return Version(Validators(row.etag, row.last_modified), row.sha256) if row else Version(Validators(), None)

    def _download(self, company: Any, file: BinaryIO, known: Validators) -> Validators | None:
        source = self._sources.of(company)
        max_bytes = self._settings.csv_max_mib * MIB

        async def download() -> Validators | None:
            async with Fetcher() as fetcher:
                return await fetcher.download(company.csv_url, source, file, max_bytes=max_bytes, known=known)

        return asyncio.run(download())

    def _note(self, company: Any, problem: str) -> None:
        name = company.company_name
        message = problem if problem.startswith(f"{name}: ") else f"{name}: {problem}"
        log.warning("%s", message)
        self._report.incidents.append(SystemicError(message, company_id=company.company_id))
        with self._engine.begin() as connection:
            open_incident(connection, STAGE, company.company_id, message)


def _forget_version(connection: Connection, company: Any) -> None:
    connection.execute(delete(CompanyCsv).where(CompanyCsv.company_id == company.company_id))


def _remember_validators(connection: Connection, company: Any, validators: Validators) -> None:
    """What the server now says of a file that is known by its content."""
    known = update(CompanyCsv).where(CompanyCsv.company_id == company.company_id)
    connection.execute(known.values(validators._asdict()))


def _remember(connection: Connection, company: Any, version: Version, staged: StagedFile) -> None:
    """What was taken whole."""
    connection.execute(
        insert(CompanyCsv).values(
            company_id=company.company_id,
            url=company.csv_url,
            **version.validators._asdict(),
            sha256=version.sha256,
            encoding=staged.encoding,
            lines=staged.last_line,
            rejected_lines=staged.rejections,
        )
    )
