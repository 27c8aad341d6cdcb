"""The filter of a list of sessions, and the index ranges that a list reads to apply it.

A filter becomes a list of sources, read one after the other. Each source is a range of an index in the list's order,
newest first, by a time and an id. Conditions that the index does not cover are checked session by session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from livedash_core import full_text
from livedash_core.enums import StageState, Status
from livedash_core.errors import UsageError
from livedash_core.models.status import HAS_DOUBTS
from livedash_core.pipeline import Pipeline
from livedash_core.status import Breakdown, Scope


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """A scope, and what a list can filter by in addition to it; ``None`` and ``False`` mean no restriction.

    Stages without a state: the sessions that have reached one of them and have not finished it. A state without stages:
    in any stage, and for "completed" in the last. Raises ``UsageError`` for a scope that names sessions, and for an
    error kind without the group of its failures or the reverse: no index orders such a list.
    """

    scope: Scope = field(default_factory=Scope)
    state: StageState | None = None
    category: str | None = None
    sentiment: str | None = None
    language: str | None = None
    outcome: str | None = None
    missing: str | None = None
    #: Only sessions that were analysed, but not for their outcome.
    without_outcome: bool = False
    #: An hour of a weekday in the time zone of the company: 1 (Monday) to 7, and 0 to 23.
    hour: tuple[int, int] | None = None
    escalated: bool = False
    forwarded_hr: bool = False
    question_id: int | None = None
    topic_id: int | None = None
    #: Words in the messages or the summary.
    words: str | None = None
    #: The sessions that have the words, else those of the topic; None if these are too many to list, or not wanted.
    matches: tuple[UUID, ...] | None = None
    error_group: str | None = None
    #: Only sessions whose transcript was read with doubts (``TRANSCRIPT_DOUBTS``).
    notes: bool = False

    def __post_init__(self) -> None:
        if self.scope.session_ids is not None:
            raise UsageError("a list of sessions cannot be limited to session ids")
        kinds = self.scope.error_kinds or ()
        if len(kinds) != (self.error_group is not None):
            raise UsageError("a list of failed sessions needs both the error kind and the group of their failures")

    def stages(self, pipeline: Pipeline) -> list[str]:
        """The stages of the scope, or all, in the order of the pipeline."""
        return [name for name in pipeline.names if self.scope.stages is None or name in self.scope.stages]

    def parameters(self) -> dict[str, Any]:
        """The bind parameters of the conditions below."""
        scope = self.scope.parameters()
        return {
            **{name: scope[name] for name in ("company_ids", "started_from", "started_before")},
            "error_kind": self.scope.error_kinds[0] if self.scope.error_kinds else None,
            "category": self.category,
            "sentiment": self.sentiment,
            "language": self.language,
            "outcome": self.outcome,
            "missing": self.missing,
            "weekday": self.hour[0] if self.hour else None,
            "hour": self.hour[1] if self.hour else None,
            "question_id": self.question_id,
            "topic_id": self.topic_id,
            "words": self.words,
            "matches": None if self.matches is None else list(self.matches),
            "error_group": self.error_group,
        }


class Source(NamedTuple):
    """A range of an index: ``SELECT at, id FROM tables WHERE conditions``; ``stage`` is bound as :stage.

    ``order`` describes the order for the reader of a page. ``by_id``: the range is ordered by id alone.
    ``per_company``: the index has a separate range for each ``company.id``. ``state``: each session of the range is in
    this state of ``stage``.
    """

    order: str
    at: str
    id: str
    tables: str
    conditions: str
    stage: str | None = None
    by_id: bool = False
    per_company: bool = True
    state: StageState | None = None

    def is_empty(self, breakdown: Breakdown) -> bool:
        """Return whether ``breakdown``, of the companies of the list, has no session in the state of the range."""
        if self.stage is None or self.state is None:
            return False
        if self.state in ("ready", "retrying"):
            return breakdown.ready(self.stage) == 0
        return breakdown.stages[self.stage][_STATUS_OF[self.state]] == 0


_STATUS = "livedash.session_processing_status AS source"
_WINDOW = """
    AND source.started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
    AND source.started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
