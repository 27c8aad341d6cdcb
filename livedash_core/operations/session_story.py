"""One session as a page tells it: everything that is known, of long texts and long lists the beginning."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.errors import UnknownSession
from livedash_core.pipeline import Pipeline

#: Messages of a page, and characters of one: a transcript may be 2 MiB.
MESSAGES = 40
MESSAGE_CHARACTERS = 3000
#: The newest failed attempts and model calls that are shown.
ATTEMPTS = 20
REQUESTS = 10


class Story(NamedTuple):
    """``stages`` in order, ``attempts`` are the failed ones of a stage, oldest first; ``requests`` the newest first.

    ``messages`` has one more than ``MESSAGES`` when there are more; ``analysis`` is the analysis that counts.
    """

    session: dict[str, Any]
    stages: list[dict[str, Any]]
    attempts: dict[str, list[dict[str, Any]]]
    messages: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    requests: list[dict[str, Any]]


def read_session_story(
    connection: Connection, session_id: UUID, pipeline: Pipeline, *, messages_after: int = 0
) -> Story:
    """Read it, each part by the session's key. Raises ``UnknownSession``."""

    def rows(query: str, **parameters: Any) -> list[dict[str, Any]]:
        found = connection.execute(text(query), {"session_id": session_id, **parameters})
        return [dict(row._mapping) for row in found]

    session = rows(_SESSION)
    if not session:
        raise UnknownSession(session_id)
    statuses = {row["stage"]: row for row in rows(_STAGES)}
    attempts: dict[str, list[dict[str, Any]]] = {}
    for attempt in reversed(rows(_ATTEMPTS, limit=ATTEMPTS)):
        attempts.setdefault(attempt["stage"], []).append(attempt)
    return Story(
        session[0],
        [statuses[stage] for stage in pipeline.names if stage in statuses],
        attempts,
        rows(_MESSAGES, after=min(messages_after, 2**31 - 1), limit=MESSAGES + 1, characters=MESSAGE_CHARACTERS),
        rows(_QUESTIONS),
        rows(_REQUESTS, limit=REQUESTS),
    )


_SESSION = """
    SELECT imported.id, left(imported.external_session_id, 200) AS external_session_id, imported.imported_at,
           imported.started_at, imported.ended_at, left(imported.full_transcript_url, 500) AS transcript_url,
           left(imported.start_time, 40) AS start_time,
           left(company.name, 200) AS company, company.status AS company_status,
           analysed.id IS NOT NULL AS created, left(analysed.country, 40) AS country,
           left(analysed.language, 40) AS language,
           analysed.sentiment, analysed.escalated, analysed.forwarded_hr, analysed.category,
           left(analysed.summary, 1000) AS summary,
           analysed.analyzer, left(analysed.model, 100) AS model,
           left(analysed.prompt_version, 40) AS prompt_version, analysed.analyzed_at,
           left(imported.initial_message, 500) AS initial_message,
           (SELECT max(position) FROM livedash.message WHERE session_id = imported.id) AS messages
    FROM livedash.session_import AS imported
    JOIN livedash.company ON company.id = imported.company_id
    LEFT JOIN livedash.session AS analysed ON analysed.id = imported.id
    WHERE imported.id = :session_id
"""
_STAGES = """
    SELECT status.stage, status.status, status.attempts, nullif(available_at, 'infinity') AS available_at,
           available_at > now() AS is_later, started_at, completed_at,
           extract(epoch FROM completed_at - started_at) AS seconds, error_kind,
           left(error_message, 300) AS error_message, left(metadata ->> 'reason', 500) AS reason,
           metadata ->> 'reused' = 'true' AS reused,
           lease.owner, lease.dag_run
    FROM livedash.session_processing_status AS status
    LEFT JOIN livedash.session_processing_lease AS lease ON lease.token = status.lease_token
    WHERE session_id = :session_id
"""
_ATTEMPTS = """
    SELECT stage, attempt, started_at, failed_at, extract(epoch FROM failed_at - started_at) AS seconds, error_kind,
           left(error_message, 300) AS error_message, dag_run
    FROM livedash.session_processing_failure WHERE session_id = :session_id
    ORDER BY failed_at DESC, id DESC LIMIT :limit
"""
_MESSAGES = """
    SELECT position, role, left(content, :characters) AS content, length(content) > :characters AS cut_off, sent_at
    FROM livedash.message WHERE session_id = :session_id AND position > :after ORDER BY position LIMIT :limit
"""
_QUESTIONS = """
    SELECT asked.question_id, left(asked.raw_text, 500) AS raw_text, question.sessions
    FROM livedash.session_question AS asked JOIN livedash.question ON question.id = asked.question_id
    WHERE session_id = :session_id ORDER BY asked.position
"""
_REQUESTS = """
    SELECT requested_at, mode, left(coalesce(model_answered, model_requested), 60) AS model, outcome,
           left(error_message, 200) AS error_message, prompt_tokens, cached_tokens, completion_tokens, cost, currency,
           extract(epoch FROM answered_at - requested_at) AS seconds
    FROM livedash.ai_processing_request WHERE session_id = :session_id
    ORDER BY requested_at DESC LIMIT :limit
"""
