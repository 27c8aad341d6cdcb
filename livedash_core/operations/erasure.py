"""Erases the content of sessions; counts and costs stay.

An erased session keeps its ids, start, statuses, the closed values of its analysis (category, sentiment, …) and its
model calls. Its imported row stays, empty, so that the next import of the same CSV recognizes and ignores it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from livedash_core.db import in_transaction
from livedash_core.insights.topics.erasing import forget_questions
from livedash_core.insights.topics.locking import NOT_ERASED
from livedash_core.models import (
    AiProcessingRequest,
    Company,
    ImportRejection,
    Message,
    Question,
    Session,
    SessionAnalysis,
    SessionImport,
    SessionQuestion,
    SessionSearch,
    SessionTranscript,
)
from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.pipeline import Pipeline
from livedash_core.status import ProcessingStatusManager, fold
from livedash_core.status.redaction import ERASED

#: Sessions per transaction: an interruption keeps the chunks that are erased.
CHUNK_SESSIONS = 500

#: From when a session's age counts. An index has it, of the sessions that are not erased.
_SINCE = func.least(SessionImport.started_at, SessionImport.imported_at)
_RAW = [column for column in COLUMNS if column != "external_session_id"]


@dataclass
class Erased:
    """Numbers of erased records. ``questions`` are those that no other session has; ``rejections`` are CSV lines."""

    sessions: int = 0
    messages: int = 0
    transcripts: int = 0
    questions: int = 0
    rejections: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the JSON of `livedash erase --json`."""
        return asdict(self)

    def __iadd__(self, other: Erased) -> Erased:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def count_erasable(
    connection: Connection, *, session_id: UUID | None, company_id: UUID | None, before: datetime | None
) -> int:
    """Count the sessions that ``erase_session`` or ``erase_company`` would erase."""
    which = [SessionImport.id == session_id] if session_id else [SessionImport.company_id == company_id]
    if before is not None:
        which.append(_started_before(before))
    return connection.scalar(select(func.count()).select_from(SessionImport).where(_not_erased(), *which)) or 0


def erase_session(engine: Engine, session_id: UUID, pipeline: Pipeline) -> Erased:
    """Erase one session; does nothing if it is erased already."""
    company_id = select(SessionImport.company_id).where(SessionImport.id == session_id).scalar_subquery()
    return _erase(engine, [SessionImport.id == session_id], Question.company_id == company_id, pipeline)


def erase_company(engine: Engine, company_id: UUID, before: datetime | None, pipeline: Pipeline) -> Erased:
    """Erase a company's sessions that started before a time, or all of them; without a start, the import counts.

    Rejected CSV lines are erased too, by the time of their rejection.
    """
    if before is None:
        return _erase_company(engine, company_id, None, [], pipeline)
    return _erase_company(engine, company_id, before, [_started_before(before)], pipeline)


def _started_before(before: datetime) -> ColumnElement[bool]:
    unknown = and_(SessionImport.started_at.is_(None), SessionImport.imported_at < before)
    # The first condition follows from the others; the index has it.
    return and_(before > _SINCE, or_(SessionImport.started_at < before, unknown))


def erase_expired(engine: Engine, pipeline: Pipeline, now: datetime | None = None) -> dict[str, Erased]:
    """Erase sessions older than their company's retention, whatever its status; returns what was erased by company.

    A session's age counts from its start or its import, whichever is earlier, so that one dated in the future expires.
    Of every company, questions that no session asks any more are erased.
    """
    with engine.connect() as connection:
        companies = list(connection.execute(_WITH_RETENTION))
    found = {}
    for company in companies:
        before = (now or datetime.now(UTC)) - timedelta(days=company.retention_days)
        found[company.name] = _erase_company(engine, company.id, before, [before > _SINCE], pipeline)
    without_retention = select(Company.id).where(Company.retention_days.is_(None))
    _erase_unasked(engine, Question.company_id.in_(without_retention))
    return found


def count_expired(connection: Connection, *, grace: timedelta) -> dict[str, int]:
    """Count sessions that exceed their company's retention by more than ``grace``, by company, without zeros."""
    overdue = func.now() - func.make_interval(0, 0, 0, Company.retention_days) - grace
    rows = connection.execute(
        select(Company.name, func.count())
        .join(SessionImport, SessionImport.company_id == Company.id)
        .where(_not_erased(), overdue > _SINCE)
        .group_by(Company.name)
        .order_by(Company.name)
    )
    return {row[0]: row[1] for row in rows}


_WITH_RETENTION = (
    select(Company.id, Company.name, Company.retention_days)
    .where(Company.retention_days.is_not(None))
    .order_by(Company.name)
)


def _erase_company(
    engine: Engine, company_id: UUID, before: datetime | None, which: Sequence[Any], pipeline: Pipeline
) -> Erased:
    # Before the sessions: each session searches the remaining lines for its own.
    rejections = in_transaction(engine, lambda connection: _erase_rejections(connection, company_id, before))
    wanted = [SessionImport.company_id == company_id, *which]
    erased = _erase(engine, wanted, Question.company_id == company_id, pipeline)
    erased.rejections += rejections
    return erased


def _not_erased() -> Any:
    return SessionImport.erased_at.is_(None)


def _erase(engine: Engine, wanted: Sequence[Any], of_company: ColumnElement[bool], pipeline: Pipeline) -> Erased:
    erased = Erased()
    for chunk in _chunks(engine, wanted):
        erased += in_transaction(engine, partial(_erase_chunk, ids=chunk, pipeline=pipeline))
    erased.questions += _erase_unasked(engine, of_company)
    # Failures are counted by reason. The first fold empties groups that quoted an erased row, the second deletes them.
    for _ in range(2):
        in_transaction(engine, fold)
    return erased


