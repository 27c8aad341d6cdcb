"""A transcript's text as messages, in the format that livedash-node's companies publish."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from livedash_core.enums import ROLES, Role
from livedash_core.parsing.dates import to_utc
from livedash_core.parsing.text import clean

_TIME = r"\[(\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d)\]"
# What does not show: the direction marks of right-to-left text, zero-width characters, byte order marks.
_MARKS = "\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff"
_GAP = rf"[ \t\u00a0{_MARKS}]*"
# ASCII: without it, IGNORECASE takes "U\u017fer" for "User".
_TIME_OR_NOTHING = re.compile(rf"{_GAP}({_TIME}{_GAP})?", re.ASCII)
_START = re.compile(rf"{_GAP}(?:{_TIME}{_GAP})?({'|'.join(ROLES)})[{_MARKS}]*:", re.ASCII | re.IGNORECASE)
# With a time in front, words and a colon are somebody who speaks: the role, or how the time is written, is not in the
# contract.
_OTHER_ROLE = re.compile(rf"{_GAP}\[\d[^\]]{{1,40}}\]{_GAP}\w[\w ]{{0,30}}:")
_MARKUP = re.compile(rf"[\s{_MARKS}]*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
_JSON = re.compile(rf"[\s{_MARKS}]*(\{{|\[\s*[{{\[\"])")
_ROLES: dict[str, Role] = {role.lower(): role for role in ROLES}


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """One message; ``content`` is never empty, ``sent_at`` in UTC."""

    role: Role
    content: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Transcript:
    """The messages in the order of the text, ``sent_at`` never decreasing; none when nobody said anything.

    ``notes`` count what was read otherwise than it is written: ``lines_of_other_roles`` (a time and ``Bot:``, say,
    or ``User:`` behind a time that is written otherwise),
    ``times_unreadable``, ``times_out_of_order``. What did not happen is not in it.
    """

    messages: list[ParsedMessage]
    notes: dict[str, int]


def not_a_transcript(text: str) -> str | None:
    """What ``text`` is instead of a transcript, to follow "it": a login page in place of a file has status 200 too.

    None for a transcript, one in which nobody says anything included.
    """
    if _MARKUP.match(text):
        return "is an HTML or XML page (a login page?), not a transcript"
    lines = _lines(text)
    if any(map(_START.match, lines)) or all(_TIME_OR_NOTHING.fullmatch(line.strip()) for line in lines):
        return None
    if _JSON.match(text):
        return "is JSON, not a transcript"
    return f"has no line that begins with {', '.join(f'{role}:' for role in ROLES)}"


def parse_transcript(text: str, *, started_at: datetime, ended_at: datetime, zone: ZoneInfo) -> Transcript:
    """Read a conversation.

    Only ``User:``, ``Assistant:`` or ``System:`` (any case), at the start of a line or after a timestamp, begins a
    message; every other line continues the one before it. Text before the first of them is a System message, so
    that it is seen. Blank lines inside a message stay, those around it go; a message without text is dropped.

    Times are read in ``zone``. A time before the one above it is raised to that one: the order of the text wins. A
    missing or impossible time is spread evenly between its neighbours; where there is none, the session's
    ``started_at`` and ``ended_at`` (aware) stand in, unless the transcript's own times lie beyond them.
    """
    notes: Counter[str] = Counter()
    messages = list(_messages(text, zone, notes))
    times = _spread([time for _, _, time in messages], started_at.astimezone(UTC), ended_at.astimezone(UTC))
    notes["times_out_of_order"] = sum(
        time is not None and time < at for (_, _, time), at in zip(messages, times, strict=True)
    )
    return Transcript(
        [ParsedMessage(role, content, sent_at) for (role, content, _), sent_at in zip(messages, times, strict=True)],
        dict(+notes),
    )


def _lines(text: str) -> list[str]:
    # Not splitlines(): that also breaks at U+2028, form feeds and other characters of a message.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _messages(text: str, zone: ZoneInfo, notes: Counter[str]) -> Iterator[tuple[Role, str, datetime | None]]:
    role: Role = "System"
    time: datetime | None = None
    lines: list[str] = []
    for line in _lines(clean(text).removeprefix("\ufeff")):
        if start := _START.match(line):
            if content := "\n".join(lines).strip():
                yield role, content, time
            role, time = _ROLES[start[2].lower()], _instant(start[1], zone)
            notes["times_unreadable"] += start[1] is not None and time is None
            lines = [line[start.end() :]]
        elif lines or not _TIME_OR_NOTHING.fullmatch(line.strip()):  # timestamps above all text say nothing
            notes["lines_of_other_roles"] += _OTHER_ROLE.match(line) is not None
            lines.append(line)
    if content := "\n".join(lines).strip():
        yield role, content, time


def _instant(text: str | None, zone: ZoneInfo) -> datetime | None:
    try:
        return to_utc(text, zone) if text else None
    except ValueError:
        return None


def _spread(times: list[datetime | None], started_at: datetime, ended_at: datetime) -> list[datetime]:
    """The same times, none missing and none before the one in front of it."""
    if not times:
        return []
    known: list[tuple[int, datetime]] = []
    for position, time in enumerate(times):
        if time is not None:
            known.append((position, max(time, known[-1][1]) if known else time))
    if times[0] is None:
        known.insert(0, (0, min(started_at, known[0][1]) if known else started_at))
    if known[-1][0] < len(times) - 1:
        known.append((len(times) - 1, max(ended_at, known[-1][1])))
    spread = [known[0][1]]
    for (position, time), (next_position, next_time) in pairwise(known):
        steps = next_position - position
        # A fraction, not a product of steps: years times a million messages is more than a timedelta holds.
        spread.extend(time + (next_time - time) * (step / steps) for step in range(1, steps + 1))
    return spread
