"""Reads the times of stored sessions again, after the time zone of a company was corrected.

No stage runs again: sessions, messages and the counts per day change in place, and analyses stay.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text, update

from livedash_core.db import in_transaction
from livedash_core.errors import PermanentError, UsageError
from livedash_core.insights import counted_sessions
from livedash_core.models import Company, Session, SessionImport
from livedash_core.outcomes import Completed, Outcome, Skipped
from livedash_core.parsing.session_times import Times, interpret, peculiarities
from livedash_core.pipeline import Pipeline
from livedash_core.stages.csv_import.importer import import_lock
from livedash_core.stages.csv_import.merge import STAGE as CSV_IMPORT
from livedash_core.stages.session_creation import ImportedSession, NewSession, SessionCreation
from livedash_core.stages.stage import StageContext
from livedash_core.status import ProcessingStatusManager

#: Sessions per transaction; each may hold a transcript.
_CHUNK = 200
#: Changes that are named.
SHOWN_EXAMPLES = 3


@dataclass
class Redating:
    """Sessions by what happens to their times, and examples: external id, start before, start after."""

    timezone: str
    unchanged: int = 0
    changed: int = 0
    unreadable: int = 0
    examples: list[tuple[str, datetime, datetime]] = field(default_factory=list)


def redate(context: StageContext, pipeline: Pipeline, company_id: UUID, *, dry_run: bool) -> Redating:
    """Read the start and end cells of all sessions of a company in its present time zone.

    A session whose cells cannot be read in it keeps its times and is counted as unreadable. Each chunk is a
    transaction, so that an interrupted call can be repeated. Raises ``UsageError`` while the company's CSV is imported:
    the import may have begun with the time zone before.
    """
    with import_lock(context.engine, company_id) as acquired:
        if not (acquired or dry_run):
            raise UsageError("the company's CSV is being imported; nothing was dated again. Repeat it after the import")
        return _redate(context, pipeline, company_id, dry_run=dry_run)


def _redate(context: StageContext, pipeline: Pipeline, company_id: UUID, *, dry_run: bool) -> Redating:
    with context.engine.connect() as connection:
        timezone = connection.execute(select(Company.timezone).where(Company.id == company_id)).scalar_one()
    found = Redating(timezone)
    stage = SessionCreation(context)
    last = UUID(int=0)
    while True:
        work = partial(
            _redate_chunk, stage=stage, pipeline=pipeline, company_id=company_id, after=last, dry_run=dry_run
        )
        chunk, counted = in_transaction(context.engine, partial(work, zone=ZoneInfo(timezone)))
        found.unchanged += counted.unchanged
        found.changed += counted.changed
        found.unreadable += counted.unreadable
        found.examples += counted.examples[: SHOWN_EXAMPLES - len(found.examples)]
        if not chunk:
            return found
        last = chunk[-1]


def _redate_chunk(
    connection: Connection,
    *,
    stage: SessionCreation,
    pipeline: Pipeline,
    company_id: UUID,
    after: UUID,
    dry_run: bool,
    zone: ZoneInfo,
) -> tuple[list[UUID], Redating]:
    wanted = (
        select(SessionImport)
        .with_only_columns(
            SessionImport.id,
            SessionImport.external_session_id,
            SessionImport.start_time,
            SessionImport.end_time,
            SessionImport.started_at,
            SessionImport.ended_at,
            SessionImport.notes,
        )
        .where(SessionImport.company_id == company_id, SessionImport.id > after, SessionImport.erased_at.is_(None))
        .where(SessionImport.started_at.is_not(None))
        .order_by(SessionImport.id)
        .limit(_CHUNK)
    )
    rows = connection.execute(wanted if dry_run else wanted.with_for_update()).all()
    counted = Redating(zone.key)
    changes: dict[UUID, tuple[Times, dict[str, Any]]] = {}
    for row in rows:
        try:
            times = interpret(row.start_time, row.end_time, zone, row.notes)
        except PermanentError:
            counted.unreadable += 1
            continue
        if (times.started_at, times.ended_at) == (row.started_at, row.ended_at):
            counted.unchanged += 1
            continue
        notes = {key: value for key, value in (row.notes or {}).items() if key not in ("ambiguous", "in_future")}
        written = row.start_time, row.end_time
        changes[row.id] = times, notes | peculiarities(times, zone, datetime.now(UTC), written)
        counted.changed += 1
        counted.examples.append((row.external_session_id, row.started_at, times.started_at))
    if changes and not dry_run:
        _write(connection, stage, pipeline, changes)
    return [row.id for row in rows], counted


def _write(
    connection: Connection,
    stage: SessionCreation,
    pipeline: Pipeline,
    changes: Mapping[UUID, tuple[Times, dict[str, Any]]],
) -> None:
    manager = ProcessingStatusManager(connection, pipeline=pipeline)
    from_times = [name for name in (CSV_IMPORT, stage.name) if name in pipeline.names]
    # First, so that no session is claimed from now on that is then stored with the times before.
    manager.lock(changes, from_times)
    connection.execute(
        _SET_TIMES,
        {
            "ids": list(changes),
            "started": [times.started_at for times, _ in changes.values()],
            "ended": [times.ended_at for times, _ in changes.values()],
            "notes": [json.dumps(notes) if notes else None for _, notes in changes.values()],
        },
    )
    held: set[UUID] = set()
    for name in from_times:
        in_progress = set(connection.scalars(_IN_PROGRESS, {"stage": name, "ids": list(changes.keys() - held)}))
        if in_progress:
            manager.reopen(name, in_progress)
        held |= in_progress
    if stage.name not in pipeline.names:
        return
    # An analysis that is being stored may find another language: it must be stored before the language is read.
    made = select(Session.id, Session.language).where(Session.id.in_(changes.keys() - held)).order_by(Session.id)
    languages = {row.id: row.language for row in connection.execute(made.with_for_update(key_share=True))}
    results = asyncio.run(_make(stage, stage.load(connection, list(languages))))
    stage.store(connection, results)
    with counted_sessions(connection, results):
        for session_id, language in languages.items():  # an analysis may have found another one than the row's
            connection.execute(update(Session).where(Session.id == session_id).values(language=language))


async def _make(stage: SessionCreation, items: list[ImportedSession]) -> dict[UUID, NewSession]:
    results: dict[UUID, NewSession] = {}
    for item in items:
        try:
            outcome: Outcome[NewSession] = await stage.handle(item)
        except PermanentError:
            continue  # the transcript was refused when the session was made, too
        if isinstance(outcome, Completed | Skipped) and outcome.result is not None:
            results[item.session_id] = outcome.result
    return results


_SET_TIMES = text(
    """
    UPDATE livedash.session_import AS session
    SET started_at = read.started_at, ended_at = read.ended_at, notes = CAST(read.notes AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:started AS timestamptz[]), CAST(:ended AS timestamptz[]),
                CAST(:notes AS text[])) AS read (id, started_at, ended_at, notes)
    WHERE session.id = read.id
    """
)
_IN_PROGRESS = text(
    """
    SELECT session_id FROM livedash.session_processing_status
    WHERE stage = :stage AND status = 'IN_PROGRESS' AND session_id = ANY (CAST(:ids AS uuid[]))
    """
)
