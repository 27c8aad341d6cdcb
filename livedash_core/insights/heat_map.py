"""Reads the sessions of a period by weekday and hour, in the time zone of each company.

Counts are per half hour of a day in UTC, because a company's time zone can be corrected. A zone's offset changes at
most a few times in the days that are read; between two changes all equal weekdays can be added up before the half hours
are moved to the zone. Zones whose offset is not a multiple of half an hour (Nepal) are off by 15 minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from livedash_core.insights.periods import Period
from livedash_core.insights.ranges import DAYS, with_days

#: The most weeks that are read, the latest ones of a longer period; fewer of many companies, so that a page reads a
#: bounded number of counts. Whole weeks have each weekday equally often.
MAX_WEEKS, MAX_COMPANY_WEEKS = 13, 40

#: Weekday (0: Monday) and hour → sessions.
HeatMap = Counter[tuple[int, int]]


def heat_map_days(period: Period, companies: int) -> Period:
    """The days of ``period`` that the heat map of so many companies counts."""
    weeks = max(1, min(MAX_WEEKS, MAX_COMPANY_WEEKS // max(companies, 1)))
    return period._replace(first=max(period.first, period.last - timedelta(days=7 * weeks - 1)))


def heat_map(connection: Connection, company_ids: Sequence[UUID], period: Period) -> HeatMap:
    """Count the sessions of ``heat_map_days``; those in different zones by the clock of their company."""
    days = heat_map_days(period, len(company_ids))
    zones = {row.id: row.timezone for row in connection.execute(_ZONES, {"company_ids": list(company_ids)})}
    starts = _segments(days, set(zones.values()))
    companies = {"company_ids": list(zones), "zones": list(zones.values())}
    rows = connection.execute(_COUNTED, {**companies, "first": days.first, "last": days.last, "starts": starts})
    found: HeatMap = Counter()
    for zone, segment, weekday, half_hour, sessions in rows:
        start = starts[segment - 1]
        day = start + timedelta(days=(weekday - start.weekday()) % 7)
        instant = datetime.combine(day, time.fromisoformat(half_hour), UTC)
        local = instant.astimezone(ZoneInfo(zone))
        found[local.weekday(), local.hour] += sessions
    return found


def _segments(days: Period, zones: Iterable[str]) -> list[date]:
    """The first days of segments in which no zone's offset changes; a day with a change is a segment of its own."""
    starts = {days.first}
    for zone in map(ZoneInfo, zones):
        for number in range(days.days):
            day = days.first + timedelta(days=number)
            begin, end = (datetime.combine(day, time(), UTC) + timedelta(days=more) for more in (0, 1))
            if begin.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
                starts |= {day, day + timedelta(days=1)}
    return sorted(starts)


_ZONES = text("SELECT id, timezone FROM livedash.company WHERE id = ANY (CAST(:company_ids AS uuid[]))")
# The first of January of the year 1 was a Monday; a difference of days takes less time than ``extract``.
_COUNTED = with_days(
    """
    SELECT zone, segment, weekday, value, CAST(sum(sessions) AS int8)
    FROM unnest(CAST(:company_ids AS uuid[]), CAST(:zones AS text[])) AS company (id, zone)
    CROSS JOIN LATERAL (
        SELECT width_bucket(day, CAST(:starts AS date[])) AS segment,
               (day - DATE '0001-01-01') % 7 AS weekday, value, sessions
        FROM livedash.session_day_count
        WHERE facet = 'hour' AND company_id = company.id
          AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    ) AS counted
    GROUP BY zone, segment, weekday, value HAVING sum(sessions) > 0
    """,
    DAYS,
)
