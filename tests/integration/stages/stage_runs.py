"""Runs stages as the command line does, and reads what they stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text

from livedash_core.bulk_insert import upsert
from livedash_core.clients.credentials import BasicCredentials
from livedash_core.models import SessionImport, SessionTranscript
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Completed, Outcome, Stage, StageContext, create_stage
from livedash_core.status.incidents import Incident, list_incidents

SOURCE_CREDENTIALS = BasicCredentials("reader", "correct horse")


class Pipeline:
    """Runs stages on one database with the offline analyzer, and reads what they stored."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.engine = engine
        self.stages = BUILT_IN
        self.context = StageContext(
            engine, Settings(analyzer="offline", **settings), lambda _conn_id: SOURCE_CREDENTIALS
        )

    def runner(self, stage: str | Stage, **options: Any) -> Runner:
        made = create_stage(self.stages.stage(stage), self.context) if isinstance(stage, str) else stage
        return Runner(self.engine, made, self.stages, **options)

    def run(self, stage: str | Stage, **options: Any) -> StageReport:
        return self.runner(stage, **options).run()

    def run_all(self) -> dict[str, StageReport]:
        return {name: self.run(name) for name in self.stages.names}

    def incidents(self) -> list[Incident]:
        with self.engine.connect() as connection:
            return list_incidents(connection)

    def query(self, sql: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), parameters))

    def session(self, external_id: str) -> UUID:
        ((session_id,),) = self.query(
            "SELECT id FROM livedash.session_import WHERE external_session_id = :external_id", external_id=external_id
        )
        return session_id

    def statuses(self, stage: str) -> Counter[str]:
        rows = self.query("SELECT status FROM livedash.session_processing_status WHERE stage = :stage", stage=stage)
        return Counter(status for (status,) in rows)

    def attempts(self, stage: str) -> set[int]:
        rows = self.query("SELECT attempts FROM livedash.session_processing_status WHERE stage = :stage", stage=stage)
        return {attempts for (attempts,) in rows}

    def leases(self) -> int:
        ((number,),) = self.query("SELECT count(*) FROM livedash.session_processing_lease")
        return number

    def everything(self, but: str | None = None) -> dict[str, list[Any]]:
        """Every row of every table with its transaction and its place: equal only if nothing was written.

        ``but`` is a table to leave out.
        """
        tables = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'livedash' ORDER BY 1")
        row = "CAST(ctid AS text), CAST(xmin AS text), CAST(row AS text)"
        return {
            table: self.query(f"SELECT {row} FROM livedash.{table} AS row ORDER BY 1")
            for (table,) in tables
            if table != but
        }

    def rows_of(self, session_id: UUID) -> list[Any]:
        """All rows of one session, with the transactions that wrote them."""
        key = {"session": "id"}
        tables = ("session", "message", "session_question", "session_transcript", "session_processing_status")
        row = "CAST(xmin AS text), CAST(row AS text)"
        return [
            self.query(
                f"SELECT {row} FROM livedash.{table} AS row WHERE {key.get(table, 'session_id')} = :id ORDER BY 2",
                id=session_id,
            )
            for table in tables
        ]


class Found(NamedTuple):
    session_id: UUID
    company_id: UUID


class Scripted(Stage[Found, str]):
    """TRANSCRIPT_FETCH with the test's own ``handle``, whose result is stored as the transcript."""

    name = "TRANSCRIPT_FETCH"

    def __init__(
        self,
        pipeline: Pipeline,
        handle: Callable[[Found], Awaitable[Outcome[str]]],
        *,
        at_once: int = 4,
        batch: int = 100,
    ) -> None:
        super().__init__(pipeline.context)
        self.concurrency = at_once
        self.claim_size = batch
        self._handle = handle

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Found]:
        wanted = select(SessionImport.id, SessionImport.company_id).where(SessionImport.id.in_(session_ids))
        return [Found(*row) for row in connection.execute(wanted.order_by(SessionImport.id))]

    async def handle(self, item: Found) -> Outcome[str]:
        return await self._handle(item)

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        rows = [{"session_id": key, "content": content} for key, content in results.items()]
        upsert(connection, SessionTranscript, rows, key=["session_id"], update=["content"])


async def complete(item: Found) -> Outcome[str]:
    return Completed("done")
