"""The breakdown of the sessions that started in some days.

The ledger does not know days, so each session is looked at: a few thousand, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.enums import STAGE_STATUSES
from livedash_core.pipeline import Pipeline
from livedash_core.status.breakdown import WAITING, Breakdown
from livedash_core.status.statements import statement

#: A page that is asked for every few seconds must not look at more.
AT_MOST = 3000
_RETRYING = "RETRYING"


class WindowBreakdown(NamedTuple):
    """``retrying`` says per stage how many of what is ready become due later."""

    breakdown: Breakdown
    retrying: dict[str, int]


def read_breakdown_in_window(
    connection: Connection,
    pipeline: Pipeline,
    company_ids: Iterable[UUID] | None,
    started_from: datetime | None,
    started_before: datetime | None,
) -> WindowBreakdown | None:
    """Of all companies or some; ``None`` when more than ``AT_MOST`` sessions started in the window (half open)."""
    rows = connection.execute(
        statement("breakdown_in_window"),
        {
            "company_ids": None if company_ids is None else list(company_ids),
            "started_from": started_from,
            "started_before": started_before,
            "at_most": AT_MOST + 1,
        },
    )
    counts = {stage: dict.fromkeys((*STAGE_STATUSES, WAITING, _RETRYING), 0) for stage in pipeline.names}
    for stage, status, sessions in rows:
        if stage in counts:
            counts[stage][status] = int(sessions)
    held_back = {stage: counted.pop(WAITING) for stage, counted in counts.items()}
    retrying = {stage: counted.pop(_RETRYING) for stage, counted in counts.items()}
    for stage, counted in counts.items():
        counted["PENDING"] += held_back[stage] + retrying[stage]
    breakdown = Breakdown(counts, held_back)
    return None if breakdown.total_sessions > AT_MOST else WindowBreakdown(breakdown, retrying)
