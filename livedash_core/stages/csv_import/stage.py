"""CSV_IMPORT: imports the rows of a company's CSV as sessions with a start and an end time."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text

from livedash_core.db import in_transaction
from livedash_core.models import Company, SessionImport
from livedash_core.outcomes import Completed, Outcome
from livedash_core.parsing.session_times import Times, interpret
from livedash_core.pipeline import Pipeline
from livedash_core.stages.csv_import.importer import CsvImporter
from livedash_core.stages.late_transcripts import STAGE, reopen_late_transcripts
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.stages.stage import RunControl, Stage
from livedash_core.status import Scope

log = logging.getLogger(__name__)


class RawTimes(NamedTuple):
    """The start and end cells of a row, their time zone, and the notes of the import."""

    session_id: UUID
    company_id: UUID
    start_time: str | None
    end_time: str | None
    notes: dict[str, Any] | None
    zone: ZoneInfo


class CsvImport(Stage[RawTimes, Times]):
    """Imports new rows and completes them in ``ingest``; claims only rows whose times could not be read, and rows that
    have changed since.
    """

    name = "CSV_IMPORT"
    claim_size = 1000

    def ingest(self, pipeline: Pipeline, scope: Scope, report: StageReport, run: RunControl) -> None:
        """Fetch and merge the CSVs, unless the scope names sessions that are imported already."""
        if not scope.names_sessions:
            context, sources = self.context, Sources(self.context.credentials)
            importer = CsvImporter(context.engine, context.settings, pipeline, sources, report, run.report_progress)
            importer.run(scope, run.should_stop)
            if not run.should_stop() and STAGE in pipeline.names:
                reopened = in_transaction(
                    context.engine,
                    lambda connection: reopen_late_transcripts(connection, pipeline, scope.company_ids),
                )
                if reopened:
                    log.info("%d transcripts that were empty or missing are fetched again", len(reopened))

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[RawTimes]:
        """Read the raw cells."""
        rows = connection.execute(
            select(
                SessionImport.id,
                SessionImport.company_id,
                SessionImport.start_time,
                SessionImport.end_time,
                SessionImport.notes,
                Company.timezone,
            )
            .join(Company, Company.id == SessionImport.company_id)
            .where(SessionImport.id.in_(session_ids))
        )
        return [RawTimes._make((*row[:5], ZoneInfo(row.timezone))) for row in rows]

    async def handle(self, item: RawTimes) -> Outcome[Times]:
        """Interpret the start and end cells."""
        return Completed(interpret(item.start_time, item.end_time, item.zone, item.notes), item.notes)

    def store(self, connection: Connection, results: Mapping[UUID, Times]) -> None:
        """Write the start and end times beside the raw cells."""
        connection.execute(
            _SET_TIMES,
            {
                "session_ids": list(results),
                "started": [times.started_at for times in results.values()],
                "ended": [times.ended_at for times in results.values()],
            },
        )


_SET_TIMES = text(
    """
    UPDATE livedash.session_import AS session
    SET started_at = read.started_at, ended_at = read.ended_at
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:started AS timestamptz[]), CAST(:ended AS timestamptz[]))
         AS read (id, started_at, ended_at)
    WHERE session.id = read.id
    """
)
