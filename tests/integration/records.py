"""Create companies and sessions for a test, read their status rows and assert on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, select, text
from uuid6 import uuid7

from livedash_core.models import Company, ProcessingFailure, ProcessingStatus, SessionImport
from livedash_core.pipeline import BUILT_IN, Pipeline, StageDefinition
from livedash_core.status import ProcessingStatusManager, read_breakdown

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def pipeline_with(name: str, *, after: str) -> Pipeline:
    """The built-in pipeline and one more stage, which cannot run."""
    return BUILT_IN.with_stages([StageDefinition(name, "nowhere:Stage", f"livedash_{name.lower()}", after=after)])


class Records:
    """Write and read a test's companies and sessions, each in a committed transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def company(self, name: str, **columns: Any) -> UUID:
        company_id = uuid7()
        with self.engine.begin() as connection:
            connection.execute(insert(Company).values(id=company_id, name=name, **columns))
        return company_id

    def sessions(
        self, company_id: UUID, number: int, *, started_at: datetime | None = NOON, completed_stages: int = 1
    ) -> list[UUID]:
        """New sessions with all their rows, their first ``completed_stages`` done."""
        ids = [uuid7() for _ in range(number)]
        with self.engine.begin() as connection:
            connection.execute(
                insert(SessionImport),
                [
                    {
                        "id": session_id,
                        "company_id": company_id,
                        "external_session_id": f"ext-{session_id}",
                        "started_at": started_at,
                    }
                    for session_id in ids
                ],
            )
            manager = ProcessingStatusManager(connection)
            manager.initialize_sessions(dict.fromkeys(ids, company_id), completed_stages=completed_stages)
        return ids

    def initialize(
        self, sessions: Mapping[UUID, UUID], pipeline: Pipeline = BUILT_IN, *, completed_stages: int = 0
    ) -> list[UUID]:
        """Give known sessions the rows of added stages, which needs a transaction; returns those that were new."""
        with self.engine.begin() as connection:
            manager = ProcessingStatusManager(connection, pipeline=pipeline)
            return manager.initialize_sessions(sessions, completed_stages=completed_stages)

    def expire_leases(self) -> None:
        """Move every lease's expiry into the past, instead of waiting."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE livedash.session_processing_lease SET expires_at = now() - interval '1 s'"))

    def backoff_is_over(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE livedash.session_processing_status SET available_at = now() "
                    "WHERE status = 'PENDING' AND available_at < 'infinity'"
                )
            )

    def row(self, session_id: UUID, stage: str) -> Any:
        table = ProcessingStatus.__table__
        with self.engine.connect() as connection:
            return connection.execute(
                select(table).where(table.c.session_id == session_id, table.c.stage == stage)
            ).one()

    def failures(self, session_id: UUID) -> list[Any]:
        table = ProcessingFailure.__table__
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).where(table.c.session_id == session_id).order_by(table.c.id)))

    def assert_stage(self, session_id: UUID, stage: str, status: str) -> None:
        found = self.row(session_id, stage).status
        assert found == status, f"{stage} of {session_id} is {found}, not {status}"

    def assert_counts_equal_rows(self, pipeline: Pipeline = BUILT_IN) -> None:
        with self.engine.connect() as connection:
            assert read_breakdown(connection, pipeline) == read_breakdown(connection, pipeline, recount=True)


def rows_with(engine: Engine, word: str) -> dict[str, int]:
    """Table → number of rows that contain the word."""
    found = {}
    with engine.connect() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'livedash'")).all()
        for table in tables:
            query = text(f"SELECT count(*) FROM livedash.{table} AS row WHERE strpos(CAST(row AS text), :word) > 0")
            if rows := connection.scalar(query, {"word": word}):
                found[table] = rows
    return found
