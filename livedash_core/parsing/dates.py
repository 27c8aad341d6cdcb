"""Parses times in the CSV's format, ``DD.MM.YYYY HH:MM:SS`` in the company's time zone."""

from __future__ import annotations

import re
import reprlib
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

# ASCII: otherwise \d and int() accept Arabic-Indic digits too.
_FORMAT = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)", re.ASCII)


def to_utc(text: str, zone: ZoneInfo, *, fold: Literal[0, 1] = 0) -> datetime:
    """Parse ``text`` (``DD.MM.YYYY HH:MM:SS``, surrounding white space ignored) in ``zone``; return it in UTC.

    An hour that occurs twice when clocks go back is taken as the first (PEP 495), or with ``fold=1`` as the second.
    An hour that clocks skip is refused, because Python would silently return an instant an hour away.

    Raises ``ValueError`` with a message for the user; it quotes at most 30 characters of the text.
    """
    match = _FORMAT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_quoted(text)} is not a date written DD.MM.YYYY HH:MM:SS")
    day, month, year, hour, minute, second = map(int, match.groups())
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone, fold=fold)
        instant = local.astimezone(UTC)
        back = instant.astimezone(zone)
    except (ValueError, OverflowError) as exc:  # OverflowError: beyond the years 1 to 9999 in UTC
        raise ValueError(f"{_quoted(text)} is not a date: {exc}") from exc
    # Times with the same tzinfo compare by local time.
    if back != local:
        raise ValueError(f"{_quoted(text)} is not a time in {zone.key}: the clocks were put forward over it")
    return instant


def is_ambiguous(instant: datetime, zone: ZoneInfo) -> bool:
    """Return whether the local time of ``instant`` occurs twice in ``zone``, so that ``to_utc`` had to choose."""
    local = instant.astimezone(zone)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _quoted(text: str) -> str:
    return reprlib.repr(text.strip())
