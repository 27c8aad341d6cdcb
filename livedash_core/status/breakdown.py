"""The breakdown: sessions per stage and status, for the command line and the pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.enums import STAGE_STATUSES
from livedash_core.pipeline import Pipeline
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement

#: The most sessions of a window that are counted, since a page counts them every few seconds.
MAX_WINDOW_SESSIONS = 3000
#: The most retries of a company in one stage that are counted. Others count as ready, so that the sum stays right.
MAX_RETRYING = 10_000
#: The counts' name for a PENDING session that waits for an earlier stage, and for one that waits for its retry.
_WAITING, _RETRYING = "WAITING", "RETRYING"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Sessions per stage and status, zeros included, stages in order.

    ``held_back`` is the number of a stage's PENDING sessions that wait for an earlier stage.
    """

    stages: dict[str, dict[str, int]]
    held_back: dict[str, int]

    @property
    def total_sessions(self) -> int:
        """All sessions of the pipeline: each has a row in the first stage."""
        return sum(next(iter(self.stages.values())).values()) if self.stages else 0

    @property
    def lacks_rows(self) -> bool:
        """Whether some session has no row for a stage, because the stage was added after it."""
        return any(sum(counted.values()) < self.total_sessions for counted in self.stages.values())

    def done(self, stage: str) -> int:
        """Sessions that have completed or skipped ``stage``."""
        return self.stages[stage]["COMPLETED"] + self.stages[stage]["SKIPPED"]

    def waiting(self, stage: str) -> int:
        """PENDING sessions of ``stage`` that wait for an earlier stage."""
        return self.held_back[stage]

    def ready(self, stage: str) -> int:
        """PENDING sessions of ``stage`` whose earlier stages are finished: due now, or waiting for a retry."""
        return self.stages[stage]["PENDING"] - self.waiting(stage)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON of `livedash status --json`."""
        return {"total_sessions": self.total_sessions, "stages": self.stages}


def read_breakdown(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None, *, recount: bool = False
) -> Breakdown:
    """Read the breakdown of all companies or some from the counts; it is exact at one instant.

    ``recount`` counts the rows of the status table instead, to verify the counts; this is slow on a large table.
    """
    rows = connection.execute(
        statement("recount" if recount else "breakdown"),
        {"company_ids": None if company_ids is None else list(company_ids)},
    )
    counts = {stage: dict.fromkeys((*STAGE_STATUSES, _WAITING), 0) for stage in pipeline.names}
    for stage, status, sessions in rows:
        # A stage that is no longer in the pipeline leaves its rows behind; they are not counted.
        if stage in counts:
            counts[stage][status] = int(sessions)
    held_back = {stage: statuses.pop(_WAITING) for stage, statuses in counts.items()}
    for stage, statuses in counts.items():
        statuses["PENDING"] += held_back[stage]
    return Breakdown(counts, held_back)


class WindowBreakdown(NamedTuple):
    """The breakdown of a window, and per stage the ready sessions that are due at a later retry."""

    breakdown: Breakdown
    retrying: dict[str, int]


def read_breakdown_in_window(connection: Connection, pipeline: Pipeline, scope: Scope) -> WindowBreakdown | None:
    """Count the sessions of the scope's companies and window; ``None`` if there are more than ``MAX_WINDOW_SESSIONS``.

    The counts are not kept by day, so each session is read.
    """
    parameters = scope.parameters()
    rows = connection.execute(
        statement("breakdown_in_window"),
        {
            **{name: parameters[name] for name in ("company_ids", "started_from", "started_before")},
            "at_most": MAX_WINDOW_SESSIONS + 1,
        },
    )
    counts = {stage: dict.fromkeys((*STAGE_STATUSES, _WAITING, _RETRYING), 0) for stage in pipeline.names}
    for stage, status, sessions in rows:
        if stage in counts:
            counts[stage][status] = int(sessions)
    held_back = {stage: statuses.pop(_WAITING) for stage, statuses in counts.items()}
    retrying = {stage: statuses.pop(_RETRYING) for stage, statuses in counts.items()}
    for stage, statuses in counts.items():
        statuses["PENDING"] += held_back[stage] + retrying[stage]
    breakdown = Breakdown(counts, held_back)
    return None if breakdown.total_sessions > MAX_WINDOW_SESSIONS else WindowBreakdown(breakdown, retrying)


def count_retrying(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None
) -> dict[str, int]:
    """Count the PENDING sessions per stage that are due later, of all companies or some.

    The kept counts do not contain this number, because a session becomes due without a statement.
    """
    parameters = {"stages": list(pipeline.names), "company_ids": None if company_ids is None else list(company_ids)}
    rows = connection.execute(statement("retrying"), {**parameters, "at_most": MAX_RETRYING})
    return dict.fromkeys(pipeline.names, 0) | {stage: int(sessions) for stage, sessions in rows}


def fold(connection: Connection) -> None:
    """Move the count deltas into the counts, so that reading the counts stays cheap."""
    connection.execute(statement("fold"))
    connection.execute(statement("fold_failures"))
