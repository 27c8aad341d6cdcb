"""What a monitoring system plots, per stage and company: sessions by status, the age of the oldest due one, costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select

from livedash_core.costs import read_costs
from livedash_core.enums import ACTIVE
from livedash_core.models import Company
from livedash_core.pipeline import Pipeline
from livedash_core.status import activity, read_breakdown

#: With more active companies, the gauges have no company: each one would be several dozen time series.
MAX_COMPANIES = 200


class Gauge(NamedTuple):
    """A value now, and what it is about."""

    name: str
    value: float
    tags: dict[str, str]


def read_gauges(connection: Connection, pipeline: Pipeline) -> Iterator[Gauge]:
    """Read from the counts, a few queries per company:

    - ``livedash.sessions``: sessions by ``stage`` and ``status``
    - ``livedash.oldest_due_seconds``: the age of the oldest due session of a ``stage``; 0 if none is due
    - ``livedash.sessions_per_minute``: what a ``stage`` has completed or skipped in the last 10 to 20 minutes
    - ``livedash.cost_usd``: the costs of this calendar month (UTC)

    Each has the tag ``company``, unless there are more than ``MAX_COMPANIES``.
    """
    companies = connection.execute(select(Company.id, Company.name).where(Company.status == ACTIVE)).all()
    if len(companies) > MAX_COMPANIES:
        scopes: list[tuple[list[UUID], dict[str, str]]] = [([row.id for row in companies], {})]
    else:
        scopes = [([row.id], {"company": row.name}) for row in companies]
    now = datetime.now(UTC)
    for ids, company in scopes:
        for stage, counts in read_breakdown(connection, pipeline, ids).stages.items():
            for status, sessions in counts.items():
                yield Gauge("livedash.sessions", sessions, {**company, "stage": stage, "status": status})
        for stage, found in activity(connection, pipeline, ids).items():
            age = (now - found.oldest_waiting_since).total_seconds() if found.oldest_waiting_since else 0.0
            yield Gauge("livedash.oldest_due_seconds", max(age, 0.0), {**company, "stage": stage})
            yield Gauge("livedash.sessions_per_minute", found.per_minute, {**company, "stage": stage})
        costs = read_costs(connection, company_ids=ids, first_day=now.date().replace(day=1)).total
        yield Gauge("livedash.cost_usd", float(costs.cost_usd), company)
