"""Shows what an import of a CSV would take, without a database: the file's layout, its rows, problems, transcripts."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from livedash_core.clients.csv_content import csv_in
from livedash_core.clients.fetch import MIB, Fetcher
from livedash_core.clients.source import Source
from livedash_core.enums import DayOrder, Role
from livedash_core.errors import PermanentError, ProcessingError
from livedash_core.parsing.csv_reading import date_order_of, reading_of
from livedash_core.parsing.csv_rows import COLUMNS, CsvReader
from livedash_core.parsing.session_times import interpret
from livedash_core.parsing.text import is_null
from livedash_core.parsing.transcript import not_a_transcript, parse_transcript
from livedash_core.settings import Settings
from livedash_core.stages.csv_import import sql
from livedash_core.stages.csv_import.staging import Reading
from livedash_core.stages.row_columns import following_columns, unread_cells
from livedash_core.status.redaction import redact

#: Problems of rows and rejected lines that are listed; all are counted.
SHOWN_PROBLEMS = 50
SAMPLES = 3
_SHOWN_CHARACTERS = 200
_NO_COMPANY = UUID(int=0)


class HowToRead(NamedTuple):
    """A company's settings for its CSV and transcripts."""

    zone: ZoneInfo
    speaker_roles: Mapping[str, Role] = MappingProxyType({})
    date_order: DayOrder | None = None


def preview(address: str, source: Source, told: HowToRead, settings: Settings) -> dict[str, Any]:
    """Read the CSV at ``address``, a URL or a file, as an import does; returns facts with values for JSON.

    At most ``SAMPLES`` transcripts are fetched, by the rules of ``source``; of a file of no company, from the origin of
    its first transcript. ``told`` are the company's settings. Nothing is written. Raises
    ``ProcessingError`` if the CSV cannot be fetched or is no text.
    """
    zone = told.zone
    max_bytes = settings.csv_max_mib * MIB
    with ExitStack() as opened:
        charset = None
        is_file = "://" not in address
        if is_file:
            file: BinaryIO = opened.enter_context(Path(address).open("rb"))
        else:
            file = opened.enter_context(tempfile.TemporaryFile())
            charset = asyncio.run(_download(address, source, file, max_bytes))
        content = csv_in(file, max_bytes=max_bytes, opened=opened)
        reader = CsvReader(content, charset=charset, max_lines=settings.csv_max_lines)
        company = SimpleNamespace(company_name=source.company, timezone=zone.key)
        reading = Reading(company, lambda: False, date_order_of(reader, chosen=told.date_order))
        rows = _Rows(zone)
        reading.stage(reader, [rows.add])
    if is_file and source.company_id == _NO_COMPANY and not source.allowed_origins and rows.urls:
        source = replace(source, csv_url=rows.urls[0])
    how = reading_of(reader.encoding, reader.layout, reading.numbers, reading.dates, reading.notes)
    refused = reading.problem(reader.layout)
    rows.find_unread(how["decimal_mark"])
    return {
        **how,
        "lines": reading.last_line,
        "rows": reading.rows,
        "sessions": len(rows.ids),
        "rejected": reading.rejections,
        "refused": redact(refused) if refused else None,
        "times": {
            "written_as": "DD.MM.YYYY HH:MM:SS",
            "timezone": zone.key,
            "first": rows.first,
            "last": rows.last,
            "unreadable": rows.counts["time"],
        },
        "problem_counts": dict(rows.counts),
        "rejections": rows.rejections,
        "problems": rows.problems,
        "samples": [dict(zip(COLUMNS, cells, strict=True)) for _, cells in rows.samples],
        "transcripts": [] if refused else asyncio.run(_transcripts(rows.samples, source, told, how)),
    }


