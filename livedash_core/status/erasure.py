"""Forgetting what was said about sessions, while how many there are, and where, stays exact."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.pipeline import Pipeline
from livedash_core.status.statements import statement

#: In place of an error message: that there was one is part of the counts.
ERASED = "erased"


def erase_failures(connection: Connection, session_ids: Iterable[UUID], pipeline: Pipeline) -> None:
    """Blank the failure texts and notes of these sessions, history included, and take them from whoever holds them.

    What they were holding for is not written any more; their states stay, but for IN_PROGRESS, which is PENDING
    again. Whoever claims an erased session finds nothing to do. Belongs into the transaction that erases the rest.
    """
    connection.execute(
        statement("erase"), {"session_ids": list(session_ids), "stages": list(pipeline.names), "placeholder": ERASED}
    )
