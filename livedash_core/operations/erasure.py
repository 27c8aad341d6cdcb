"""Erasing sessions: what was said goes, that there was something, and what it cost, stays.

Of an erased session its ids, start, states, analysis in closed terms (category, sentiment, …) and requests are left.
Its imported row stays behind, empty, so that the next import of the same CSV knows it and leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Engine, and_, delete, exists, func, or_, select, text, update

from livedash_core.db import in_transaction
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
    SessionTranscript,
)
from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.pipeline import Pipeline
from livedash_core.status import fold
from livedash_core.status.erasure import ERASED, erase_failures

#: A transaction each: what is erased stays so if the rest is cut short.
CHUNK_SESSIONS = 500

_RAW = [column for column in COLUMNS if column != "external_session_id"]


@dataclass
class Erased:
    """How much went. ``questions`` are those that nobody else asked; ``rejections`` lines that could not be taken."""

    sessions: int = 0
    messages: int = 0
    transcripts: int = 0
    questions: int = 0
    rejections: int = 0

    def as_dict(self) -> dict[str, int]:
        """What `livedash erase --json` prints."""
        return asdict(self)

    def __iadd__(self, other: Erased) -> Erased:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def erase_session(engine: Engine, session_id: UUID, pipeline: Pipeline) -> Erased:
    """Erase one session; nothing if it was erased before."""
    return _erase(engine, [_not_erased(), SessionImport.id == session_id], pipeline)


def erase_company(engine: Engine, company_id: UUID, before: datetime | None, pipeline: Pipeline) -> Erased:
    """Erase a company's sessions that started before then (imported, where the start is unknown), or all of them.

    Lines that could not be imported are erased likewise, by when they were rejected.
    """
    if before is None:
        return _erase_company(engine, company_id, None, [], pipeline)
    unknown = and_(SessionImport.started_at.is_(None), SessionImport.imported_at < before)
    return _erase_company(engine, company_id, before, [or_(SessionImport.started_at < before, unknown)], pipeline)


def erase_expired(engine: Engine, pipeline: Pipeline, now: datetime | None = None) -> dict[str, Erased]:
    """Erase what is older than its company wants it kept, whatever the company's status; what went, by company.

    A session is as old as its start or its import, whichever was first: one dated in the future would never go.
    """
    with engine.connect() as connection:
        companies = list(connection.execute(_WITH_RETENTION))
    found = {}
    for company in companies:
        before = (now or datetime.now(UTC)) - timedelta(days=company.retention_days)
        is_older = or_(SessionImport.started_at < before, SessionImport.imported_at < before)
        found[company.name] = _erase_company(engine, company.id, before, [is_older], pipeline)
    return found


def count_expired(connection: Connection, *, grace: timedelta) -> dict[str, int]:
    """Sessions that should be gone by more than ``grace``, by company; companies without any are left out."""
    overdue = func.now() - func.make_interval(0, 0, 0, Company.retention_days) - grace
    rows = connection.execute(
        select(Company.name, func.count())
        .join(SessionImport, SessionImport.company_id == Company.id)
        .where(_not_erased(), func.least(SessionImport.started_at, SessionImport.imported_at) < overdue)
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
    # Before the sessions, each of which looks for its own lines among those that are left.
    rejections = in_transaction(engine, lambda connection: _erase_rejections(connection, company_id, before))
    erased = _erase(engine, [_not_erased(), SessionImport.company_id == company_id, *which], pipeline)
    erased.rejections += rejections
    return erased


def _not_erased() -> Any:
    return SessionImport.erased_at.is_(None)


def _erase(engine: Engine, wanted: Sequence[Any], pipeline: Pipeline) -> Erased:
    erased = Erased()
    for chunk in _chunks(engine, wanted):
        erased += in_transaction(engine, partial(_erase_chunk, ids=chunk, pipeline=pipeline))
    # The counts of failures are by reason: the first fold empties those that quoted a row, the second forgets them.
    for _ in range(2):
        in_transaction(engine, fold)
    return erased


def _chunks(engine: Engine, wanted: Sequence[Any]) -> Iterator[list[UUID]]:
    query = select(SessionImport.id).where(*wanted).order_by(SessionImport.id).limit(CHUNK_SESSIONS)
    last: UUID | None = None
    while True:
        with engine.connect() as connection:
            found = list(connection.scalars(query if last is None else query.where(SessionImport.id > last)))
        if not found:
            return
        yield found
        last = found[-1]


def _erase_chunk(connection: Connection, *, ids: list[UUID], pipeline: Pipeline) -> Erased:
    # First of all: from here on nobody writes what is deleted below.
    erase_failures(connection, ids, pipeline)
    # Nor does the ledger, which holds no session: it waits for this lock, and then sees that they are erased.
    these = select(SessionImport.id).where(SessionImport.id.in_(ids))
    connection.execute(these.order_by(SessionImport.id).with_for_update())
    messages = connection.execute(delete(Message).where(Message.session_id.in_(ids)))
    transcripts = connection.execute(delete(SessionTranscript).where(SessionTranscript.session_id.in_(ids)))
    questions = _erase_questions(connection, ids)
    connection.execute(delete(SessionAnalysis).where(SessionAnalysis.session_id.in_(ids)))
    # The country is a cell as it came, whatever stands in it; nobody counts by it.
    said = dict.fromkeys(("initial_message", "country", "summary", "analysis_id"))
    connection.execute(update(Session).where(Session.id.in_(ids)).values(said))
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


#: What could not be taken of these sessions' own lines, whichever delimiter they have: an id is the first cell.
_BLANK_BROKEN_LINES = text(
    """
    UPDATE livedash.import_rejection SET raw_text = '', reason = :erased
    WHERE id IN (
        SELECT rejection.id
        FROM livedash.import_rejection AS rejection CROSS JOIN (VALUES (','), (';')) AS delimiter (sign)
        JOIN livedash.session_import AS imported
          ON imported.company_id = rejection.company_id
         AND imported.external_session_id = btrim(split_part(raw_text, sign, 1), ' \t"')
        WHERE imported.id = ANY (CAST(:ids AS uuid[])) AND raw_text <> ''
    )
    """
)


def _erase_questions(connection: Connection, ids: list[UUID]) -> int:
    """Blank how these sessions put their questions; the questions themselves if nobody else asked them.

    They stay as rows, because their counts do; no question's normal form has a "#". The lock keeps a question from
    being asked anew in between.
    """
    asked = list(connection.scalars(_BLANK_RAW_TEXTS, {"ids": ids}))
    if not asked:
        return 0
    connection.execute(text("LOCK TABLE livedash.question IN SHARE ROW EXCLUSIVE MODE"))
    still_asked = exists().where(SessionQuestion.question_id == Question.id, SessionQuestion.raw_text != "")
    blanked = connection.execute(
        update(Question)
        .where(Question.id.in_(asked), ~still_asked)
        .values(content=ERASED, normal_form=func.concat("#", Question.id))
    )
    return _count(blanked)


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
    return _count(connection.execute(update(ImportRejection).where(*wanted).values(raw_text="", reason=ERASED)))


def _count(result: CursorResult[Any]) -> int:
    return result.rowcount