"""
_BY_START = "most recently started first"
_STATES: dict[StageState, tuple[str, str, str]] = {
    "failed": ("most recently failed first", "completed_at", "source.status = 'FAILED'"),
    "skipped": ("most recently skipped first", "completed_at", "source.status = 'SKIPPED'"),
    # "available_at < 'infinity'" follows from the condition behind it, but the partial index needs it to be used.
    "ready": (
        "most recently due first",
        "available_at",
        "source.status = 'PENDING' AND source.available_at < 'infinity' AND source.available_at <= now()",
    ),
    "retrying": (
        "latest retry first",
        "available_at",
        "source.status = 'PENDING' AND source.available_at < 'infinity' AND source.available_at > now()",
    ),
    "in-progress": ("most recently claimed first", "started_at", "source.status = 'IN_PROGRESS'"),
}
_STATUS_OF: Mapping[StageState, Status] = {"failed": "FAILED", "skipped": "SKIPPED", "in-progress": "IN_PROGRESS"}
#: The states of a session that has reached a stage and has not finished it.
_OPEN: tuple[StageState, ...] = ("failed", "in-progress", "retrying", "ready")


def sources(wanted: SessionFilter, pipeline: Pipeline) -> list[Source]:
    """The sources to read for ``wanted``, in order."""
    if wanted.question_id is not None:
        return [_ASKED]
    # Nearly all sessions are completed: they need no index of their own. The other states have one.
    if wanted.state != "completed" and (wanted.scope.stages is not None or wanted.state is not None):
        return _of_state(wanted, pipeline)
    if wanted.matches is not None:
        return [MATCHED]
    if wanted.notes:
        return [_NOTED]
    if wanted.hour is not None:
        return [_analysed(_IN_HOUR)]
    if wanted.without_outcome:
        return [_analysed(WITHOUT_OUTCOME.format(session="source"))]
    for column in ("escalated", "forwarded_hr"):
        if getattr(wanted, column):
            return [_analysed(f"source.{column}")]
    for column in ("outcome", "category", "sentiment", "language"):
        if getattr(wanted, column) is not None:
            return [_analysed(f"source.{column} = :{column}")]
    by_start = Source(_BY_START, "source.started_at", "source.id", "livedash.session_import AS source", _OF + _WINDOW)
    if wanted.scope.started_from is not None or wanted.scope.started_before is not None:
        return [by_start]
    return [by_start, _WITHOUT_START]


def remaining_conditions(wanted: SessionFilter, source: Source) -> list[str]:
    """Conditions on ``imported`` and ``analysed`` that the index range of ``source`` does not cover.

    ``:completed_stage`` is bound to the stage that must be completed.
    """
    conditions = []
    if wanted.words is not None and source is not MATCHED:
        conditions.append(full_text.MATCHES)
    if _WINDOW not in source.conditions:
        if wanted.scope.started_from is not None:
            conditions.append("imported.started_at >= :started_from")
        if wanted.scope.started_before is not None:
            conditions.append("imported.started_at < :started_before")
    for column in ("escalated", "forwarded_hr"):
        if getattr(wanted, column) and f"source.{column}" not in source.conditions:
            conditions.append(f"analysed.{column}")
    for column in ("category", "sentiment", "language", "outcome", "missing"):
        if getattr(wanted, column) is not None and f"source.{column}" not in source.conditions:
            conditions.append(f"analysed.{column} = :{column}")
    if wanted.topic_id is not None and (source is not MATCHED or wanted.words is not None):
        conditions.append(_IN_TOPIC)
    if wanted.without_outcome and "analyzed_at" not in source.conditions:
        conditions.append(WITHOUT_OUTCOME.format(session="analysed"))
    if wanted.hour is not None and _IN_HOUR not in source.conditions:
        conditions.append(_IN_HOUR.replace("source.", "imported."))
    if wanted.notes and source is not _NOTED:
        conditions.append(_HAS_NOTES)
    if wanted.state == "completed":
        conditions.append(_HAS_COMPLETED)
    return conditions


#: The condition of an index of its own.
WITHOUT_OUTCOME = "{session}.analyzed_at IS NOT NULL AND {session}.outcome IS NULL"
_IN_HOUR = (
    "CAST(extract(isodow FROM source.started_at AT TIME ZONE company.timezone) AS int) = :weekday "
    "AND CAST(extract(hour FROM source.started_at AT TIME ZONE company.timezone) AS int) = :hour"
)
_HAS_COMPLETED = (
    "EXISTS (SELECT FROM livedash.session_processing_status AS status "
    "WHERE status.session_id = imported.id AND status.stage = :completed_stage AND status.status = 'COMPLETED')"
)
#: OFFSET 0 keeps it a look-up for each session that is read.
_IN_TOPIC = (
    "EXISTS (SELECT FROM livedash.session_question AS asked "
    "JOIN livedash.topic_member AS member ON member.question_id = asked.question_id "
    "WHERE asked.session_id = imported.id AND member.topic_id = :topic_id OFFSET 0)"
)
_HAS_NOTES = (
    "EXISTS (SELECT FROM livedash.session_processing_status AS status "
    f"WHERE status.session_id = imported.id AND {HAS_DOUBTS})"
)
_OF = "source.company_id = company.id"
_OF_ANY = "(CAST(:company_ids AS uuid[]) IS NULL OR source.company_id = ANY (CAST(:company_ids AS uuid[])))"
_WITHOUT_START = Source(
    "sessions without a readable start",
    "CAST('-infinity' AS timestamptz)",
    "source.id",
    "livedash.session_import AS source",
    f"{_OF} AND source.started_at IS NULL",
    by_id=True,
)
_NOTED = Source(
    "transcripts that were read last first",
    "source.completed_at",
    "source.session_id",
    _STATUS,
    f"{_OF} AND {HAS_DOUBTS}",
)
#: Each session of ``matches``; they are few enough to sort.
MATCHED = Source(
    _BY_START,
    "source.started_at",
    "source.id",
    "livedash.session AS source",
    f"{_OF_ANY} AND source.id = ANY (CAST(:matches AS uuid[]))" + _WINDOW,
    per_company=False,
)
_ASKED = Source(
    "most recently imported first",
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


def _of_state(wanted: SessionFilter, pipeline: Pipeline) -> list[Source]:
    stages = wanted.stages(pipeline)
    if wanted.state == "waiting":
        # A session waits for the earlier stage that it has reached and has not finished.
        earlier = pipeline.before(stages[-1]) if stages else ()
        return [_in_state(wanted, stage, state) for stage in reversed(earlier) for state in _OPEN]
    states: Sequence[StageState] = _OPEN if wanted.state is None else (wanted.state,)
    return [_in_state(wanted, stage, state) for stage in stages for state in states]


def _in_state(wanted: SessionFilter, stage: str, state: StageState) -> Source:
    order, at, condition = _STATES[state]
    tables = _STATUS
    conditions = f"{_OF} AND source.stage = :stage AND {condition}"
    if state == "failed" and wanted.error_group is not None:
        conditions += " AND source.error_kind = :error_kind AND source.error_group = :error_group"
    if state == "in-progress":
        # The stage's leases, of which there are few, are the only index to these rows.
        tables = f"livedash.session_processing_lease AS lease JOIN {_STATUS} ON source.lease_token = lease.token"
        conditions = conditions.replace(_OF, _OF_ANY) + " AND lease.stage = :stage"
    return Source(
        order,
        f"source.{at}",
        "source.session_id",
        tables,
        conditions,
        stage,
        per_company=state != "in-progress",
        state=state,
    )
