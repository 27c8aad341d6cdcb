"""Per-stage throughput, latency and queue age, read without scanning the status table.

The count deltas of a settled claim store its ten-minute slot and the bucket of its duration; the fold adds them up.
The buckets are geometric with steps of 1.2, so that a percentile is wrong by a tenth at most.
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
#: The ratio of the buckets in settle.sql.
_BUCKET_STEP = 1.2


@dataclass(frozen=True, slots=True)
class StageActivity:
    """The activity of one stage; ``None`` means unknown.

    A session counts when it is completed or skipped. A duration is the time from claim to settlement, and includes the
    wait for the other sessions of the claim.
    """

    #: Sessions per minute in the last 10 to 20 minutes: since the start of the previous ten-minute slot.
    per_minute: float
    #: Percentiles of the last 24 hours.
    p50_seconds: float | None
    p95_seconds: float | None
    #: The time from which the oldest due session could have been claimed.
    oldest_waiting_since: datetime | None
    #: Sessions in each of the last 24 hours, oldest first.
    last_day: tuple[int, ...]


def activity(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None
) -> dict[str, StageActivity]:
    """Read the activity of each stage, in order, of all companies or some."""
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
        if row.stage not in hours:  # a stage that is no longer in the pipeline
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
    """The middle, in seconds, of the bucket that contains the ``share`` quantile."""
    below, wanted = 0, share * sum(sessions_per_bucket.values())
    for bucket, sessions in sorted(sessions_per_bucket.items()):
        below += sessions
        if below >= wanted:
            return float(_BUCKET_STEP**bucket * sqrt(_BUCKET_STEP))
    return None
