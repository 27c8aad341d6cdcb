"""Parses the times of a CSV, ``DD.MM.YYYY HH:MM:SS`` in the company's time zone, and other forms with one meaning."""

from __future__ import annotations

import re
import reprlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from livedash_core.enums import DAY_ORDERS
from livedash_core.parsing.date_order import needs_order
from livedash_core.parsing.stamps import Order, Stamp, with_offset
from livedash_core.parsing.written_times import read_time

# ASCII: otherwise \d and int() accept Arabic-Indic digits too.
_DAY_AND_TIME = re.compile(r"(\d\d\.\d\d\.\d{4}) ((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)", re.ASCII)
_FORMAT = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)", re.ASCII)


def to_utc(text: str, zone: ZoneInfo, *, fold: Literal[0, 1] = 0, order: Order | None = None) -> datetime:
    """Parse a date with a time of day in ``zone``, or with the offset that is written; return it in UTC.

    ``DD.MM.YYYY HH:MM:SS`` is the contract; ``written_times.py`` lists the other forms. ``order`` decides dates like
    03/04/2026, of which either number may be the day.

    An hour that occurs twice when clocks go back is taken as the first (PEP 495), or with ``fold=1`` as the second.
    An hour that clocks skip is refused, because Python would silently return an instant an hour away.

    Raises ``ValueError`` with a message for the user; it quotes at most 30 characters of the text.
    """
    stripped = text.strip()
    if (match := _DAY_AND_TIME.fullmatch(stripped)) is not None and (ends := _around_time(zone, match[1])) is not None:
        return datetime.fromisoformat(f"{ends[0]}{match[2]}{ends[1]}").astimezone(UTC)
    match = _FORMAT.fullmatch(stripped)
    if match is None:
        return _instant(read_time(text), text, zone, fold, order)
    day, month, year, hour, minute, second = map(int, match.groups())
    try:
        local = datetime(year, month, day, hour, minute, second, fold=fold)
    except ValueError as exc:
        raise ValueError(f"{_quoted(text)} is not a date: {exc}") from exc
    return _in_zone(local, text, zone)


def is_ambiguous(instant: datetime, zone: ZoneInfo) -> bool:
    """Return whether the local time of ``instant`` occurs twice in ``zone``, so that ``to_utc`` had to choose."""
    local = instant.astimezone(zone)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def names_an_instant(text: str | None) -> bool:
    """Return whether a time has an offset from UTC, or is a number of seconds, so that its zone does not matter."""
    stamp = read_time(text or "")
    return stamp is not None and (stamp.offset is not None or stamp.instant is not None)


def _instant(stamp: Stamp | None, text: str, zone: ZoneInfo, fold: Literal[0, 1], order: Order | None) -> datetime:
    if stamp is None or stamp.year is None:
        raise ValueError(f"{_quoted(text)} is not a date written DD.MM.YYYY HH:MM:SS, or as clearly")
    if stamp.instant is not None:
        return stamp.instant
    choices = {stamp.local(each) for each in ([order] if order and needs_order(text) else DAY_ORDERS)} - {None}
    if len(choices) > 1 or (order is None and needs_order(text)):
        raise ValueError(
            f"{_quoted(text)} may be two days, and no other time of the file tells whether days or months come first; "
            "export times as DD.MM.YYYY HH:MM:SS"
        )
    local = choices.pop() if choices else None
    if local is None:
        raise ValueError(f"{_quoted(text)} is not a date: no calendar has such a day, or no clock such a time")
    if stamp.offset is not None:
        if (instant := with_offset(local, stamp.offset)) is None:
            raise ValueError(f"{_quoted(text)} is not a date: it is beyond the years 1 to 9999")
        return instant
    return _in_zone(local.replace(fold=fold), text, zone)


def _in_zone(local: datetime, text: str, zone: ZoneInfo) -> datetime:
    local = local.replace(tzinfo=zone)
    try:
        instant = local.astimezone(UTC)
        back = instant.astimezone(zone)
    except (ValueError, OverflowError) as exc:  # OverflowError: beyond the years 1 to 9999 in UTC
        raise ValueError(f"{_quoted(text)} is not a date: {exc}") from exc
    # Times with the same tzinfo compare by local time.
    if back != local:
        raise ValueError(f"{_quoted(text)} is not a time in {zone.key}: the clocks were put forward over it")
    return instant


@lru_cache(maxsize=4_096)
def _around_time(zone: ZoneInfo, day: str) -> tuple[str, str] | None:
    """Return what ISO 8601 has before and after the time of ``day`` (DD.MM.YYYY), if its offset is one all day long.

    Then each of its times exists once. None for other days, and for what is no day. Most times of a file are of few
    days, and the offset of each time alone takes longer than the rest of parsing it.
    """
    try:
        midnight = datetime(int(day[6:]), int(day[3:5]), int(day[:2]), tzinfo=zone)
        # Hourly: no zone ever changed its clocks twice within an hour.
        hours = [midnight + timedelta(hours=hour) for hour in range(25)]
    except (ValueError, OverflowError):
        return None
    if len({hour.replace(fold=fold).utcoffset() for hour in hours for fold in (0, 1)}) > 1 or midnight.year == 1:
        return None  # in year 1, UTC may be before the first day
    written = midnight.isoformat()
    return written[:11], written[19:]


def _quoted(text: str) -> str:
    return reprlib.repr(text.strip())
