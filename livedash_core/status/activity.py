"""How briskly each stage works: rate, durations, and how long what waits has waited. Told without a look at the table.

The ledger says with each settled claim when it was and how long the sessions were held, in ten-minute slots and
geometric buckets (steps of 1.2, so that a percentile is off by a tenth at most); the fold adds them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.pipeline import Pipeline
from livedash_core.status.statements import statement

HOURS = 24
#: As settle.sql has it.
_BUCKET_STEP = 1.2


@dataclass(frozen=True, slots=True)
class StageActivity:
    """One stage. Sessions count when they complete it or are skipped; durations are from claim to settled, and include
    the wait for the rest of the claimed batch. ``None`` where nothing is known.
    """

    #: Sessions per minute since the last ten-minute slot but one began: over the last 10 to 20 minutes.
    per_minute: float
    #: Of the last 24 hours.
    p50_seconds: float | None
    p95_seconds: float | None
    #: Since when the session that has waited longest could have been claimed.
    oldest_waiting_since: datetime | None
    #: Sessions in each of the last 24 hours, oldest first.
    last_day: tuple[int, ...]


def activity(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None
) -> dict[str, StageActivity]:
    """The activity of each stage, in the order given, of all companies or some."""
    companies = None if company_ids is None else list(company_ids)
    oldest = {
        row.stage: row.since
        for row in connection.execute(
            statement("oldest_due"), {"stages": list(pipeline.names), "company_ids": companies}
        )
    }
    hours: dict[str, dict[int, int]] = {stage: {} for stage in pipeline.names}
    durations: dict[str, dict[int, int]] = {stage: {} for stage in pipeline.names}
    per_minute = dict.fromkeys(pipeline.names, 0.0)
    for row in connection.execute(statement("activity"), {"company_ids": companies}):
        if row.stage not in hours:  # of a stage that was taken out of the registry
            continue
        if row.hours_ago is not None:
            hours[row.stage][int(row.hours_ago)] = int(row.sessions)
            per_minute[row.stage] += 60 * int(row.recent or 0) / float(row.recent_seconds)
        elif row.duration_bucket is not None:
            durations[row.stage][row.duration_bucket] = int(row.sessions)
    return {
        stage: StageActivity(
            per_minute=per_minute[stage],
            p50_seconds=_percentile(durations[stage], 0.50),
            p95_seconds=_percentile(durations[stage], 0.95),
            oldest_waiting_since=oldest.get(stage),
            last_day=tuple(hours[stage].get(ago, 0) for ago in reversed(range(HOURS))),
        )
        for stage in pipeline.names
    }


def _percentile(sessions_per_bucket: Mapping[int, int], share: float) -> float | None:
    """The middle of the bucket that the ``share`` of all sessions falls into, in seconds."""
    below, wanted = 0, share * sum(sessions_per_bucket.values())
    for bucket, sessions in sorted(sessions_per_bucket.items()):
        below += sessions
        if below >= wanted:
            return float(_BUCKET_STEP**bucket * sqrt(_BUCKET_STEP))
    return None
