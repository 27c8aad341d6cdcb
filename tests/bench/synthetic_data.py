"""CSV files and transcripts of any size, for companies that do not exist."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from livedash_core.local.sample import (
    BOT_ONLY_ID,
    EMPTY_TRANSCRIPT_ID,
    IMPOSSIBLE_DATE_ID,
    NO_URL_ID,
    NOT_FOUND_ID,
    build_sample,
)
from livedash_core.parsing.csv_rows import COLUMNS

CSV_NAME = "sessions.csv"
BEGINNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
_TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
_GOES_WRONG = {NOT_FOUND_ID, EMPTY_TRANSCRIPT_ID, NO_URL_ID, IMPOSSIBLE_DATE_ID, BOT_ONLY_ID}


def write_csv(path: Path, rows: int) -> None:
    """So many sessions, one every ten seconds, with what an average row holds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for number in range(rows):
            start = BEGINNING + timedelta(seconds=10 * number)
            end = start + timedelta(minutes=4)
            writer.writerow(
                (
                    f"S-{number:08}", start.strftime(_TIME_FORMAT), end.strftime(_TIME_FORMAT),
                    f"192.0.2.{number % 254 + 1}", "NL", "Dutch", "5", "neutral", "no", "no",
                    f"https://chats.example/transcripts/S-{number:08}.txt", "12.5", "2410", "0.0048", "Leave",
                    f"How many days of leave do I have left this year, and until when can I take them? ({number})",
                )
            )  # fmt: skip


def write_offline_source(directory: Path, url: str, sessions: int) -> None:
    """The sample company's good sessions, again and again under other ids, until there are so many."""
    sample = build_sample(url, until=date(2026, 3, 31))
    for path, content in sample.transcripts.items():
        target = directory / path.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    records = csv.reader(io.StringIO(sample.csv.decode(), newline=""))
    good = [record for record in records if len(record) == len(COLUMNS) and record[0] not in _GOES_WRONG]
    with (directory / CSV_NAME).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for number in range(sessions):
            external_id, *rest = good[number % len(good)]
            writer.writerow((f"{external_id}-{number // len(good)}", *rest))


def transcript(messages: int) -> str:
    """User and Assistant in turn, as a source publishes it."""
    lines = []
    for number in range(messages):
        at = (BEGINNING + timedelta(seconds=20 * number)).strftime(_TIME_FORMAT)
        role = "Assistant" if number % 2 else "User"
        lines.append(
            f"[{at}] {role}: This is message {number}, as long as a message usually is: about eighty characters."
        )
    return "\n".join(lines) + "\n"
