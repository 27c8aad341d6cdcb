"""Makes statements whose days stand in their text, so that the planner sees them."""

from __future__ import annotations

from sqlalchemy import Date, TextClause, bindparam, text

from livedash_core.insights.periods import Unit

#: The parameters of ``periods.range_parameters``.
PARTS = tuple(f"{end}_{part}" for part in ("month", "before", "after") for end in ("first", "last"))
DAYS = ("first", "last")
#: The first day of the step (``Period.steps``) that a day is in; needs the parameter ``first``.
STEP: dict[Unit, str] = {
    "day": "day",
    "week": "CAST(:first AS date) + (day - CAST(:first AS date)) / 7 * 7",
    "month": "greatest(CAST(date_trunc('month', day) AS date), CAST(:first AS date))",
}


def with_days(statement: str, names: tuple[str, ...]) -> TextClause:
    """Make a statement in which these parameters, dates or None, are written as constants.

    A plan for any days expects few rows, and sorts them to add them up: twice the time of a plan for these days. Ranges
    that do not exist are not in the plan at all.
    """
    return text(statement).bindparams(*(bindparam(name, type_=Date, literal_execute=True) for name in names))
