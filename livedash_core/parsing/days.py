"""Days (UTC) from forms, addresses and options, and the window of time between two of them. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from livedash_core.errors import UsageError

#: Characters of an unreadable day that its error quotes.
_QUOTED_CHARACTERS = 40


def parse_day(text: str, *, earliest: date = date.min, latest: date = date.max) -> date:
    """Parse an ISO 8601 date. Raises ``UsageError`` if it is none, or not within ``earliest`` and ``latest``."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not earliest <= day <= latest:
        raise UsageError(f"{text[:_QUOTED_CHARACTERS]!r} is not a day like 2026-03-31")
    return day


def day_window(first_day: date | None, last_day: date | None) -> tuple[datetime | None, datetime | None]:
    """The half-open window from the start of ``first_day`` to the end of ``last_day``; ``None``: open on that side.

    Raises ``UsageError`` if the last day is before the first.
    """
    if first_day and last_day and last_day < first_day:
        raise UsageError(f"the first day, {first_day}, is after the last day, {last_day}")
    # Python has no day after date.max, so such a window has no end.
    next_day = last_day + timedelta(days=1) if last_day and last_day < date.max else None
    return start_of_day(first_day) if first_day else None, start_of_day(next_day) if next_day else None


def describe_window(start: datetime | None, before: datetime | None) -> str:
    """Sessions' half-open window in words, to the minute; empty if it is open on both sides."""
    words = []
    if start:
        words.append(f"that started on {start:%Y-%m-%d %H:%MZ} or later")
    if before:
        words.append(f"{'and' if start else 'that started'} before {before:%Y-%m-%d %H:%MZ}")
    return " ".join(words)


def start_of_day(day: date) -> datetime:
    """Midnight (UTC) at the start of ``day``."""
    return datetime.combine(day, time(), UTC)
