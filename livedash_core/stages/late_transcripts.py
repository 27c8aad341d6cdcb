"""Fetches transcripts again that were empty or not there yet.

Some systems publish the file first and fill it when the session has ended; others publish the row before the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.clients.responses import MISSING
from livedash_core.pipeline import Pipeline
from livedash_core.status import ProcessingStatusManager

#: Why a session with such a transcript is skipped.
EMPTY = "the transcript is empty"
STAGE = "TRANSCRIPT_FETCH"
#: The shortest pause between two looks; later ones double.
MIN_PAUSE_SECONDS = 300
#: So long after its row was imported or changed, a transcript that is still empty or missing stays so.
LAST_CHECK_DAYS = 14
#: Transcripts per run; the others follow in the next one.
MOST_PER_RUN = 10_000

# The time between the row's change and the last check is also the pause until the next one, which is why nothing has
# to be stored.
_DUE = text(
    """
    SELECT status.session_id
    FROM livedash.session_processing_status AS status
    JOIN livedash.session_import AS row ON row.id = status.session_id
    JOIN livedash.company ON company.id = status.company_id AND company.status = 'ACTIVE'
    WHERE status.stage = :stage
      AND ((status.status = 'SKIPPED' AND status.metadata ->> 'reason' = :reason
            AND NOT status.metadata ? 'skipped_by')
           OR (status.status = 'FAILED' AND status.error_message LIKE '%' || :missing))
      AND status.completed_at > now() - 2 * make_interval(days => :days)
      AND (CAST(:company_ids AS uuid[]) IS NULL OR status.company_id = ANY (CAST(:company_ids AS uuid[])))
      AND row.erased_at IS NULL
      AND status.completed_at - row.changed_at < make_interval(days => :days)
      AND now() - status.completed_at >= greatest(status.completed_at - row.changed_at, make_interval(secs => :pause))
    ORDER BY status.completed_at
    LIMIT :most
    -- Or a person could skip one, or another import reopen it, before it is reopened here.
    FOR UPDATE OF status SKIP LOCKED
    """
)


def reopen_late_transcripts(
    connection: Connection, pipeline: Pipeline, company_ids: Sequence[UUID] | None = None
) -> list[UUID]:
    """Reopen TRANSCRIPT_FETCH of the sessions whose transcript is to be looked at again; returns their ids."""
    due = connection.scalars(
        _DUE,
        {
            "stage": STAGE,
            "reason": EMPTY,
            "missing": MISSING,
            "company_ids": None if company_ids is None else list(company_ids),
            "days": LAST_CHECK_DAYS,
            "pause": MIN_PAUSE_SECONDS,
            "most": MOST_PER_RUN,
        },
    ).all()
    return ProcessingStatusManager(connection, pipeline=pipeline).reopen(STAGE, due) if due else []
