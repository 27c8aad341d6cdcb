"""Sessions whose ids were just made get their status rows as an import writes them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.bulk_insert import copy_into
from livedash_core.status import NEW_SESSIONS, ProcessingStatusManager


def initialize_new(engine: Engine, company_id: UUID, session_ids: Iterable[UUID], *, completed_stages: int = 0) -> None:
    """All of one company, in one transaction. Raises what ``initialize_new_sessions`` raises."""
    rows = [(session_id, company_id, completed_stages) for session_id in session_ids]
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        manager.expect_new_sessions()
        copy_into(connection, NEW_SESSIONS, ("id", "company_id", "completed_stages"), rows)
        manager.initialize_new_sessions()
