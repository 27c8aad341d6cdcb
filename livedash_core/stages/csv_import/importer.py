"""Imports each company's CSV: downloads it to a file, stages it, and merges it chunk by chunk.

Each chunk is a transaction. An interrupted import can simply be repeated: rows that are stored already are not written
again, and the version of a file is stored only when all of it has been merged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shlex
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import Engine, select

from livedash_core.clients.csv_content import csv_in
from livedash_core.clients.fetch import MIB, Download, Fetcher
from livedash_core.clients.validators import Validators
from livedash_core.db import advisory_lock
from livedash_core.enums import ACTIVE
from livedash_core.errors import PermanentError, ProcessingError, SystemicError
from livedash_core.models import Company
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings
from livedash_core.stages.csv_import.merge import STAGE, MergedChunk, merge_in_parallel, merge_partition
from livedash_core.stages.csv_import.staging import StagedFile, StoppedReading, stage_file
from livedash_core.stages.csv_import.versions import (
    Version,
    forget_version,
    read_shrunk_from,
    read_version,
    store_version,
    update_validators,
)
from livedash_core.stages.execution.failures import describe, is_database_failure
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.status import Scope
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

#: Connections that merge a file concurrently; each keeps a core of the database server busy.
PARTITIONS = 2


def import_lock(engine: Engine, company_id: UUID) -> AbstractContextManager[bool]:
    """Try to take the lock that lets a company be imported once at a time; yield whether it was acquired."""
    return advisory_lock(engine, f"livedash import {company_id}")


class CsvImporter:
    """Imports the CSV of every active company of a scope and counts in ``report``.

    A CSV that cannot be imported opens an incident of its company; the other companies continue.
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

    def run(self, scope: Scope, should_stop: Callable[[], bool]) -> None:
        """Import one company after the other until all are done or ``should_stop()``; a chunk is never interrupted."""
        for company in self._companies(scope):
            if should_stop():
                return
            try:
                self._import(company, should_stop)
            except StoppedReading:
                return
            except ProcessingError as error:
                self._open_incident(company, str(error), local=isinstance(error, SystemicError) and error.local)
            except Exception as error:
                if is_database_failure(error):
                    raise
                self._open_incident(company, f"its CSV was not imported: {describe(error)}")

    def _companies(self, scope: Scope) -> list[Any]:
        wanted = select(*Sources.COLUMNS).where(Company.status == ACTIVE, Company.csv_url.is_not(None))
        if scope.company_ids is not None:
            wanted = wanted.where(Company.id.in_(scope.company_ids))
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(Company.name)))

    def _import(self, company: Any, should_stop: Callable[[], bool]) -> None:
        with import_lock(self._engine, company.company_id) as acquired:
            if acquired:
                self._import_locked(company, should_stop)
            else:
                log.info("%s: its CSV is being imported by another run; nothing to do here", company.company_name)

    def _import_locked(self, company: Any, should_stop: Callable[[], bool]) -> None:
        began = time.monotonic()
        name = company.company_name
        with ExitStack() as opened:
            file = opened.enter_context(tempfile.TemporaryFile())
            with self._engine.connect() as connection:
                known = read_version(connection, company)
            download = self._download(company, file, known.validators)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if download is None or (sha256, download.charset) == (known.sha256, known.charset):
                self._keep(company, known, download)
                return
            content = csv_in(file, max_bytes=self._settings.csv_max_mib * MIB, opened=opened)
            staged, merged = self._stage_and_merge(company, content, download.charset, known, should_stop)
        if should_stop():
            return
        version = Version(download.validators, download.charset, sha256, staged.rows, staged.rejections)
        with self._engine.begin() as connection:
            close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
            shrunk_from = store_version(connection, company, version, staged)
        reading = staged.reading()
        log.info(
            "%s: %d new and %d changed sessions, %d lines rejected, read as %s, in %.1f s",
            name,
            sum(chunk.new for chunk in merged),
            sum(chunk.changed for chunk in merged),
            staged.rejections,
            reading["encoding"],
            time.monotonic() - began,
        )
        if staged.rejections:
            self._report.rejected[name] = (staged.rejections, staged.first_rejection)
        for note in reading["notes"]:
            log.warning("%s: %s", name, note)
        self._check_size(company, version._replace(shrunk_from=shrunk_from))

    def _keep(self, company: Any, known: Version, download: Download | None) -> None:
        """Keep the version that is stored, because the file is the same."""
        with self._engine.begin() as connection:
            known = known._replace(shrunk_from=read_shrunk_from(connection, company))
            if not known.shrunk_from:
                close_incidents(connection, STAGE, [company.company_id], for_everyone=False)
            if download and download.validators != known.validators:
                update_validators(connection, company, download.validators)
        self._report.unchanged.append(company.company_name)
        log.info("%s: the CSV has not changed since it was last imported; nothing to do", company.company_name)
        self._check_size(company, known)

    def _check_size(self, company: Any, version: Version) -> None:
        """Raise ``PermanentError``, which becomes an incident, for a CSV that has lost most of its rows."""
        if version.shrunk_from:
            name = company.company_name
            raise PermanentError(
                f"{name}: its CSV has {version.rows:,} rows; before, it had {version.shrunk_from:,}. The rows were "
                "taken, and no session was deleted. Is the export complete? If it is meant to be so short, confirm it "
                f"with: livedash company update {shlex.quote(name)} --confirm-csv"
            )

    def _stage_and_merge(
        self, company: Any, file: BinaryIO, charset: str | None, known: Version, should_stop: Callable[[], bool]
    ) -> tuple[StagedFile, list[MergedChunk]]:
        """Stage ``file`` and merge its chunks, which are all of them unless ``should_stop()``."""
        merged: list[MergedChunk] = []

        def count(chunk: MergedChunk) -> None:
            merged.append(chunk)
            self._report.claimed += chunk.readable
            self._report.completed += chunk.readable
            self._on_progress(self._report)

        with ExitStack() as opened:
            connections = [opened.enter_context(self._engine.connect()) for _ in range(PARTITIONS)]
            for connection in connections:
                opened.callback(
                    connection.invalidate
                )  # not returned to the pool: its temporary table contains personal data
            staged = stage_file(
                connections,
                company,
                file,
                charset=charset,
                date_order=known.date_order,
                max_lines=self._settings.csv_max_lines,
                should_stop=should_stop,
            )
            # Until all of it is merged, what is stored is of no version.
            with self._engine.begin() as connection:
                forget_version(connection, company)
            partitions = [
                merge_partition(one, company.company_id, self._pipeline, staged.last_line, has_new=has_new)
                for one, has_new in zip(connections, staged.has_new, strict=True)
            ]
            merge_in_parallel(partitions, count, should_stop)
        return staged, merged

    def _download(self, company: Any, file: BinaryIO, known: Validators) -> Download | None:
        source = self._sources.of(company)
        max_bytes = self._settings.csv_max_mib * MIB

        async def download() -> Download | None:
            async with Fetcher() as fetcher:
                return await fetcher.download(company.csv_url, source, file, max_bytes=max_bytes, known=known)

        return asyncio.run(download())

    def _open_incident(self, company: Any, problem: str, *, local: bool = False) -> None:
        name = company.company_name
        message = problem if problem.startswith(f"{name}: ") else f"{name}: {problem}"
        log.warning("%s", message)
        self._report.incidents.append(SystemicError(message, company_id=company.company_id, local=local))
        if local:
            return
        with self._engine.begin() as connection:
            open_incident(connection, STAGE, company.company_id, message)
