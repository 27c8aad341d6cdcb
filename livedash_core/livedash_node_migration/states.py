"""Derives the status of each stage of a session from livedash-node's data. Pure.

The rules are those of livedash-node's own migration to a status per stage. Its status table, where it exists, has
precedence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ImportedState

CSV_IMPORT, TRANSCRIPT_FETCH, SESSION_CREATION, AI_ANALYSIS, QUESTION_EXTRACTION = BUILT_IN.names
#: The origin of a status, for its metadata.
FROM_DATA, FROM_STATUS = "livedash-node", "livedash-node: SessionProcessingStatus"
DONE = ("COMPLETED", "SKIPPED")
MAX_ATTEMPTS = 2**15 - 1  # smallint

States = tuple[ImportedState, ...]


class Facts(NamedTuple):
    """Facts about a session. ``problem`` says why its times are invalid, ``error`` is its errorMsg."""

    has_transcript: bool
    has_url: bool
    has_messages: bool
    is_analysed: bool
    has_questions: bool
    is_error: bool = False
    error: str | None = None
    problem: str | None = None


class StatusRow(Protocol):
    """A row of the source's ``SessionProcessingStatus``."""

    stage: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    retries: int


@lru_cache(maxsize=1024)
def from_facts(facts: Facts) -> States:
    """Derive the state of every stage, in order."""
    if facts.problem is not None:
        # The later stages need valid times.
        waiting = (_state(stage, "PENDING", "its times are invalid") for stage in BUILT_IN.names[1:])
        failed = ImportedState(CSV_IMPORT, "FAILED", FROM_DATA, "it was imported", error_message=facts.problem)
        return (failed, *waiting)
    states = {
        CSV_IMPORT: _state(CSV_IMPORT, "COMPLETED", "it was imported"),
        TRANSCRIPT_FETCH: _transcript_fetch(facts),
        SESSION_CREATION: _session_creation(facts),
        AI_ANALYSIS: _done_if(
            AI_ANALYSIS, facts.is_analysed, "it has a summary, sentiment, category or language", "it has no analysis"
        ),
        QUESTION_EXTRACTION: _done_if(
            QUESTION_EXTRACTION, facts.has_questions, "it has questions", "it has no questions"
        ),
    }
    if facts.error is not None or facts.is_error:
        _place_error(states, facts)
    return tuple(states.values())


def from_rows(states: States, rows: Iterable[StatusRow]) -> States:
    """Replace states by those of the status table; IN_PROGRESS becomes PENDING."""
    stored = {row.stage: _from_row(row) for row in rows if row.stage in BUILT_IN.names}
    return tuple(stored.get(state.stage, state) for state in states)


def status_of(states: States, stage: str) -> str:
    """Return the status of one stage."""
    return next(state.status for state in states if state.stage == stage)


def _transcript_fetch(facts: Facts) -> ImportedState:
    if facts.has_transcript:
        return _state(TRANSCRIPT_FETCH, "COMPLETED", "its transcript is there")
    if not facts.has_url:
        return _state(TRANSCRIPT_FETCH, "SKIPPED", "there is no transcript URL")
    return _state(TRANSCRIPT_FETCH, "PENDING", "its transcript was not fetched")


def _session_creation(facts: Facts) -> ImportedState:
    if facts.has_messages:
        return _state(SESSION_CREATION, "COMPLETED", "its messages are there")
    if not facts.has_transcript and not facts.has_url:
        return _state(SESSION_CREATION, "SKIPPED", "there is no transcript")
    return _state(SESSION_CREATION, "PENDING", "it has no messages")


def _done_if(stage: str, done: bool, because: str, because_not: str) -> ImportedState:
    return _state(stage, "COMPLETED", because) if done else _state(stage, "PENDING", because_not)


def _place_error(states: dict[str, ImportedState], facts: Facts) -> None:
    """Assign an import's error to the first of its stages that is not done; of an import in status ERROR, to the first
    of all stages. If there is none, the error was overcome and is added to the reason of SESSION_CREATION.
    """
    error = facts.error or "ERROR in livedash-node, without a message"
    may_have_failed = BUILT_IN.names if facts.is_error else BUILT_IN.names[:3]
    for stage in may_have_failed:
        if states[stage].status not in DONE:
            states[stage] = states[stage]._replace(status="FAILED", error_message=error)
            return
    created = states[SESSION_CREATION]
    states[SESSION_CREATION] = created._replace(reason=f"{created.reason}; an error came before: {error}")


def _from_row(row: StatusRow) -> ImportedState:
    status = "PENDING" if row.status == "IN_PROGRESS" else row.status
    reason = f"it was {row.status}"
    if status == "SKIPPED" and row.error:
        reason = row.error
    error = (row.error or "FAILED in livedash-node, without a message") if status == "FAILED" else None
    settled = status != "PENDING"
    return ImportedState(
        row.stage,
        status,
        FROM_STATUS,
        reason,
        min(row.retries, MAX_ATTEMPTS) if settled else 0,
        row.started_at if settled else None,
        row.completed_at if settled else None,
        error,
    )


def _state(stage: str, status: str, reason: str) -> ImportedState:
    return ImportedState(stage, status, FROM_DATA, reason)
