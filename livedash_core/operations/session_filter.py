"""Which sessions somebody wants to see, and along which index they are found.

A filter is a list of sources, read one after the other. Each source is a range of an index in a list's order, newest
first, by a time and an id; what its index cannot tell is looked up session by session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from livedash_core.pipeline import Pipeline

#: Where a session may stand in a stage, as the pages say it.
STATES = ("completed", "skipped", "in-progress", "ready", "retrying", "waiting", "failed")


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """``None`` and ``False`` mean no restriction. The window is half open, about when the session started.

    A stage without a state: the sessions that have come to it and are not through. A state without a stage: in any
    stage, and for "completed" in the last.
    """

    company_ids: tuple[UUID, ...]
    stage: str | None = None
    state: str | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    category: str | None = None
    sentiment: str | None = None
    language: str | None = None
    escalated: bool = False
    forwarded_hr: bool = False
    question_id: int | None = None
    error_kind: str | None = None
    error_group: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The bind parameters of the conditions below."""
        return {
            "company_ids": list(self.company_ids),
            "started_from": self.started_from,
            "started_before": self.started_before,
            "category": self.category,
            "sentiment": self.sentiment,
            "language": self.language,
            "question_id": self.question_id,
            "error_kind": self.error_kind,
            "error_group": self.error_group,
        }


class Source(NamedTuple):
    """``SELECT at, id FROM tables WHERE conditions``; ``stage`` is bound as :stage.

    ``by_id``: ordered by id alone. ``per_company``: each ``company.id`` has a range of the index to itself.
    """

    order: str
    at: str
    id: str
    tables: str
    conditions: str
    stage: str | None = None
    by_id: bool = False
    per_company: bool = True


_STATUS = "livedash.session_processing_status AS source"
_WINDOW = """
    AND source.started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
    AND source.started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
"""
_BY_START = "the latest start first"
_STATES = {
    "failed": ("the latest failure first", "completed_at", "source.status = 'FAILED'"),
    "skipped": ("the last one skipped first", "completed_at", "source.status = 'SKIPPED'"),
    # The index is defined by what is not at infinity, so that it is said of what is due, too.
    "ready": (
        "the last one to get ready first",
        "available_at",
        "source.status = 'PENDING' AND source.available_at < 'infinity' AND source.available_at <= now()",
    ),
    "retrying": (
        "the last one to be retried first",
        "available_at",
        "source.status = 'PENDING' AND source.available_at < 'infinity' AND source.available_at > now()",
    ),
    "in-progress": ("the last one begun first", "started_at", "source.status = 'IN_PROGRESS'"),
}
#: A session that has come to a stage and is not through.
_OPEN = ("failed", "in-progress", "retrying", "ready")


def sources(wanted: SessionFilter, pipeline: Pipeline) -> list[Source]:
    """What to read for ``wanted``, in order."""
    if wanted.question_id is not None:
        return [_ASKED]
    # Nearly all sessions are completed, so each is looked at, whatever the order; the other states have an index.
    if wanted.state != "completed" and (wanted.stage is not None or wanted.state is not None):
        return _of_state(wanted, [wanted.stage] if wanted.stage is not None else list(pipeline.names), pipeline)
    for column in ("escalated", "forwarded_hr"):
        if getattr(wanted, column):
            return [_analysed(f"source.{column}")]
    for column in ("category", "sentiment", "language"):
        if getattr(wanted, column) is not None:
            return [_analysed(f"source.{column} = :{column}")]
    by_start = Source(_BY_START, "source.started_at", "source.id", "livedash.session_import AS source", _OF + _WINDOW)
    if wanted.started_from is not None or wanted.started_before is not None:
        return [by_start]
    return [by_start, _WITHOUT_START]


def remaining_conditions(wanted: SessionFilter, source: Source) -> list[str]:
    """Conditions on ``imported`` and ``analysed`` that ``source`` does not see to by itself.

    ``:through`` is bound to the stage that is to be completed.
    """
    conditions = []
    if _WINDOW not in source.conditions:
        if wanted.started_from is not None:
            conditions.append("imported.started_at >= :started_from")
        if wanted.started_before is not None:
            conditions.append("imported.started_at < :started_before")
    for column in ("escalated", "forwarded_hr"):
        if getattr(wanted, column) and f"source.{column}" not in source.conditions:
            conditions.append(f"analysed.{column}")
    for column in ("category", "sentiment", "language"):
        if getattr(wanted, column) is not None and f"source.{column}" not in source.conditions:
            conditions.append(f"analysed.{column} = :{column}")
    if wanted.state == "completed":
        conditions.append(_THROUGH)
    return conditions


_THROUGH = (
    "EXISTS (SELECT FROM livedash.session_processing_status AS status "
    "WHERE status.session_id = imported.id AND status.stage = :through AND status.status = 'COMPLETED')"
)
_OF = "source.company_id = company.id"
_OF_ANY = "source.company_id = ANY (CAST(:company_ids AS uuid[]))"
_WITHOUT_START = Source(
    "those without a readable start last",
    "CAST('-infinity' AS timestamptz)",
    "source.id",
    "livedash.session_import AS source",
    f"{_OF} AND source.started_at IS NULL",
    by_id=True,
)
_ASKED = Source(
    "the last one imported first",
    "CAST('-infinity' AS timestamptz)",
    "source.session_id",
    "livedash.session_question AS source",
    "source.question_id = :question_id AND EXISTS ("
    "SELECT FROM livedash.question WHERE id = :question_id AND question.company_id = company.id)",
    by_id=True,
)


def _analysed(condition: str) -> Source:
    return Source(
        _BY_START, "source.started_at", "source.id", "livedash.session AS source", _OF + _WINDOW + f"AND {condition}"
    )


def _of_state(wanted: SessionFilter, among: Sequence[str], pipeline: Pipeline) -> list[Source]:
    if wanted.state == "waiting":
        # Behind a stage that they have come to and are not through.
        earlier = pipeline.before(among[-1])
        return [_in_state(wanted, stage, state) for stage in reversed(earlier) for state in _OPEN]
    states = _OPEN if wanted.state is None else (wanted.state,)
    return [_in_state(wanted, stage, state) for stage in among for state in states]


def _in_state(wanted: SessionFilter, stage: str, state: str) -> Source:
    order, at, condition = _STATES[state]
    tables = _STATUS
    conditions = f"{_OF} AND source.stage = :stage AND {condition}"
    if state == "failed" and wanted.error_group is not None:
        conditions += " AND source.error_kind = :error_kind AND source.error_group = :error_group"
    if state == "in-progress":
        # By the few leases of the stage: nothing else finds them.
        tables = f"livedash.session_processing_lease AS lease JOIN {_STATUS} ON source.lease_token = lease.token"
        conditions = conditions.replace(_OF, _OF_ANY) + " AND lease.stage = :stage"
    return Source(
        order, f"source.{at}", "source.session_id", tables, conditions, stage, per_company=state != "in-progress"
    )
