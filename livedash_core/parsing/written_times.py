"""Times as spreadsheets, databases and programs write them in a cell, read if they have one meaning.

Accepted, with seconds, fractions of them, AM or PM, and an offset from UTC or without each: ``1.3.2026 9:05``,
``2026-03-01T09:05:00Z``, ``2026/03/01 09:05``, ``1 March 2026 09:05`` and the same with the month in front, in the
languages of ``stamps.py``, ``01-MAR-26 09.05.00``, ``Sun Mar  1 09:05:00 2026`` (C), ``Sun Mar 01 2026 09:05:00
GMT+0100 (...)`` (JavaScript), ``2026-03-01T09:05:00+01:00[Europe/Berlin]`` (Java), ``20260301T090500``,
``2026. 3. 1. 9:05``, ``2026年3月1日 9:05``, and seconds, milliseconds or microseconds since 1970. Of ``03/04/2026``
and ``03-04-2026`` either number may be the day: ``date_order.py`` decides.

Not accepted: days without a time of day, times of day alone, names of zones without an offset, and a spreadsheet's
number of days.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from livedash_core.parsing.stamps import STAMP, Stamp, at_instant, read_stamp
from livedash_core.parsing.text import without_invisible

_FLAGS = re.ASCII | re.IGNORECASE
_WHOLE = re.compile(STAMP, _FLAGS)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,? )?"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_OFFSET = r"Z|UTC|GMT|[+-]\d\d:?\d\d"
#: Forms that ``STAMP`` lacks, and how it has them.
_REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE), written)
    for pattern, written in (
        (r"\[[a-z]+/[a-z_/+-]+\]$", ""),
        (r"(?:GMT|UTC)([+-]\d\d:?\d\d)(?: \([^()]{1,60}\))?$", r"\1"),
        (r"(\d[:.]\d{1,9})([+-]\d\d)$", r"\1\2:00"),
        (r"^(\d{4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?日", r"\1-\2-\3 "),
        (r"^(\d{4})\. ?(\d{1,2})\. ?(\d{1,2})\.?(?= )", r"\1-\2-\3"),
        (r"^(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})\.?(?=[ ,T])", r"\1.\2.\3"),
        (r"^(\d{4})(\d\d)(\d\d)[T ]?(\d\d):?(\d\d)(?::?(\d\d))?(?=$|[Z.+-])", r"\1-\2-\3 \4:\5:\6"),
        (r"(?<= \d\d:\d\d):(?=$|[Z+-])", ":00"),
        (r"^(\d{1,2})-([^\W\d_]{3,10})\.?-(\d{4})\b", r"\1 \2 \3"),
        (r"^(\d{1,2})-([^\W\d_]{3,10})\.?-(\d\d)\b", r"\1 \2 20\3"),
        (
            rf"^{_WEEKDAY}([^\W\d_]{{3}}) (\d{{1,2}}) ({_CLOCK}) ?(Z|UTC|GMT|[+-]\d\d:?\d\d)? (\d{{4}})$",
            r"\2 \1 \5 \3\4",
        ),
        (r"^(\d{4}-\d\d-\d\d) (\d\d)\.(\d\d)\.(\d\d)", r"\1 \2:\3:\4"),
        (r" {2,}", " "),
    )
)
_SPACES = re.compile("[\\s\u00a0\u202f\u2009]+")
#: 10, 13 or 16 digits: seconds, milliseconds or microseconds.
_SINCE_1970 = re.compile(r"([0-9]{10})(?:([0-9]{3})([0-9]{3})?|[.,]([0-9]{1,9}))?")
#: Instants within these years only; other numbers of so many digits are something else.
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_SHORT_YEAR = re.compile(r"\d{1,2}([./-])\d{1,2}\1(\d\d)(?!\d)", re.ASCII)
#: 25.03.01 is rather a day in 2025 than one in 2001, so it is not read.
_EARLIEST_SHORT_YEAR = 15
#: No time that is read is longer.
_MAX_CHARACTERS = 100


@lru_cache(maxsize=4096)
def read_time(text: str) -> Stamp | None:
    """Read a date with a time of day; None for other text, and a stamp without a day for an impossible time."""
    if len(text) > _MAX_CHARACTERS:
        return None
    text = _SPACES.sub(" ", without_invisible(text)).strip().removeprefix("'")
    if since := _SINCE_1970.fullmatch(text):
        return _since_1970(since)
    for pattern, written in _REWRITTEN:
        text = pattern.sub(written, text)
    if not _WHOLE.fullmatch(text) or ((short := _SHORT_YEAR.match(text)) and int(short[2]) < _EARLIEST_SHORT_YEAR):
        return None
    stamp = read_stamp(text)
    if stamp.problem:
        return replace(stamp, year=1)
    return None if stamp.year is None else stamp


def _since_1970(match: re.Match[str]) -> Stamp | None:
    seconds = int(match[1])
    if not _EARLIEST <= seconds < _LATEST:
        return None
    fraction = f"{match[2] or ''}{match[3] or ''}" or match[4] or ""
    return at_instant(datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=int(fraction.ljust(6, "0")[:6])))
