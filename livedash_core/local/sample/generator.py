"""Generates the sample's CSV and transcripts: 109 sessions, five of them faulty on purpose, and one broken CSV line.

All random choices come from one seeded generator: the same arguments give the same bytes, another ``until`` gives the
same conversations on other days. The people are fictional, the IP addresses reserved for documentation (RFC 5737).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import NamedTuple

from livedash_core.enums import Role
from livedash_core.local.sample.material import Language, Script, load_languages, load_unanswered
from livedash_core.local.sample.placeholders import choose_values

COMPANY_NAME = "Lindeveld Groep"
#: IANA time zone of all times in the sample.
TIMEZONE = "Europe/Amsterdam"
SESSIONS = 109
#: The days before ``until`` over which the sessions are spread.
DAYS = 14

#: The five faulty sessions, by external id: the transcript's URL returns 404, ...
NOT_FOUND_ID = "LV-0017"
#: ... returns 200 and no bytes, ...
EMPTY_TRANSCRIPT_ID = "LV-0038"
#: ... the row has no transcript URL, ...
NO_URL_ID = "LV-0059"
#: ... the row's times are on 31 February (and the transcript has none), ...
IMPOSSIBLE_DATE_ID = "LV-0074"
#: ... the transcript has no message of a user.
BOT_ONLY_ID = "LV-0093"
#: Number of rows before an additional line that ends after five columns.
BROKEN_LINE_AFTER = 54

_SEED = 109
_TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
_EUR_PER_TOKEN = 2e-6


@dataclass(frozen=True, slots=True)
class Sample:
    """The CSV file, and the transcripts by URL path (``/transcripts/LV-0001.txt``)."""

    csv: bytes
    transcripts: dict[str, bytes]


class _Row(NamedTuple):
    """The 16 columns of the CSV, by position."""

    external_session_id: str
    start_time: str
    end_time: str
    ip_address: str
    country_code: str
    language: str
    messages_sent: str
    sentiment: str
    escalated: str
    forwarded_hr: str
    full_transcript_url: str
    avg_response_time_seconds: str
    tokens: str
    tokens_eur: str
    category: str
    initial_message: str


class _Line(NamedTuple):
    role: Role
    text: str
    at: datetime


def build_sample(base_url: str, *, until: date) -> Sample:
    """Build the sessions of the 14 days before ``until`` (exclusive), oldest first, with the ids LV-0001 to LV-0109.

    ``base_url`` has no trailing slash; the transcripts' URLs start with it.
    """
    rng = Random(_SEED)  # noqa: S311 - reproducible, not secret
    conversations = _shuffled_conversations(rng)
    starts = sorted(_choose_start(rng, until) for _ in conversations)
    rows: dict[str, _Row] = {}
    transcripts: dict[str, bytes] = {}
    for number, (start, (language, script, opening)) in enumerate(zip(starts, conversations, strict=True), start=1):
        external_id = f"LV-{number:04}"
        path = f"/transcripts/{external_id}.txt"
        lines = _choose_lines(rng, language, script, opening, start)
        rows[external_id] = _choose_row(rng, external_id, language, script, lines, base_url + path)
        role_case = rng.choices((str, str.lower, str.upper), weights=(8, 1, 1))[0]
        timed = external_id != IMPOSSIBLE_DATE_ID and rng.random() < 0.85
        transcripts[path] = _transcript(lines, timed=timed, role_case=role_case)
    _add_faults(rows, transcripts)
    return Sample(_csv(list(rows.values())), transcripts)


def _shuffled_conversations(rng: Random) -> list[tuple[Language, Script, int]]:
    """Return each opening of each script once, shuffled, and the bot-only conversation at its position."""
    languages = load_languages()
    conversations = [
        (language, script, opening)
        for language in languages.values()
        for script in language.scripts
        for opening in range(len(script.openings))
    ]
    rng.shuffle(conversations)
    conversations.insert(int(BOT_ONLY_ID.removeprefix("LV-")) - 1, (languages["nl"], load_unanswered(), 0))
    return conversations


def _choose_start(rng: Random, until: date) -> datetime:
    """Choose a second between 07:00 and 18:00, local time, on one of the ten weekdays before ``until``."""
    workdays = [day for ago in range(DAYS, 0, -1) if (day := until - timedelta(days=ago)).weekday() < 5]
    return datetime.combine(rng.choice(workdays), time(7)) + timedelta(seconds=rng.randrange(11 * 3600))


def _choose_lines(rng: Random, language: Language, script: Script, opening: int, start: datetime) -> list[_Line]:
    """Fill the conversation's placeholders and give each message a time."""
    values = choose_values(rng, language, start.date())
    messages = script.conversation(opening)
    if messages[0][0] == "User" and rng.random() < 0.5:
        messages.insert(0, ("Assistant", rng.choice(language.greetings)))
    lines: list[_Line] = []
    at = start
    for role, template in messages:
        text = template.format_map(values)
        lines.append(_Line(role, text, at))
        # Users need time to read and type; the bot replies within seconds.
        at += timedelta(seconds=rng.randint(2, 9) if role == "User" else 6 + len(text) // 12 + rng.randint(0, 40))
    return lines


def _choose_row(
    rng: Random, external_id: str, language: Language, script: Script, lines: list[_Line], url: str
) -> _Row:
    waits = [(b.at - a.at).total_seconds() for a, b in pairwise(lines) if (a.role, b.role) == ("User", "Assistant")]
    user_texts = [line.text for line in lines if line.role == "User"]
    # 600 tokens of instructions per reply, and about four characters per token of the conversation.
    tokens = 600 * len(waits) + sum(len(line.text) for line in lines) // 4
    return _Row(
        external_session_id=external_id,
        start_time=lines[0].at.strftime(_TIME_FORMAT),
        end_time=(lines[-1].at + timedelta(seconds=rng.randint(1, 30))).strftime(_TIME_FORMAT),
        ip_address=f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}",
        country_code=rng.choice(language.countries),
        language=rng.choice(language.language_labels),
        messages_sent=str(len(user_texts)),
        sentiment=script.sentiment,
        escalated="yes" if script.escalated else "no",
        forwarded_hr="yes" if script.forwarded_hr else "no",
        full_transcript_url=url,
        avg_response_time_seconds=f"{fmean(waits):.1f}" if waits else "0",
        tokens=str(tokens),
        tokens_eur=f"{tokens * _EUR_PER_TOKEN:.4f}",
        category=script.label,
        initial_message=user_texts[0] if user_texts else "",
    )


