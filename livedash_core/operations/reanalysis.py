"""Queues analysed sessions for another analysis: those without an outcome, or of an older prompt or rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from livedash_core.db import in_transaction
from livedash_core.pipeline import Pipeline
from livedash_core.status import ProcessingStatusManager, Scope

#: The stage that analyses.
STAGE = "AI_ANALYSIS"
#: Sessions per transaction: an interruption keeps the chunks that are queued.
CHUNK_SESSIONS = 1000


def find_analysed(
    connection: Connection, scope: Scope, *, versions: Sequence[str] | None = None, limit: int | None = None
) -> list[UUID]:
    """Find analysed sessions of active companies in ``scope``, the newest first.

    They have one of these prompt versions, or (None) were not analysed for their outcome. A session that is queued or
    being analysed is left out.
    """
    which = _OF_VERSIONS if versions else _WITHOUT_OUTCOME
    query = text(_FIND.format(which=which, reach="true" if scope.session_ids is None else _THESE))
    parameters = {**scope.parameters(), "stage": STAGE, "versions": list(versions or ()), "limit": limit}
    return list(connection.scalars(query, parameters))


def analyse_again(
    engine: Engine, session_ids: Sequence[UUID], pipeline: Pipeline, *, versions: Sequence[str] | None = None
) -> int:
    """Set the analysis of these sessions, and all later stages, PENDING; returns the number of sessions.

    Only of those that ``find_analysed`` still finds with these ``versions``: another call may have queued a session
    since it was found, and its analysis may be paid for. What was analysed before stays visible until the new analysis
    replaces it.
    """
    queued = 0
    for first in range(0, len(session_ids), CHUNK_SESSIONS):
        chunk = session_ids[first : first + CHUNK_SESSIONS]
        queued += in_transaction(engine, partial(_reopen, ids=chunk, pipeline=pipeline, versions=versions))
    return queued


def _reopen(connection: Connection, *, ids: Sequence[UUID], pipeline: Pipeline, versions: Sequence[str] | None) -> int:
    manager = ProcessingStatusManager(connection, pipeline=pipeline)
    # The statement that chooses must begin after the lock, to see what others stored while this call waited for them.
    manager.lock(ids)
    still = find_analysed(connection, Scope(session_ids=tuple(ids)), versions=versions)
    return len(manager.reopen(STAGE, still))


_FIND = """
    SELECT session.id
    FROM livedash.session
    JOIN livedash.company ON company.id = session.company_id AND company.status = 'ACTIVE'
    JOIN livedash.session_import AS imported ON imported.id = session.id AND imported.erased_at IS NULL
    JOIN livedash.session_processing_status AS status
      ON status.session_id = session.id AND status.stage = :stage AND status.status = 'COMPLETED'
    WHERE session.analyzed_at IS NOT NULL AND {which} AND {reach}
      AND (CAST(:company_ids AS uuid[]) IS NULL OR session.company_id = ANY (CAST(:company_ids AS uuid[])))
      AND session.started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
      AND session.started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
    ORDER BY session.started_at DESC, session.id DESC LIMIT :limit
"""
_WITHOUT_OUTCOME = "session.outcome IS NULL"
_OF_VERSIONS = "session.prompt_version = ANY (CAST(:versions AS text[]))"
_THESE = "session.id = ANY (CAST(:session_ids AS uuid[]))"
