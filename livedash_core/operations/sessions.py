"""One session: found by an id, in full for the command line, and cut off for its page."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Executable, select, text

from livedash_core.errors import UnknownSession, UsageError
from livedash_core.models import (
    AiProcessingRequest,
    Company,
    Message,
    ProcessingFailure,
    Question,
    Session,
    SessionImport,
    SessionQuestion,
)
from livedash_core.pipeline import Pipeline
from livedash_core.status import ProcessingStatusManager

#: Columns that are known from the import on; the others follow when the session is created.
_IMPORTED = ("id", "external_session_id", "started_at", "ended_at", "erased_at")

#: Messages on a page, and characters of one: a transcript may have 2 MiB.
MESSAGES = 40
MESSAGE_CHARACTERS = 3000
#: The failed attempts and model calls on a page: the newest.
ATTEMPTS = 20
REQUESTS = 10


class SessionDetails(NamedTuple):
    """A session as the Session page shows it, long texts and lists cut off.

    ``stages`` are in order. ``attempts`` are the failed ones per stage, oldest first; ``requests`` are newest first.
    ``messages`` has one more than ``MESSAGES`` if further messages follow.
    """

    session: dict[str, Any]
    stages: list[dict[str, Any]]
    attempts: dict[str, list[dict[str, Any]]]
    messages: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    requests: list[dict[str, Any]]


def find_session(connection: Connection, wanted: str, company_id: UUID | None = None) -> UUID:
    """Find a session by id or external id. Raises ``UnknownSession``, ``UsageError`` if several companies have it."""
    found = select(SessionImport.id)
    if company_id is not None:
        found = found.where(SessionImport.company_id == company_id)
    try:
        ours = UUID(wanted)
    except ValueError:
        ids = []
    else:
        ids = list(connection.scalars(found.where(SessionImport.id == ours)))
    ids = ids or list(connection.scalars(found.where(SessionImport.external_session_id == wanted)))
    if not ids:
        raise UnknownSession(wanted)
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} companies have a session {wanted}; name one of {', '.join(map(str, ids))}")
    return ids[0]


def describe_session(connection: Connection, session_id: UUID, pipeline: Pipeline) -> dict[str, Any]:
    """Read a session in full, as `livedash session ID --json` prints it.

    Its keys are ``session``, ``stages`` (with all failed attempts), ``messages``, ``questions`` and ``requests``.
    """
    session = connection.execute(
        select(
            Company.name.label("company"),
            *(column for column in SessionImport.__table__.c if column.name in _IMPORTED),
            *_columns(Session, "company_id", "analysis_id", *_IMPORTED),
        )
        .select_from(SessionImport)
        .join(Company, Company.id == SessionImport.company_id)
        .join(Session, Session.id == SessionImport.id, isouter=True)
        .where(SessionImport.id == session_id)
    ).one()
    failures: dict[str, list[dict[str, Any]]] = {}
    for failure in _rows(
        connection,
        select(*_columns(ProcessingFailure, "id", "session_id", "company_id"))
        .where(ProcessingFailure.session_id == session_id)
        .order_by(ProcessingFailure.id),
    ):
        failures.setdefault(failure.pop("stage"), []).append(failure)
    statuses = ProcessingStatusManager(connection, pipeline=pipeline).get_session_status(session_id)
    return {
        "session": dict(session._mapping),
        "stages": [
            {name: getattr(status, name) for name in status.__slots__} | {"failures": failures.get(status.stage, [])}
            for status in statuses
        ],
        "messages": _rows(
            connection,
            select(Message.position, Message.role, Message.content, Message.sent_at)
            .where(Message.session_id == session_id)
            .order_by(Message.position),
        ),
        "questions": _rows(
            connection,
            select(SessionQuestion.position, Question.content, SessionQuestion.raw_text, Question.language)
            .join(Question, Question.id == SessionQuestion.question_id)
            .where(SessionQuestion.session_id == session_id)
            .order_by(SessionQuestion.position),
        ),
        "requests": _rows(
            connection,
            select(*_columns(AiProcessingRequest, "session_id", "company_id"))
            .where(AiProcessingRequest.session_id == session_id)
            .order_by(AiProcessingRequest.requested_at),
        ),
    }


def read_session_details(
    connection: Connection, session_id: UUID, pipeline: Pipeline, *, messages_after: int = 0
) -> SessionDetails:
    """Read the session of a page, each part by the session's key. Raises ``UnknownSession``."""

    def rows(query: str, **parameters: Any) -> list[dict[str, Any]]:
        return _rows(connection, text(query).bindparams(session_id=session_id, **parameters))

    session = rows(_SESSION)
    if not session:
        raise UnknownSession(session_id)
    statuses = {row["stage"]: row for row in rows(_STAGES)}
    attempts: dict[str, list[dict[str, Any]]] = {}
    for attempt in reversed(rows(_ATTEMPTS, limit=ATTEMPTS)):
        attempts.setdefault(attempt["stage"], []).append(attempt)
    return SessionDetails(
        session[0],
        [statuses[stage] for stage in pipeline.names if stage in statuses],
        attempts,
        rows(_MESSAGES, after=min(messages_after, 2**31 - 1), limit=MESSAGES + 1, characters=MESSAGE_CHARACTERS),
        rows(_QUESTIONS),
        rows(_REQUESTS, limit=REQUESTS),
    )


def _columns(model: Any, *without: str) -> list[Any]:
    return [column for column in model.__table__.c if column.name not in without]


def _rows(connection: Connection, query: Executable) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]


_SESSION = """
    SELECT imported.id, left(imported.external_session_id, 200) AS external_session_id, imported.imported_at,
           imported.erased_at, imported.started_at, imported.ended_at,
           left(imported.full_transcript_url, 500) AS transcript_url,
           left(imported.start_time, 40) AS start_time,
           left(company.name, 200) AS company, company.status AS company_status,
           analysed.id IS NOT NULL AS created, left(analysed.country, 40) AS country,
           left(analysed.language, 40) AS language,
           analysed.sentiment, analysed.escalated, analysed.forwarded_hr, analysed.category,
           left(analysed.summary, 1000) AS summary, analysed.outcome, analysed.missing,
           left(analysed.outcome_reason, 500) AS outcome_reason,
           analysed.analyzer, left(analysed.model, 100) AS model,
           left(analysed.prompt_version, 40) AS prompt_version, analysed.analyzed_at,
           extract(epoch FROM analysed.ended_at - analysed.started_at) AS seconds,
           least(analysed.avg_response_time_seconds, 1e9) AS response_seconds,
           left(imported.initial_message, 500) AS initial_message, imported.notes,
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
           left(metadata ->> 'skipped_by', 100) AS skipped_by, left(metadata ->> 'failure', 300) AS failure,
           metadata ->> 'reused' = 'true' AS reused, metadata,
           lease.owner, lease.dag_run
    FROM livedash.session_processing_status AS status
    LEFT JOIN livedash.session_processing_lease AS lease ON lease.token = status.lease_token
    WHERE session_id = :session_id
"""
_ATTEMPTS = """
    SELECT stage, row_number() OVER (PARTITION BY stage ORDER BY failed_at, id) AS attempt, started_at, failed_at,
           extract(epoch FROM failed_at - started_at) AS seconds, error_kind,
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