def _chunks(engine: Engine, wanted: Sequence[Any]) -> Iterator[list[UUID]]:
    """Read the ids of the next sessions that are not erased, oldest first; the caller erases them before the next."""
    query = select(SessionImport.id, _SINCE.label("since")).where(_not_erased(), *wanted)
    query = query.order_by(_SINCE).limit(CHUNK_SESSIONS)
    since: datetime | None = None
    while True:
        with engine.connect() as connection:
            # From where the last chunk ended: before it, the index still has the erased sessions until it is vacuumed.
            found = connection.execute(query if since is None else query.where(since <= _SINCE)).all()
        if not found:
            return
        yield [row.id for row in found]
        since = found[-1].since


def _erase_chunk(connection: Connection, *, ids: list[UUID], pipeline: Pipeline) -> Erased:
    # First, because it takes the claims away: no stage can now store what is deleted below.
    ProcessingStatusManager(connection, pipeline=pipeline).erase(ids)
    # The cost ledger holds no claim: it waits for this lock, and then finds the sessions erased.
    these = select(SessionImport.id).where(SessionImport.id.in_(ids))
    connection.execute(these.order_by(SessionImport.id).with_for_update())
    messages = connection.execute(delete(Message).where(Message.session_id.in_(ids)))
    transcripts = connection.execute(delete(SessionTranscript).where(SessionTranscript.session_id.in_(ids)))
    connection.execute(delete(SessionSearch).where(SessionSearch.session_id.in_(ids)))
    questions = _erase_questions(connection, ids)
    connection.execute(delete(SessionAnalysis).where(SessionAnalysis.session_id.in_(ids)))
    # The country is an unchecked cell of the CSV, and no count depends on it.
    content = dict.fromkeys(("initial_message", "country", "summary", "outcome_reason", "analysis_id"))
    connection.execute(update(Session).where(Session.id.in_(ids)).values(content))
    connection.execute(
        update(AiProcessingRequest)
        .where(AiProcessingRequest.session_id.in_(ids), AiProcessingRequest.error_message.is_not(None))
        .values(error_message=ERASED)
    )
    rejections = connection.execute(_BLANK_BROKEN_LINES, {"ids": ids, "erased": ERASED})
    blank = dict.fromkeys((*_RAW, "ended_at", "notes"))
    emptied = connection.execute(
        update(SessionImport).where(SessionImport.id.in_(ids), _not_erased()).values(**blank, erased_at=func.now())
    )
    return Erased(_count(emptied), _count(messages), _count(transcripts), questions, _count(rejections))


#: Rejected lines of these sessions, found by their ids.
_BLANK_BROKEN_LINES = text(
    """
    UPDATE livedash.import_rejection AS rejection SET raw_text = '', reason = :erased
    FROM livedash.session_import AS imported
    WHERE imported.id = ANY (CAST(:ids AS uuid[])) AND imported.company_id = rejection.company_id
      AND imported.external_session_id = rejection.external_session_id AND rejection.raw_text <> ''
    """
)


def _erase_questions(connection: Connection, ids: list[UUID]) -> int:
    """Erase the wording of these sessions' questions, and the questions that no other session has."""
    return _blank_unasked(connection, connection.scalars(_BLANK_RAW_TEXTS, {"ids": ids}).all())


def _erase_unasked(engine: Engine, which: ColumnElement[bool]) -> int:
    """Erase questions that no session asks any more, because those that asked them were analysed again."""
    wanted = select(Question.id).where(which, NOT_ERASED, ~_IS_ASKED)
    with engine.connect() as connection:
        found = connection.scalars(wanted.order_by(Question.id)).all()
    chunks = (found[first : first + CHUNK_SESSIONS] for first in range(0, len(found), CHUNK_SESSIONS))
    return sum(in_transaction(engine, partial(_blank_unasked, question_ids=chunk)) for chunk in chunks)


def _blank_unasked(connection: Connection, question_ids: Sequence[int]) -> int:
    """Blank those of the questions that no session asks.

    Rows stay, because their counts stay. Their normal form begins with "#", which no real one contains. The lock
    prevents a session from adding one of these questions meanwhile.
    """
    if not question_ids:
        return 0
    connection.execute(text("LOCK TABLE livedash.question IN SHARE ROW EXCLUSIVE MODE"))
    blanked = connection.scalars(
        update(Question)
        .where(Question.id.in_(question_ids), ~_IS_ASKED)
        .values(content=ERASED, normal_form=func.concat("#", Question.id))
        .returning(Question.id)
    ).all()
    forget_questions(connection, blanked)
    return len(blanked)


_IS_ASKED = exists().where(SessionQuestion.question_id == Question.id, SessionQuestion.raw_text != "")
_BLANK_RAW_TEXTS = text(
    """
    UPDATE livedash.session_question SET raw_text = ''
    WHERE session_id = ANY (CAST(:ids AS uuid[])) AND raw_text <> '' RETURNING question_id
    """
)


def _erase_rejections(connection: Connection, company_id: UUID, before: datetime | None) -> int:
    wanted = [ImportRejection.company_id == company_id, ImportRejection.raw_text != ""]
    if before is not None:
        wanted.append(ImportRejection.rejected_at < before)
    blank = {"raw_text": "", "reason": ERASED, "external_session_id": None}
    return _count(connection.execute(update(ImportRejection).where(*wanted).values(blank)))


def _count(result: CursorResult[Any]) -> int:
    return result.rowcount
