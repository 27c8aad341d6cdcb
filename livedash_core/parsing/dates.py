"""The one format of time that companies write: ``DD.MM.YYYY HH:MM:SS`` in their own zone."""

from __future__ import annotations

import re
import reprlib
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

# ASCII: \d would take Arabic-Indic digits too, and int() reads them.
_FORMAT = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)", re.ASCII)


def to_utc(text: str, zone: ZoneInfo, *, fold: Literal[0, 1] = 0) -> datetime:
    """The instant that ``text`` (``DD.MM.YYYY HH:MM:SS``, white space around it ignored) names in ``zone``, in UTC.

    When clocks go back, an hour happens twice and the text does not say which one is meant: the first is taken
    (PEP 495), or with ``fold=1`` the second. When they go forward, an hour does not happen at all: it is refused,
    because Python would silently name an instant an hour away.

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
    except (ValueError, OverflowError) as exc:  # OverflowError: the year 1 or 9999, moved over its edge by the zone
        raise ValueError(f"{_quoted(text)} is not a date: {exc}") from exc
    # Two times in one zone compare by what the clock on the wall shows.
    if back != local:
        raise ValueError(f"{_quoted(text)} is not a time in {zone.key}: the clocks were put forward over it")
    return instant


def is_ambiguous(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in ``zone`` show the time of ``instant`` twice that night, so that ``to_utc`` had to choose."""
    local = instant.astimezone(zone)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _quoted(text: str) -> str:
    return reprlib.repr(text.strip())
