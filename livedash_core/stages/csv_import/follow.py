"""Lets sessions follow corrected rows that make no stage necessary again: a country, a cost, a first message."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, select, text, update

from livedash_core.insights import counted_sessions
from livedash_core.models import Session, SessionImport
from livedash_core.stages.row_columns import following_columns
from livedash_core.status import ProcessingStatusManager

_STAGE = "SESSION_CREATION"


def follow_rows(connection: Connection, manager: ProcessingStatusManager, session_ids: Sequence[UUID]) -> None:
    """Write the columns of changed rows of ``session_import`` to their sessions, and keep the counts.

    The language of an analysis stays. Sessions that are being made at this moment, from the row as it was, and those
    with a note about a number that could not be read are made again.
    """
    rows = connection.execute(
        select(SessionImport.__table__, Session.analysis_id)
        .join(Session, Session.id == SessionImport.id)
        .where(SessionImport.id.in_(session_ids))
        .order_by(SessionImport.id)
    ).all()
    with counted_sessions(connection, [row.id for row in rows]):
        for row in rows:
            columns = following_columns(row)
            if row.analysis_id is not None:
                del columns["language"]
            connection.execute(update(Session).where(Session.id == row.id).values(columns))
    if _STAGE in manager.pipeline.names and (stale := connection.scalars(_STALE, {"ids": list(session_ids)}).all()):
        manager.reopen(_STAGE, stale)


_STALE = text(
    f"""
    SELECT session_id FROM livedash.session_processing_status
    WHERE stage = '{_STAGE}' AND session_id = ANY (CAST(:ids AS uuid[]))
      AND (status = 'IN_PROGRESS' OR metadata ? 'unread_cells')
    """  # noqa: S608 - made of constants
)