def _transcript(lines: list[_Line], *, timed: bool, role_case: Callable[[str], str]) -> bytes:
    return "".join(
        f"[{at.strftime(_TIME_FORMAT)}] {role_case(role)}: {text}\n" if timed else f"{role_case(role)}: {text}\n"
        for role, text, at in lines
    ).encode()


def _add_faults(rows: dict[str, _Row], transcripts: dict[str, bytes]) -> None:
    """Make four sessions faulty, in place; the fifth is the bot-only conversation."""
    rows[NO_URL_ID] = rows[NO_URL_ID]._replace(full_transcript_url="")
    for external_id in (NOT_FOUND_ID, NO_URL_ID):
        del transcripts[f"/transcripts/{external_id}.txt"]
    transcripts[f"/transcripts/{EMPTY_TRANSCRIPT_ID}.txt"] = b""
    row = rows[IMPOSSIBLE_DATE_ID]
    rows[IMPOSSIBLE_DATE_ID] = row._replace(
        start_time=f"31.02{row.start_time[5:]}", end_time=f"31.02{row.end_time[5:]}"
    )


def _csv(rows: list[_Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows(rows[:BROKEN_LINE_AFTER])
    writer.writerow((f"LV-{SESSIONS + 1:04}", *rows[BROKEN_LINE_AFTER][1:5]))
    writer.writerows(rows[BROKEN_LINE_AFTER:])
    return text.getvalue().encode()
