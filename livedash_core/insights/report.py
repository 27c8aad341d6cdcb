"""The three answers about a period, for the Insights page and `livedash insights`: how it goes, and what to fix first.

What people ask is read by ``reading.top_questions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, Category
from livedash_core.insights.counts import COMPARED_FACETS, Counts, counts
from livedash_core.insights.opportunity import Opportunity
from livedash_core.insights.periods import DEFAULT_PRESET, Period, Preset, preset_period

#: A share is compared with the one before only if about as many of the sessions have a value of its facet.
_MAX_COVERAGE_CHANGE = 0.05
#: A longer period would read more months than a page may.
MAX_DAYS = 1_827


class Figure(NamedTuple):
    """A number of sessions, its share of all sessions, and both in the comparable period before.

    ``comparable`` is False if the sessions of one period have been analysed for the facet and those of the other not.
    """

    key: str
    facet: str
    value: str
    sessions: int
    share: float
    sessions_before: int
    share_before: float
    comparable: bool

    @property
    def points(self) -> int | None:
        """The change of the share in percentage points; None if it cannot be compared."""
        return round(100 * (self.share - self.share_before)) if self.comparable else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryToFix(Opportunity):
    """The opportunity of a category, among its sessions that were analysed for their outcome."""

    category: Category


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a period and of the comparable one before it. ``partial`` says in sentences what is incomplete."""

    period: Period
    now: Counts
    before: Counts
    partial: tuple[str, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Sessions, then how they ended and how people felt: the first answer."""
        return (
            self.figure("Sessions", "session", ""),
            self.figure("Resolved", "outcome", "RESOLVED"),
            self.figure("Handed over", "outcome", "HANDED_OVER"),
            self.figure("Unresolved", "outcome", "UNRESOLVED"),
            self.figure("Negative sentiment", "sentiment", "NEGATIVE"),
        )

    def figure(self, key: str, facet: str, value: str) -> Figure:
        """The number of sessions with a value, compared."""
        now, before = self.now, self.before
        covered = [_coverage(each, facet) for each in (now, before) if each.sessions]
        comparable = len(covered) == 2 and abs(covered[0] - covered[1]) <= _MAX_COVERAGE_CHANGE
        return Figure(
            key,
            facet,
            value,
            now.of(facet, value),
            now.share(facet, value),
            before.of(facet, value),
            before.share(facet, value),
            comparable,
        )

    @property
    def categories_to_fix(self) -> list[CategoryToFix]:
        """The categories with sessions that the chatbot did not resolve, the largest opportunity first."""
        found = []
        for category in CATEGORIES:
            ended, before = self.now.outcomes_of(category), self.before.outcomes_of(category)
            found.append(
                CategoryToFix(
                    category=category,
                    sessions=sum(ended.values()),
                    unresolved=ended["UNRESOLVED"],
                    handed_over=ended["HANDED_OVER"],
                    opportunity_before=before["UNRESOLVED"] + before["HANDED_OVER"],
                )
            )
        return sorted((one for one in found if one.opportunity), key=lambda one: -one.opportunity)


def _coverage(counted: Counts, facet: str) -> float:
    """The share of the sessions that were analysed for a facet."""
    match facet:
        case "outcome" | "missing":
            analysed = counted.with_outcome
        case "escalated" | "forwarded_hr":
            analysed = counted.analysed  # not every analysed session has a value
        case _:
            analysed = counted.total(facet)
    return analysed / counted.sessions


def read_report(
    connection: Connection,
    company_ids: Sequence[UUID],
    period: Period,
    days: tuple[date, date] | None,
    *,
    today: date,
) -> Report:
    """Read the counts of ``period`` and of the one before it; ``days`` are the first and last day with sessions."""
    return Report(
        period,
        counts(connection, company_ids, period),
        counts(connection, company_ids, period.before, COMPARED_FACETS),
        partial_periods(period, days, today),
    )


def default_period(days: tuple[date, date] | None, today: date, preset: Preset = DEFAULT_PRESET) -> Period:
    """The period of a preset that ends with the latest session, and no later than today."""
    return preset_period(preset, min(days[1], today) if days else today)


def chosen_period(
    days: tuple[date, date] | None, today: date, first: date | None, last: date | None, preset: Preset | None = None
) -> Period:
    """The period from ``first`` to ``last``, at most ``MAX_DAYS``; else that of the preset.

    Without a last day it ends with the latest session; without a first day it is as long as the default preset.
    """
    if first is None and last is None:
        return default_period(days, today, preset or DEFAULT_PRESET)
    last = last or default_period(days, today).last
    first = first or preset_period(DEFAULT_PRESET, last).first
    return Period(max(min(first, last), last - timedelta(days=MAX_DAYS - 1)), last)


def partial_periods(period: Period, days: tuple[date, date] | None, today: date) -> tuple[str, ...]:
    """Sentences about days of the period, or of the one before it, for which there is nothing to count (yet)."""
    if days is None:
        return ()
    found = []
    first, last = days
    if period.last > today:
        found.append(f"The days after {today} have not come yet.")
    elif period.last == today:
        found.append("Today is not over.")
    if period.first <= last < min(period.last, today):
        found.append(f"No session has started since {last}.")
    if period.before.last < first:
        found.append(f"The first session started on {first}, so there is nothing to compare with.")
    elif period.before.first < first:
        found.append(f"The first session started on {first}, so the period before is incomplete.")
    return tuple(found)
