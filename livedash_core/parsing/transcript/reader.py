"""A transcript's text, in whatever format, as messages with roles and times."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from livedash_core.enums import DayOrder, Role
from livedash_core.parsing.dates import to_utc
from livedash_core.parsing.stamps import Stamp
from livedash_core.parsing.text import clean
from livedash_core.parsing.transcript import (
    contract,
    json_documents,
    labels,
    plain_text,
    times,
)
from livedash_core.parsing.transcript.formats import has_both_sides, is_html, read_format
from livedash_core.parsing.transcript.json_errors import is_json_error
from livedash_core.parsing.transcript.messages import ParsedMessage, RawMessage, Reading, Transcript
from livedash_core.parsing.transcript.speakers import Resolution, Speaker, SpeakerTable

#: A line end or tab that is written as two characters, and no part of a path.
_ESCAPE = re.compile(r"(?<![\\:/])(?<![A-Z]:)\\[nt](?![a-z]*\\)")
_TABLE = SpeakerTable()
#: Of the row's number of messages, how far the transcript's may be off, and always one message.
_COUNT_TOLERANCE = 0.1


def parse_transcript(
    text: str,
    *,
    started_at: datetime,
    ended_at: datetime,
    zone: ZoneInfo,
    speaker_roles: Mapping[str, Role] | None = None,
    messages_sent: int | None = None,
    date_order: DayOrder | None = None,
) -> Transcript:
    """Read a conversation: plain text in many forms, JSON, HTML, WebVTT.

    A line that begins with a speaker, or with a time and a speaker, begins a message; every other line continues the
    one before it. Who speaks is decided by a table of words and by ``speaker_roles``, the company's own names. Text
    before the first message is a System message, so that it is seen. Blank lines inside a message stay, those around
    it go; a message without text is dropped.

    Times are read in ``zone`` unless they carry an offset. A time before the one above it is raised to that one: the
    order of the text wins. A missing or impossible time is spread evenly between its neighbours; where there is none,
    the session's ``started_at`` and ``ended_at`` (aware) stand in, unless the transcript's own times lie beyond them.

    ``messages_sent``, the number of messages in the session's row, decides between two possible readings;
    ``date_order``, the company's setting, how dates like 03/04/2026 are read where nothing else decides. Nothing is
    raised: a text whose speakers are unknown has a ``problem``.
    """
    text = clean(text).removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    started_at, ended_at = started_at.astimezone(UTC), ended_at.astimezone(UTC)
    if not speaker_roles and (ordinary := _ordinary(text, started_at, ended_at, zone)) is not None:
        return Transcript(ordinary, {}, speakers={message.role: message.role for message in ordinary})
    table = SpeakerTable(speaker_roles) if speaker_roles else _TABLE
    reading = read_format(text, table, started_at, messages_sent)
    resolution = table.resolve(
        (message.speaker for message in reading.messages if message.speaker is not None), in_fields=reading.in_fields
    )
    problem = _problem(reading, resolution)
    unknown = frozenset(resolution.unknown)
    messages = [_with_name(message, unknown) for message in reading.messages]
    reading.notes["unknown_speakers"] += len(resolution.unknown)
    reading.notes["assumed_speakers"] += len(resolution.assumed)
    roles: list[Role] = [
        "System" if message.speaker is None else resolution.roles.get(message.speaker, "System") for message in messages
    ]
    speakers: dict[str, Role] = {
        _full_name(message.speaker): role
        for message, role in zip(messages, roles, strict=True)
        if message.speaker is not None
    }
    return _timed(messages, roles, speakers, reading, started_at, ended_at, zone, problem, date_order)


def _ordinary(text: str, started_at: datetime, ended_at: datetime, zone: ZoneInfo) -> list[ParsedMessage] | None:
    """The messages of a text as the contract has it, with times in order or none; None for any other."""
    found = contract.read_ordinary(text, _TABLE)
    if found is None:
        return None
    try:
        written = [to_utc(stamp, zone) for _, _, stamp in found if stamp is not None]
    except ValueError:
        return None
    if not written:
        sent_at = times.spread([None] * len(found), started_at, ended_at)
    elif (
        written[0] < started_at
        or any(later < earlier for earlier, later in pairwise(written))
        or times.is_far(written[-1], started_at, ended_at)
    ):
        return None
    else:
        sent_at = written
    return [ParsedMessage(role, content, at) for (role, content, _), at in zip(found, sent_at, strict=True)]


def not_a_transcript(text: str) -> str | None:
    """What ``text`` is instead of a transcript, to follow "it": a login page in place of a file has status 200 too.

    None for a text in which speakers can be made out, whether they are known or not, and for one without words.
    """
    if contract.begins_message(text) and not is_html(text, _TABLE):
        return None
    text = clean(text).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if contract.is_blank(text):
        return None
    if is_json_error(text):
        return "is JSON with an error message, not a transcript"
    reading = read_format(text, _TABLE, None, None)
    if is_html(text, _TABLE):
        # A login page may say "User:" too.
        if has_both_sides(reading, _TABLE) or sum(message.stamp is not None for message in reading.messages) > 1:
            return None
        return "is an HTML or XML page (a login page?), not a transcript"
    if any(message.speaker is not None for message in reading.messages):
        return None
    if json_documents.may_be_json(text) and not text.lstrip().startswith("{\\rtf"):
        return "is JSON without messages that have a speaker and a text, not a transcript"
    if labels.has_labels(text, _TABLE):
        return None
    if text.lstrip().startswith("{\\rtf"):
        return "is Rich Text Format; export it as plain text"
    return (
        "has no line that begins with User:, Assistant:, System: or another speaker; "
        f"its first line is {quoted(reading.first_line)}"
    )


def message_count_differs(messages: Sequence[ParsedMessage], messages_sent: int | None) -> bool:
    """Whether the number of messages in a session's row fits none of the ways to count these messages.

    Companies count all messages, those without the System's, or the User's alone. One message more or less is
    tolerated, and one in ten; not where several became one: then the speakers were not seen.
    """
    if messages_sent is None or messages_sent < 0:
        return False
    users = sum(message.role == "User" for message in messages)
    spoken = sum(message.role != "System" for message in messages)
    if len(messages) == 1 < messages_sent:
        return True
    tolerance = max(1, int(messages_sent * _COUNT_TOLERANCE))
    return min(abs(count - messages_sent) for count in (users, spoken, len(messages))) > tolerance


def quoted(line: str) -> str:
    """At most 60 characters of a line, for an error message."""
    shortener = reprlib.Repr()
    shortener.maxstring = 60
    return shortener.repr(line)


def _problem(reading: Reading, resolution: Resolution) -> str | None:
    """Why no role may be trusted."""
    sides = {role for role in resolution.roles.values() if role != "System"}
    spoken = [message for message in reading.messages if message.speaker is not None]
    if reading.messages and not spoken:
        return (
            "has no line that begins with a speaker (User:, Assistant:, System:, or a name that the company's "
            f"--role settings know); its first line is {quoted(reading.first_line or reading.messages[0].content)}"
        )
    if resolution.unknown and (not sides or (len(sides) == 1 and len(resolution.unknown) > 1)):
        line = plain_text.first_line_of(reading, resolution.unknown[0])
        return (
            f"has speakers whose roles are unknown, the first in {quoted(line)}; name them in the company's settings: "
            f'--role "{resolution.unknown[0].name[:40]}=Assistant"'
        )
    return None


def _with_name(message: RawMessage, unknown: Set[Speaker]) -> RawMessage:
    """What an unknown speaker says is kept with the name in front."""
    if message.speaker is None or message.speaker not in unknown:
        return message
    return RawMessage(message.speaker, f"{_full_name(message.speaker)}: {message.content}", message.stamp)


def _full_name(speaker: Speaker) -> str:
    return f"{speaker.name} ({speaker.detail})" if speaker.detail else speaker.name


def _timed(
    messages: Sequence[RawMessage],
    roles: Sequence[Role],
    speakers: dict[str, Role],
    reading: Reading,
    started_at: datetime,
    ended_at: datetime,
    zone: ZoneInfo,
    problem: str | None,
    date_order: DayOrder | None,
) -> Transcript:
    notes: Counter[str] = reading.notes
    notes["escapes_kept"] = sum(len(_ESCAPE.findall(message.content)) for message in messages)
    stamps: list[Stamp | None] = [message.stamp for message in messages]
    written = times.instants(stamps, started_at, ended_at, zone, notes, date_order)
    if reading.newest_first and _falls(written):
        messages, roles, written = messages[::-1], roles[::-1], written[::-1]
        notes["order_reversed"] = 1
    sent_at = times.spread(written, started_at, ended_at)
    notes["times_out_of_order"] = sum(time is not None and time < at for time, at in zip(written, sent_at, strict=True))
    return Transcript(
        [ParsedMessage(role, message.content, at) for message, role, at in zip(messages, roles, sent_at, strict=True)],
        dict(+notes),
        problem,
        reading.format,
        speakers,
    )


def _falls(written: Sequence[datetime | None]) -> bool:
    """Whether every message is older than the one before it, or as old, and one is older."""
    if len(written) < 2 or any(time is None for time in written):
        return False
    known = [time for time in written if time is not None]
    return all(later >= earlier for later, earlier in pairwise(known)) and known[0] > known[-1]
