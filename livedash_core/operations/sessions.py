"""One session, whole: what it is, where it stands, what was said, asked and paid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Executable, select

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

#: Known as soon as the row is imported; the rest of a session when it is created.
_IMPORTED = ("id", "external_session_id", "started_at", "ended_at", "erased_at")


def find_session(connection: Connection, wanted: str, company_id: UUID | None = None) -> UUID:
    """A session by our id or the source's. Raises ``UnknownSession``, ``UsageError`` if several companies have it."""
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
    """What `livedash session ID --json` prints: ``session``, ``stages`` (with every failed attempt), ``messages``,
    ``questions`` and ``requests``.
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


def _columns(model: Any, *without: str) -> list[Any]:
    return [column for column in model.__table__.c if column.name not in without]


def _rows(connection: Connection, query: Executable) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
