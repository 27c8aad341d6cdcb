"""Reads the sessions of a period by facet and value, from whole months and the days beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.enums import SESSION_OUTCOMES
from livedash_core.insights.buckets import DURATION_BOUNDS, RESPONSE_BOUNDS, quantile
from livedash_core.insights.periods import Period, range_parameters
from livedash_core.insights.ranges import DAYS, PARTS, STEP, with_days

#: The facets that are compared with a period before; ``heat_map`` reads ``hour``.
COMPARED_FACETS = (
    *("session", "analysed", "language", "sentiment", "category", "outcome", "missing", "category_outcome"),
    *("escalated", "forwarded_hr"),
)
FACETS = (*COMPARED_FACETS, "duration", "response_time")
#: The facets that are read for each company.
_BY_COMPANY = ("session", "outcome", "sentiment")
#: Of more companies the counts are read together, so that a page reads a bounded number of rows.
MAX_COMPARED = 50


@dataclass(frozen=True, slots=True)
class Counts:
    """Sessions of a period by facet and value.

    ``companies`` has sessions, outcomes and sentiments by company, if there are at most ``MAX_COMPARED``.
    """

    values: dict[str, dict[str, int]]
    companies: dict[UUID, Counts] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        """All sessions: the base of every share."""
        return self.of("session", "")

    @property
    def analysed(self) -> int:
        """The sessions that have an analysis."""
        return self.of("analysed")

    @property
    def with_outcome(self) -> int:
        """The sessions that were analysed for their outcome."""
        return self.total("outcome")

    @property
    def without_outcome(self) -> int:
        """The analysed sessions that were not analysed for their outcome."""
        return self.analysed - self.with_outcome

    def total(self, facet: str) -> int:
        """The number of sessions that have a value of this facet."""
        return sum(self.values.get(facet, {}).values())

    def of(self, facet: str, value: str = "true") -> int:
        """The number of sessions with this value."""
        return self.values.get(facet, {}).get(value, 0)

    def share(self, facet: str, value: str = "true") -> float:
        """The share of all sessions that have this value, 0 to 1."""
        return self.of(facet, value) / self.sessions if self.sessions else 0.0

    def duration(self, share: float = 0.5) -> float | None:
        """The duration in seconds below which this share of the sessions is, estimated; the median by default."""
        return quantile(self.values.get("duration", {}), DURATION_BOUNDS, share)

    def response_time(self, share: float = 0.5) -> float | None:
        """The same for the chatbot's mean response time in a session."""
        return quantile(self.values.get("response_time", {}), RESPONSE_BOUNDS, share)

    def outcomes_of(self, category: str) -> dict[str, int]:
        """The sessions of a category by outcome."""
        return {outcome: self.of("category_outcome", f"{category}/{outcome}") for outcome in SESSION_OUTCOMES}


def counts(
    connection: Connection, company_ids: Sequence[UUID], period: Period, facets: Sequence[str] = FACETS
) -> Counts:
    """Count the sessions of these companies that started in ``period``, by these facets."""
    compared = len(company_ids) <= MAX_COMPARED
    parameters = {
        "facets": list(facets),
        "by_company": list(_BY_COMPANY),
        "company_ids": list(company_ids),
        **range_parameters(period),
    }
    total: dict[str, Counter[str]] = {}
    by_company: dict[UUID, dict[str, dict[str, int]]] = {}
    for company_id, facet, value, sessions in connection.execute(_COMPARED if compared else _TOGETHER, parameters):
        total.setdefault(facet, Counter())[value] += sessions
        if company_id is not None:
            by_company.setdefault(company_id, {}).setdefault(facet, {})[value] = sessions
    return Counts(
        {facet: dict(values) for facet, values in total.items()},
        {company_id: Counts(values) for company_id, values in by_company.items()},
    )


def sessions_per_step(connection: Connection, company_ids: Sequence[UUID], period: Period) -> dict[Period, int]:
    """Count the sessions of these companies in each of ``period.steps``, zeros included."""
    companies = {"company_ids": list(company_ids)}
    if period.unit == "month":
        rows = connection.execute(_PER_MONTH, {**companies, **range_parameters(period)})
    else:
        rows = connection.execute(_PER_STEP[period.unit], {**companies, "first": period.first, "last": period.last})
    found: dict[date, int] = {row.step: row.sessions for row in rows}
    return {step: found.get(step.first, 0) for step in period.steps}


# Each range in a branch of its own: the key of the tables begins with facet, company and day or month.
_DAYS = """
    SELECT company_id, facet, value, sessions FROM livedash.session_day_count
    WHERE facet = ANY (CAST(:facets AS text[])) AND company_id = ANY (CAST(:company_ids AS uuid[]))
      AND day BETWEEN CAST(:first_{end} AS date) AND CAST(:last_{end} AS date)
"""
_PARTS = f"""
    SELECT company_id, facet, value, sessions FROM livedash.session_month_count
    WHERE facet = ANY (CAST(:facets AS text[])) AND company_id = ANY (CAST(:company_ids AS uuid[]))
      AND month BETWEEN CAST(:first_month AS date) AND CAST(:last_month AS date)
    UNION ALL {_DAYS.format(end="before")} UNION ALL {_DAYS.format(end="after")}
"""  # noqa: S608 - made of constants
_COMPARED = with_days(
    f"""
    SELECT CASE WHEN facet = ANY (CAST(:by_company AS text[])) THEN company_id END AS company_id, facet, value,
           CAST(sum(sessions) AS int8)
    FROM ({_PARTS}) AS part GROUP BY 1, 2, 3 HAVING sum(sessions) > 0
    """,  # noqa: S608 - made of constants
    PARTS,
)
_TOGETHER = with_days(
    f"""
    SELECT NULL AS company_id, facet, value, CAST(sum(sessions) AS int8)
    FROM ({_PARTS}) AS part GROUP BY 2, 3 HAVING sum(sessions) > 0
    """,  # noqa: S608 - made of constants
    PARTS,
)
_OF_COMPANIES = "facet = 'session' AND company_id = ANY (CAST(:company_ids AS uuid[]))"
_PER_STEP = {
    unit: with_days(
        f"""
        SELECT {STEP[unit]} AS step, CAST(sum(sessions) AS int8) AS sessions FROM livedash.session_day_count
        WHERE {_OF_COMPANIES} AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
        GROUP BY 1
        """,  # noqa: S608 - made of constants
        DAYS,
    )
    for unit in ("day", "week")
}
_PER_MONTH = with_days(
    f"""
    SELECT month AS step, CAST(sum(sessions) AS int8) AS sessions FROM livedash.session_month_count
    WHERE {_OF_COMPANIES} AND month BETWEEN CAST(:first_month AS date) AND CAST(:last_month AS date)
    GROUP BY 1
    UNION ALL
    SELECT CAST(:first_before AS date), CAST(coalesce(sum(sessions), 0) AS int8) FROM livedash.session_day_count
    WHERE {_OF_COMPANIES} AND day BETWEEN CAST(:first_before AS date) AND CAST(:last_before AS date)
    UNION ALL
    SELECT CAST(:first_after AS date), CAST(coalesce(sum(sessions), 0) AS int8) FROM livedash.session_day_count
    WHERE {_OF_COMPANIES} AND day BETWEEN CAST(:first_after AS date) AND CAST(:last_after AS date)
    """,  # noqa: S608 - made of constants
    PARTS,
)
