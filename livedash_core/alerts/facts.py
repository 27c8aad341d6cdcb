"""What the rules look at, read in a few queries that stay cheap however many sessions there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.alerts import facts_sql as sql
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings
from livedash_core.status.incidents import Incident, list_incidents

#: Failures and deaths of workers are counted over this time.
WINDOW = timedelta(hours=1)
#: A failed session is counted up to this many per stage and company; more is an alert at any rate.
MOST_FAILED = 500
#: The fewest failures in the window of which a rate says something.
LEAST_FAILED = 10
#: The retention DAG runs daily; one failed run is no fact.
RETENTION_GRACE = timedelta(days=2)


class CompanyFacts(NamedTuple):
    """A company and its spending, in USD. ``month`` is what its budget is compared with: open calls count too."""

    id: UUID
    name: str
    is_active: bool
    has_csv: bool
    retention_days: int | None
    budget: Decimal | None
    month: Decimal
    today: Decimal
    #: Of the seven days before today.
    week: Decimal
    #: The mean of the days with costs among the 28 before today, and their number.
    usual_day: Decimal
    usual_days: int


class Due(NamedTuple):
    """The time since which the oldest due session of a company has been due in a stage."""

    stage: str
    company_id: UUID
    since: datetime


class Failed(NamedTuple):
    """Sessions of a company that failed in a stage within ``WINDOW``, and those that were completed or skipped."""

    stage: str
    company_id: UUID
    failed: int
    finished: int
    since: datetime


class OpenBatch(NamedTuple):
    """A batch that was not closed in time."""

    id: UUID
    company_id: UUID
    created_at: datetime
    requests: int
    remote_status: str | None


class Lost(NamedTuple):
    """Workers of a stage that died within ``WINDOW``, holding sessions."""

    stage: str
    workers: int
    since: datetime


class Overdue(NamedTuple):
    """The oldest known start of a session that should have been erased."""

    company_id: UUID
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the rules look at, at the instant ``now``."""

    now: datetime
    companies: Mapping[UUID, CompanyFacts] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    #: Without those that became due in the last minutes.
    due: tuple[Due, ...] = ()
    #: Stages in which something was claimed or settled in the last minutes.
    working: frozenset[str] = frozenset()
    failed: tuple[Failed, ...] = ()
    batches: tuple[OpenBatch, ...] = ()
    lost: tuple[Lost, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    #: Id of a DAG that does not run → why ("is paused"). Empty where Airflow cannot be asked.
    stopped_dags: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str | None, CompanyFacts]:
        """The companies by their names."""
        return {company.name: company for company in self.companies.values()}


def read_facts(
    connection: Connection,
    pipeline: Pipeline,
    settings: Settings,
    *,
    now: datetime | None = None,
    stopped_dags: Mapping[str, str] | None = None,
) -> Facts:
    """Read the facts as of ``now`` (unset: the present), without writing."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    stages = {"stages": list(pipeline.names)}
    shortest = min(settings.alert_idle_minutes, settings.alert_due_minutes)
    idle_since = now - timedelta(minutes=settings.alert_idle_minutes)
    window = {"now": now, "since": now - WINDOW}
    due = {**stages, "before": now - timedelta(minutes=shortest)}
    working = {**stages, "now": now, "since": idle_since}
    failed = {**stages, **window, "most": MOST_FAILED, "least": LEAST_FAILED}
    batches = {"before": now - timedelta(hours=settings.alert_batch_hours)}
    overdue = {"before": now - RETENTION_GRACE}
    found = [
        connection.execute(text(query), parameters).all()
        for query, parameters in (
            (sql.DUE, due),
            (sql.WORKING, working),
            (sql.FAILED, failed),
            (sql.BATCHES, batches),
            (sql.LOST, window),
            (sql.OVERDUE, overdue),
        )
    ]
    return Facts(
        now=now,
        companies=_companies(connection, now),
        incidents=tuple(list_incidents(connection)),
        due=tuple(Due(*row) for row in found[0]),
        working=frozenset(row[0] for row in found[1]),
        failed=tuple(Failed(*row) for row in found[2]),
        batches=tuple(OpenBatch(*row) for row in found[3]),
        lost=tuple(Lost(*row) for row in found[4]),
        overdue=tuple(Overdue(*row) for row in found[5]),
        stopped_dags=stopped_dags or {},
    )


def _companies(connection: Connection, now: datetime) -> dict[UUID, CompanyFacts]:
    parameters = {"today": now.date(), "month": now.date().replace(day=1), "now": now}
    return {row.id: CompanyFacts(*row) for row in connection.execute(text(sql.COMPANIES), parameters)}