class _Rows:
    """Collects what the import would stage."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.ids: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.problems: list[dict[str, Any]] = []
        self.rejections: list[dict[str, Any]] = []
        self.samples: list[tuple[int, tuple[str | None, ...]]] = []
        self.first: str | None = None
        self.last: str | None = None
        self._zone = zone
        self.urls: list[str] = []
        self._unread: list[tuple[int, tuple[str | None, ...]]] = []

    def add(self, staged: tuple[str | None, ...]) -> None:
        """Take a row or a rejected line as ``sql.STAGED``."""
        row = dict(zip(sql.STAGED, staged, strict=True))
        line = int(row["line_number"] or 0)
        if row["reason"] is not None:
            if len(self.rejections) < SHOWN_PROBLEMS:
                text = redact((row["raw_text"] or "")[:_SHOWN_CHARACTERS])
                self.rejections.append({"line": line, "reason": row["reason"], "text": text})
            return
        cells = tuple(row[column] for column in COLUMNS)
        if cells[0] in self.ids:
            self._problem(line, cells, "repeated", "is another row of this session; the one that ends later is taken")
        self.ids.add(cells[0] or "")
        if len(self.samples) < SAMPLES:
            self.samples.append((line, cells))
            if not is_null(url := row["full_transcript_url"]):
                self.urls.append(url or "")
        if row["started_at"] is None:
            self._problem(line, cells, "time", _time_problem(cells, self._zone, _notes(row)))
        else:
            self.first = min(self.first or row["started_at"], row["started_at"])
            self.last = max(self.last or row["started_at"], row["started_at"])
        if is_null(row["full_transcript_url"]):
            self._problem(line, cells, "transcript", "has no transcript URL: its session is skipped")
        if len(self._unread) < SHOWN_PROBLEMS and self._numbers(cells, None):
            self._unread.append((line, cells))

    def find_unread(self, mark: str) -> None:
        """List the numbers that cannot be read with the file's decimal mark."""
        for line, cells in self._unread:
            if names := self._numbers(cells, mark):
                self._problem(line, cells, "number", f"has numbers that cannot be read: {', '.join(names)}")

    def _numbers(self, cells: tuple[str | None, ...], mark: str | None) -> list[str]:
        row = SimpleNamespace(**dict(zip(COLUMNS, cells, strict=True)), notes={"decimal_mark": mark})
        names: list[str] = unread_cells(row, following_columns(row)).get("unread_cells", [])
        return names

    def _problem(self, line: int, cells: tuple[str | None, ...], kind: str, problem: str) -> None:
        self.counts[kind] += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append({"line": line, "session": cells[0], "problem": redact(problem)})


def _notes(row: dict[str, str | None]) -> dict[str, Any]:
    notes: dict[str, Any] = json.loads(row["notes"] or "{}")
    return notes


def _time_problem(cells: tuple[str | None, ...], zone: ZoneInfo, notes: dict[str, Any]) -> str:
    try:
        interpret(cells[1], cells[2], zone, notes)
    except PermanentError as error:
        return str(error)
    return "has times that cannot be read"


async def _download(address: str, source: Source, file: BinaryIO, max_bytes: int) -> str | None:
    async with Fetcher() as fetcher:
        download = await fetcher.download(address, source, file, max_bytes=max_bytes)
    return download.charset if download else None


async def _transcripts(
    samples: list[tuple[int, tuple[str | None, ...]]], source: Source, told: HowToRead, how: dict[str, Any]
) -> list[dict[str, Any]]:
    url = COLUMNS.index("full_transcript_url")
    async with Fetcher() as fetcher:
        return [
            {"session": cells[0], **await _transcript(fetcher, cells, cells[url] or "", source, told, how)}
            for _, cells in islice(samples, SAMPLES)
            if not is_null(cells[url])
        ]


async def _transcript(
    fetcher: Fetcher, cells: tuple[str | None, ...], url: str, source: Source, told: HowToRead, how: dict[str, Any]
) -> dict[str, Any]:
    try:
        fetched = await fetcher.text(url, source)
        if problem := not_a_transcript(fetched.content):
            return {"problem": f"it {problem}"}
        started_at, ended_at = interpret(cells[1], cells[2], told.zone, how)
    except ProcessingError as error:
        return {"problem": redact(str(error))}
    row = SimpleNamespace(**dict(zip(COLUMNS, cells, strict=True)), notes=how)
    read = parse_transcript(
        fetched.content,
        started_at=started_at,
        ended_at=ended_at,
        zone=told.zone,
        speaker_roles=told.speaker_roles,
        messages_sent=following_columns(row)["messages_sent"],
        date_order=told.date_order,
    )
    if read.problem:
        return {"problem": redact(f"it {read.problem}")}
    return {
        "messages": len(read.messages),
        "roles": dict(Counter(message.role for message in read.messages)),
        "encoding": fetched.encoding,
        "notes": dict(read.notes),
        "beginning": [
            f"{message.role}: {message.content[:_SHOWN_CHARACTERS]}" for message in islice(read.messages, SAMPLES)
        ],
    }


def unnamed_source(address: str, networks: tuple[Any, ...], origins: tuple[str, ...]) -> Source:
    """Return a source for a CSV of no company: without credentials, with the given networks and origins."""
    home = address if "://" in address else (*origins, "https://localhost")[0]
    return Source(_NO_COMPANY, "preview", home, None, origins, networks)
