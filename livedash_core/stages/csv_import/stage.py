"""CSV_IMPORT: from a company's CSV to sessions with a beginning and an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text

from livedash_core.models import Company, SessionImport
from livedash_core.parsing.session_times import Times, interpret
from livedash_core.pipeline import Pipeline
from livedash_core.stages.csv_import.importer import CsvImporter
from livedash_core.stages.report import StageReport
from livedash_core.stages.sources import Sources
from livedash_core.stages.stage import Completed, Outcome, RunControl, Stage
from livedash_core.status import Scope


class RawTimes(NamedTuple):
    """The two cells that decide whether a row is a session, the zone they are in, and what was noted of the row."""

    session_id: UUID
    company_id: UUID
    start_time: str | None
    end_time: str | None
    notes: dict[str, Any] | None
    zone: ZoneInfo


class CsvImport(Stage):
    """New rows are imported and completed in one go by ``ingest``; what is claimed here are rows that could not be
    understood as they came, and rows that changed since.
    """

    name = "CSV_IMPORT"
    batch_size = 1000

    def ingest(self, pipeline: Pipeline, scope: Scope, report: StageReport, run: RunControl) -> None:
        """Fetch and merge the CSVs, unless the scope is about sessions that are here already."""
        if not scope.names_sessions:
            tools = self.tools
            intake = CsvImporter(tools.engine, tools.settings, pipeline, Sources(tools.credentials), report, run.tell)
            intake.run(scope, run.stopping)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[RawTimes]:
        """The raw cells."""
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

    async def handle(self, item: RawTimes) -> Outcome:
        """Read the times."""
        return Completed(interpret(item.start_time, item.end_time, item.zone), item.notes)

    def store(self, connection: Connection, results: Mapping[UUID, Times]) -> None:
        """Write what they mean beside what they are."""
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
