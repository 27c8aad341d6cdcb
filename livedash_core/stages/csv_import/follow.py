"""Lets sessions follow corrected rows that make no stage necessary again: a country, a cost, a first message."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects import postgresql

from livedash_core.insights import counted_sessions
from livedash_core.models import Session, SessionImport
from livedash_core.stages.row_columns import FOLLOWING, following_columns
from livedash_core.status import ProcessingStatusManager

_STAGE = "SESSION_CREATION"


def follow_rows(connection: Connection, manager: ProcessingStatusManager, session_ids: Sequence[UUID]) -> None:
    """Write the columns of changed rows of ``session_import`` to their sessions, and keep the counts.

    The language of an analysis stays. Sessions that are being made at this moment, from the row as it was, and those
    with a note about a number that could not be read are made again.
    """
    is_made = _STAGE in manager.pipeline.names
    if is_made:  # or a session could be claimed, or stored, from the row as it was, behind the statements below
        manager.lock(session_ids, [_STAGE])
    rows = connection.execute(
        select(SessionImport.__table__)
        .join(Session, Session.id == SessionImport.id)
        .where(SessionImport.id.in_(session_ids))
        .order_by(SessionImport.id)
    ).all()
    columns = [following_columns(row) for row in rows]
    values = {f"new_{name}": [each[name] for each in columns] for name in (*FOLLOWING, "language")}
    ids = [row.id for row in rows]
    with counted_sessions(connection, ids):
        connection.execute(_FOLLOW, {"ids": ids, **values})
    if is_made and (stale := connection.scalars(_STALE, {"ids": list(session_ids)}).all()):
        manager.reopen(_STAGE, stale)


_ARRAYS = ", ".join(
    f"CAST(:new_{name} AS {Session.__table__.c[name].type.compile(postgresql.dialect())}[])"  # type: ignore[no-untyped-call]
    for name in (*FOLLOWING, "language")
)
#: Arrays instead of many parameters: one statement text for any number of rows.
_FOLLOW = text(
    f"""
    UPDATE livedash.session AS session
    SET {", ".join(f"{name} = new.{name}" for name in FOLLOWING)},
        language = CASE WHEN session.analysis_id IS NULL THEN new.language ELSE session.language END
    FROM unnest(CAST(:ids AS uuid[]), {_ARRAYS}) AS new (id, {", ".join(FOLLOWING)}, language)
    WHERE session.id = new.id
    """  # noqa: S608 - made of constants
)
_STALE = text(
    f"""
    SELECT session_id FROM livedash.session_processing_status
    WHERE stage = '{_STAGE}' AND session_id = ANY (CAST(:ids AS uuid[]))
      AND (status = 'IN_PROGRESS' OR metadata ? 'unread_cells')
    """  # noqa: S608 - made of constants
)
