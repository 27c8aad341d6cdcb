"""A CSV file in temporary tables, before any of it is taken over: read once, analysed as a whole."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from uuid6 import uuid7

from livedash_core.bulk_insert import copying_text
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.csv_rows import COLUMNS, Rejection, Row, read_rows
from livedash_core.parsing.encoding import encoding_of
from livedash_core.parsing.session_times import PlainTimes, interpret, peculiarities
from livedash_core.stages.csv_import import sql

#: A file of the largest size allowed takes a minute or two.
MAX_READING_SECONDS = 600
#: Fewer lines that cannot be taken may be anybody's slip; more, and more than can be taken, are another layout.
FEW_REJECTIONS = 20
#: More than a person could look at. A file with more is refused as it is read, whatever else is in it.
MAX_REJECTIONS = 100_000
#: Of a file that is refused, so many are kept to show what is wrong with it.
SHOWN_REJECTIONS = 100
_LINES_BETWEEN_LOOKS = 1000

#: Takes a row of the staging table.
_Partition = Callable[[tuple[str | None, ...]], None]


class StoppedReading(Exception):
    """Somebody said stop; nothing of the file was taken."""


class StagedFile(NamedTuple):
    """What was found: the last line's number, rows (repeated ones too), lines that cannot be taken, the encoding."""

    last_line: int
    rows: int
    rejections: int
    encoding: str


def stage_file(
    connections: Sequence[Connection], company: Any, file: BinaryIO, *, max_lines: int, stopping: Callable[[], bool]
) -> StagedFile:
    """Share ``file`` among the ``connections``' ``intake_sql.STAGING`` and keep what is rejected; commits.

    All rows of one session come to the same connection.

    Raises ``PermanentError`` for a file that is no text, too long, or by its rejections not this company's layout;
    ``TransientError`` if it takes too long; ``StoppedReading``.
    """
    encoding = encoding_of(file)
    reading = _Reading(company, stopping)
    with ExitStack() as copies:
        partitions: list[_Partition] = []
        for connection in connections:
            connection.execute(text(sql.CREATE_STAGING))
            partitions.append(copies.enter_context(copying_text(connection, sql.STAGING, sql.STAGED)))
        reading.stage(read_rows(file, encoding=encoding, max_lines=max_lines), partitions)
    problem = reading.problem()
    rejected = {"company_id": company.company_id, "most": SHOWN_REJECTIONS if problem else None}
    connections[0].execute(text(sql.REJECT), rejected)
    for connection in connections:
        connection.commit()
    if problem:
        raise PermanentError(problem)
    return StagedFile(reading.last_line, reading.rows, reading.rejections, encoding)


class _Reading:
    """Turns records into staged rows and counts them."""

    def __init__(self, company: Any, stopping: Callable[[], bool]) -> None:
        self.last_line = self.rows = self.rejections = 0
        self._company = company
        self._zone, self._now = ZoneInfo(company.timezone), datetime.now(UTC)
        self._plain_times = PlainTimes(self._zone, self._now)
        self._stopping = stopping
        self._first_rejection: Rejection | None = None
        self._ends_at = time.monotonic() + MAX_READING_SECONDS
        # A file's ids count up from a random one (RFC 9562, 6.2, "Monotonic Random"): to make one for each line took
        # as long as to read it.
        self._ids = count(uuid7().int)

    def stage(self, records: Iterable[Row | Rejection], partitions: Sequence[_Partition]) -> None:
        """Hand a session's rows to one partition, and all that is rejected to the first."""
        nothing = (None,) * (len(COLUMNS) + 4)
        for number, record in enumerate(records):
            if number % _LINES_BETWEEN_LOOKS == 0:
                self._look_up()
            self.last_line = record.line_number
            if isinstance(record, Row):
                self.rows += 1
                partition = partitions[hash(record.values[0]) % len(partitions)]
                partition(
                    (str(self.last_line), f"{next(self._ids):032x}", *record.values, *self._meaning(record), None, None)
                )
            else:
                self._note(record)
                partitions[0]((str(self.last_line), *nothing, record.raw_text, record.reason))

    def problem(self) -> str | None:
        """Why the file as a whole is not to be trusted."""
        few = self.rejections < FEW_REJECTIONS and self.rows > 0
        first = self._first_rejection
        if first is None or few or self.rejections <= self.rows:
            return None
        return (
            f"{self._company.company_name}: {self.rejections:,} of {self.rejections + self.rows:,} lines of its CSV "
            f"cannot be taken, so nothing was; the first is line {first.line_number}: {first.reason}. Is it the right "
            f"file? It has no header and {len(COLUMNS)} columns"
        )

    def _meaning(self, row: Row) -> tuple[str | None, str | None, str | None]:
        start_time, end_time = row.values[1], row.values[2]
        if not row.nul_characters and (plain := self._plain_times.of(start_time, end_time)):
            return *plain, None
        notes: dict[str, object] = {"nul_characters": row.nul_characters} if row.nul_characters else {}
        began_and_ended: tuple[str, str] | tuple[None, None]
        try:
            times = interpret(start_time, end_time, self._zone)
        except PermanentError:  # the stage itself will say so, as that session's failure
            began_and_ended = (None, None)
        else:
            began_and_ended = (times.started_at.isoformat(), times.ended_at.isoformat())
            notes |= peculiarities(times, self._zone, self._now)
        return *began_and_ended, json.dumps(notes) if notes else None

    def _note(self, rejection: Rejection) -> None:
        self.rejections += 1
        self._first_rejection = self._first_rejection or rejection
        if self.rejections > MAX_REJECTIONS:
            raise PermanentError(
                f"{self._company.company_name}: more than {MAX_REJECTIONS:,} lines of its CSV cannot be taken, so "
                f"nothing was; the first is line {self._first_rejection.line_number}: {self._first_rejection.reason}"
            )

    def _look_up(self) -> None:
        if self._stopping():
            raise StoppedReading
        if time.monotonic() > self._ends_at:
            raise TransientError(
                f"{self._company.company_name}: its CSV could not be read within {MAX_READING_SECONDS} s; nothing of "
                "it was taken"
            )
