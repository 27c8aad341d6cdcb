"""The times that transcripts are written with, read without deciding yet which number is the day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from livedash_core.enums import DayOrder

Order = DayOrder

_SPACE = "[ \\t\u00a0\u202f\u2009\u200e\u200f]"
_LETTER = "[a-zÀ-ſ]"  # the rest of the pattern is ASCII
_MONTH_NAME = rf"{_LETTER}{{3,10}}"
_DATE = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}([./-])\d{{1,2}}[./-](?:\d{{4}}|\d{{2}})(?!\d)"
    rf"|(?:{_LETTER}{{2,10}}\.?,? )?(?:\d{{1,2}}\.? (?:de )?{_MONTH_NAME}\.?,? (?:de )?\d{{4}}"
    rf"|{_MONTH_NAME}\.? \d{{1,2}},? \d{{4}}))"
).replace("([./-])", "[./-]")
_CLOCK = (
    rf"\d{{1,2}}[:.h]\d{{2}}(?:[:.]\d{{2}}(?:[.,]\d{{1,9}})?)?(?!\d)"
    rf"(?:{_SPACE}{{0,2}}[ap]\.?{_SPACE}?m(?![^\W\d_])\.?|{_SPACE}(?:uhr|uur))?"
)
_OFFSET = rf"(?:{_SPACE}?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?!\w))?"
_BETWEEN = rf"(?:,?{_SPACE}{{1,2}}(?:at |om |um |à |a las |- )?|T|,)"
#: Text that may be a time of day, with or without a date.
STAMP = rf"(?:{_DATE}{_BETWEEN}{_CLOCK}{_OFFSET}|{_CLOCK}{_OFFSET},{_SPACE}?{_DATE}|{_CLOCK}{_OFFSET})"

_FLAGS = re.ASCII | re.IGNORECASE
_NUMERIC_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})([./-])(\d{1,4})", _FLAGS)
_NAMED_DATE = re.compile(rf"(\d{{1,2}})\.? (?:de )?({_MONTH_NAME})\.?,? (?:de )?(\d{{4}})", re.IGNORECASE)
_NAMED_MONTH_FIRST = re.compile(rf"({_MONTH_NAME})\.? (\d{{1,2}}),? (\d{{4}})", re.IGNORECASE)
_TIME = re.compile(
    rf"(?<!\d)(\d{{1,2}})[:.h](\d{{2}})(?:[:.](\d{{2}})(?:[.,](\d{{1,9}}))?)?(?!\d)(?:{_SPACE}{{0,2}}([ap])\.?{_SPACE}?m)?"
    rf"(?:{_SPACE}?(?:uhr|uur))?\.?{_SPACE}?(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
#: Without "listopad", which is November in Polish and October in Croatian.
_MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan january januari januar janvier janv enero ene jän jänner gennaio gen janeiro stycznia styczeń ocak",
            "feb february februari februar février févr fevrier febrero febbraio fevereiro fev lutego luty şubat",
            "mar march mrt maart märz mär maerz mars marzo março marca marzec mart marts",
            "apr april avril avr abril abr aprile kwietnia kwiecień nisan",
            "may mei mai mayo maggio mag maio maj maja mayıs",
            "jun june juni juin junio giugno giu junho czerwca czerwiec haziran",
            "jul july juli juillet juil julio luglio lug julho lipca lipiec temmuz",
            "aug august augustus août aout agosto ago augusti sierpnia sierpień ağustos",
            "sep sept september septembre septiembre set settembre setembro września wrzesień eylül",
            "oct october okt oktober octobre octubre ottobre ott outubro out października październik ekim",
            "nov november novembre noviembre novembro kasım",
            "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro desember grudnia aralık",
        ),
        start=1,
    )
    for name in names.split()
}
_CENTURY = 2000
_TWO_DIGITS = 100
_NOON = 12


@dataclass(frozen=True, slots=True)
class Stamp:
    """A written time. ``first`` and ``second`` are day and month in the order of the text, where ``order`` is None.

    A stamp without ``year`` is a time of day only. ``problem`` marks text that looks like a time and is none.
    """

    hour: int = 0
    minute: int = 0
    second_of_minute: int = 0
    microsecond: int = 0
    year: int | None = None
    first: int = 0
    second: int = 0
    order: Order | None = None
    offset: timedelta | None = None
    problem: bool = False
    instant: datetime | None = None

    def local(self, order: Order) -> datetime | None:
        """The time on the clock, without a zone; None for a day that the calendar lacks, or a time of day only."""
        day, month = (self.first, self.second) if (self.order or order) == "day first" else (self.second, self.first)
        if self.year is None or self.problem:
            return None
        try:
            return datetime(self.year, month, day, self.hour, self.minute, self.second_of_minute, self.microsecond)
        except ValueError:
            return None

    @property
    def is_impossible(self) -> bool:
        """Whether no calendar has the day, or no clock the time."""
        has_day = self.year is None or self.instant is not None
        return self.problem or not (has_day or self.local("day first") or self.local("month first"))

    @property
    def is_ambiguous(self) -> bool:
        """Whether day and month can be told apart only by other stamps."""
        return self.year is not None and self.order is None and self.first != self.second and self.instant is None


UNREADABLE = Stamp(problem=True)


def at_instant(instant: datetime) -> Stamp:
    """A stamp that names an instant, as data formats do."""
    return Stamp(year=instant.year, instant=instant.astimezone(UTC))


@lru_cache(maxsize=4096)
def read_stamp(text: str) -> Stamp:
    """Read a time that matches ``STAMP``; ``UNREADABLE`` for an impossible one."""
    text = re.sub("[\u00a0\u202f\u2009]", " ", text.replace("\u200e", "").replace("\u200f", ""))
    order: Order | None = None
    year, first, second, end, begin = None, 0, 0, 0, len(text)
    if (match := _NAMED_DATE.search(text)) and (month := _MONTHS.get(match[2].lower())):
        begin, end = match.span()
        year, first, second, order = int(match[3]), int(match[1]), month, "day first"
    elif (match := _NAMED_MONTH_FIRST.search(text)) and (month := _MONTHS.get(match[1].lower())):
        begin, end = match.span()
        year, first, second, order = int(match[3]), int(match[2]), month, "day first"
    elif match := _NUMERIC_DATE.search(text):  # behind the others: a clock may have points, too
        begin, end = match.span()
        year, first, second, order = _numeric_date(*match.groups())
        if year is None:
            return UNREADABLE
    clock = _TIME.search(text, end) or _TIME.search(text, 0, begin)
    return UNREADABLE if clock is None else _stamp(clock, year, first, second, order)


def _numeric_date(
    one: str, separator: str, two: str, again: str, three: str
) -> tuple[int | None, int, int, Order | None]:
    if len(one) == len("2026"):
        return int(one), int(three), int(two), "day first"
    if separator != again or len(one) > 2 or len(three) not in (2, 4):
        return None, 0, 0, None
    year = int(three) + (_CENTURY if int(three) < _TWO_DIGITS and len(three) == len("26") else 0)
    # Points are written by those who write the day first.
    return year, int(one), int(two), "day first" if separator == "." else None


def _stamp(clock: re.Match[str], year: int | None, first: int, second: int, order: Order | None) -> Stamp:
    hour, minute, seconds = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[5] and 1 <= hour <= _NOON:
        hour = hour % _NOON + (_NOON if clock[5].lower() == "p" else 0)
    if hour > 23 or minute > 59 or seconds > 59:
        return UNREADABLE
    microsecond = int((clock[4] or "0").ljust(6, "0")[:6])
    return Stamp(hour, minute, seconds, microsecond, year, first, second, order, _offset(clock[6]))


def _offset(text: str | None) -> timedelta | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return timedelta()
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if text[0] == "-" else offset


def with_offset(local: datetime, offset: timedelta) -> datetime | None:
    """``local`` at that offset from UTC, in UTC; None beyond the calendar or a day's offset."""
    try:
        return local.replace(tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
