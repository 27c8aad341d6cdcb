"""Stages a CSV file in temporary tables: reads it once, and decides whether it is plausible as a whole."""

from __future__ import annotations

import json
import operator
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from uuid6 import uuid7

from livedash_core.bulk_insert import copying
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.csv_layout import Layout
from livedash_core.parsing.csv_reading import date_order_of, reading_of
from livedash_core.parsing.csv_rows import COLUMNS, CsvReader, Rejection, Row
from livedash_core.parsing.date_order import DateOrder, needs_order
from livedash_core.parsing.encoding import Encoding
from livedash_core.parsing.number_style import NumberStyle
from livedash_core.parsing.session_times import PlainTimes, interpret, peculiarities
from livedash_core.parsing.stamps import Order
from livedash_core.stages.csv_import import sql
from livedash_core.stages.csv_import.same_ids import SameIds, note_of, plain_id, take_stored_ids

#: A file of the largest allowed size takes a minute or two.
MAX_READING_SECONDS = 600
#: Fewer rejected lines are taken for errors in the file. If there are more, and more than rows, it has another layout.
FEW_REJECTIONS = 20
#: A file with more rejected lines is refused while it is read, whatever else it contains.
MAX_REJECTIONS = 100_000
#: The rejected lines of a refused file that are stored, to show what is wrong with it.
SHOWN_REJECTIONS = 100
#: https://support.microsoft.com/office/excel-specifications-and-limits: "Number precision: 15 digits".
_SPREADSHEET_DIGITS = 15
#: So many long ids do not end in a zero by chance.
_FEW_LONG_IDS = 5
_LINES_BETWEEN_CHECKS = 1000
#: Of the line that a refusal quotes.
_QUOTED_CHARACTERS = 60
_MARKUP = ("<!doctype", "<html", "<head", "<body", "<?xml", "<!--", "<error")
_NUMBERS = operator.itemgetter(
    *(COLUMNS.index(name) for name in ("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur"))
)

#: Writes a row to the staging table of one connection.
_Partition = Callable[[tuple[str | None, ...]], None]


class StoppedReading(Exception):
    """The run was asked to stop; nothing of the file was merged."""


class StagedFile(NamedTuple):
    """The number of the last line, of the rows (repeated ones too) and of the rejected lines; how the file was read.

    ``notes`` are sentences about rows that were mended. ``has_new`` says of each connection's rows whether any of their
    sessions is not stored.
    """

    last_line: int
    rows: int
    rejections: int
    encoding: Encoding
    layout: Layout
    numbers: NumberStyle
    dates: DateOrder
    first_rejection: str
    notes: Sequence[str]
    has_new: Sequence[bool]

    def reading(self) -> dict[str, Any]:
        """How the file was read, as JSON for people."""
        return reading_of(self.encoding, self.layout, self.numbers, self.dates, self.notes)


def stage_file(
    connections: Sequence[Connection],
    company: Any,
    file: BinaryIO,
    *,
    charset: str | None = None,
    date_order: Order | None = None,
    max_lines: int,
    should_stop: Callable[[], bool],
) -> StagedFile:
    """Distribute the rows of ``file`` to the ``connections``' staging tables and store its rejected lines; commits.

    All rows of one session are staged on the same connection. ``date_order`` is that of the file's version before.

    Raises ``PermanentError`` for a file that is not text, is too long, or seems to have another layout;
    ``TransientError`` if reading it takes too long; ``StoppedReading``.
    """
    reader = CsvReader(file, charset=charset, max_lines=max_lines)
    reading = Reading(company, should_stop, date_order_of(reader, date_order, company.date_order))
    with ExitStack() as copies:
        partitions: list[_Partition] = []
        for connection in connections:
            connection.execute(text(sql.CREATE_STAGING))
            partitions.append(copies.enter_context(copying(connection, sql.STAGING, sql.STAGED)).write_row)
        reading.stage(reader, partitions)
    with ThreadPoolExecutor(len(connections)) as threads:
        found = list(threads.map(partial(_one_of_each, company.company_id), connections))
    same_ids = [same for same, _ in found]
    if contradictions := [line for same, lines in found for line in (*same.lines, *lines)]:
        connections[0].execute(text(sql.ADD_REJECTION), contradictions)
        not_shown = sum(same.rejected - len(same.lines) for same in same_ids)
        reading.add_contradictions(contradictions, not_shown)
    problem = reading.problem(reader.layout)
    rejected = {"company_id": company.company_id, "most": SHOWN_REJECTIONS if problem else None}
    connections[0].execute(text(sql.REJECT), rejected)
    mark = reading.numbers.mark(reader.layout.dialect.delimiter)
    for connection in connections:
        if reading.numbers.ambiguous:
            # Without a mark, the only dot or comma of a number is its decimal mark.
            connection.execute(text(sql.NOTE_DECIMAL_MARK), {"other": "." if mark == "," else ",", "mark": mark})
        connection.commit()
    if problem:
        raise PermanentError(problem)
    return StagedFile(
        reading.last_line,
        reading.rows - reading.contradictions,
        reading.rejections + reading.contradictions,
        reader.encoding,
        reader.layout,
        reading.numbers,
        reading.dates,
        reading.first_rejection,
        [*reading.notes, *note_of(same_ids)],
        [same.has_new for same in same_ids],
    )


def _one_of_each(company_id: UUID, connection: Connection) -> tuple[SameIds, list[dict[str, Any]]]:
    """Keep one line of each session, and return the lines that contradict it as rejections."""
    same_ids = take_stored_ids(connection, company_id)
    return same_ids, [dict(row._mapping) for row in connection.execute(text(sql.ONE_OF_EACH))]


class Reading:
    """Makes staged rows of records, whose cells are ``sql.STAGED``, and counts them."""

    def __init__(self, company: Any, should_stop: Callable[[], bool], dates: DateOrder) -> None:
        self.last_line = self.rows = self.rejections = self.contradictions = self.mended_addresses = 0
        self._long_ids = self._rounded_ids = 0
        self.numbers = NumberStyle()
        self.dates = dates
        self._date_order = dates.order
        self._company = company
        self._zone, self._now = ZoneInfo(company.timezone), datetime.now(UTC)
        self._plain_times = PlainTimes(self._zone, self._now)
        self._should_stop = should_stop
        self._first_rejection: Rejection | None = None
        self._first_contradiction: Rejection | None = None
        self._ends_at = time.monotonic() + MAX_READING_SECONDS
        # Ids count up from a random one (RFC 9562, 6.2, "Monotonic Random"): generating one for each line took as long
        # as reading it.
        self._ids = count(uuid7().int)

    def stage(self, records: Iterable[Row | Rejection], partitions: Sequence[_Partition]) -> None:
        """Write all rows of a session to one partition, and the rejected lines to the first one."""
        nothing = (None,) * (len(COLUMNS) + 2)
        for number, record in enumerate(records):
            if number % _LINES_BETWEEN_CHECKS == 0:
                self._check_limits()
            self.last_line = record.line_number
            if isinstance(record, Row):
                values = record.values
                external_id = values[0] or ""
                self.rows += 1
                self.mended_addresses += record.has_mended_address
                if len(external_id) > _SPREADSHEET_DIGITS:
                    self._add_long_id(external_id)
                self.numbers.add(*_NUMBERS(values))
                partition = partitions[hash(plain_id(external_id)) % len(partitions)]
                new_id = f"{next(self._ids):032x}"
                partition((str(record.line_number), new_id, *values, *self._interpreted(record), None, None))
            else:
                self._reject(record)
                partitions[0]((str(self.last_line), None, record.external_id, *nothing, record.raw_text, record.reason))

    def add_contradictions(self, lines: list[dict[str, Any]], not_shown: int) -> None:
        """Count rows that contradict another row of the same session as rejected lines; some are not in ``lines``."""
        self.contradictions = len(lines) + not_shown
        self._first_contradiction = Rejection(lines[0]["line_number"], lines[0]["raw_text"], lines[0]["reason"])

    def problem(self, layout: Layout) -> str | None:
        """Why the file as a whole is refused; None if it is not."""
        few = self.rejections < FEW_REJECTIONS and self.rows > 0
        first = self._first_rejection
        if first is None or few or self.rejections <= self.rows:
            return None
        return (
            f"{self._company.company_name}: {self.rejections:,} of {self.rejections + self.rows:,} lines of its CSV "
            f"cannot be taken, so nothing was; the first is line {first.line_number}: {first.reason}, in "
            f"{_quoted(first.raw_text)}. {_guess(first.raw_text)} Cells are separated by {layout.delimiter_name}; "
            f"`livedash preview` shows how the file is read"
        )

    @property
    def notes(self) -> list[str]:
        """Sentences about rows that were mended, doubtful or missing."""
        notes: list[str] = []
        if self.rows == self.rejections == 0:
            notes.append("the file has no rows: it is empty, or has only a header")
        if self._long_ids >= _FEW_LONG_IDS and self._long_ids == self._rounded_ids:
            notes.append(
                f"all {self._long_ids:,} ids of more than {_SPREADSHEET_DIGITS} digits end in zeros: a spreadsheet "
                "keeps no more digits, so that different sessions may have the same id; export the column as text"
            )
        if self.mended_addresses:
            notes.append(
                f"{self.mended_addresses:,} transcript addresses are taken out of quotes, brackets or a link, or have "
                "& for what HTML writes for it"
            )
        return notes

    @property
    def first_rejection(self) -> str:
        """The first rejected line and the reason; empty without one."""
        first = self._first_rejection or self._first_contradiction
        return f"line {first.line_number}: {first.reason}" if first else ""

    def _interpreted(self, row: Row) -> tuple[str | None, str | None, str | None]:
        start_time, end_time = row.values[1], row.values[2]
        if not row.nul_characters and (plain := self._plain_times.of(start_time, end_time)):
            return *plain, None
        notes: dict[str, object] = {"nul_characters": row.nul_characters} if row.nul_characters else {}
        if self._date_order and (needs_order(start_time) or needs_order(end_time)):
            notes["date_order"] = self._date_order
        start_and_end: tuple[str, str] | tuple[None, None]
        try:
            times = interpret(start_time, end_time, self._zone, notes)
        except PermanentError:  # the session fails with this error when it is claimed
            start_and_end = (None, None)
        else:
            start_and_end = (times.started_at.isoformat(), times.ended_at.isoformat())
            notes |= peculiarities(times, self._zone, self._now, (start_time, end_time))
        return *start_and_end, json.dumps(notes) if notes else None

    def _add_long_id(self, external_id: str) -> None:
        if external_id.isdecimal():
            self._long_ids += 1
            self._rounded_ids += not external_id[_SPREADSHEET_DIGITS:].strip("0")

    def _reject(self, rejection: Rejection) -> None:
        self.rejections += 1
        self._first_rejection = self._first_rejection or rejection
        if self.rejections > MAX_REJECTIONS:
            raise PermanentError(
                f"{self._company.company_name}: more than {MAX_REJECTIONS:,} lines of its CSV cannot be taken, so "
                f"nothing was; the first is line {self._first_rejection.line_number}: {self._first_rejection.reason}"
            )

    def _check_limits(self) -> None:
        if self._should_stop():
            raise StoppedReading
        if time.monotonic() > self._ends_at:
            raise TransientError(
                f"{self._company.company_name}: its CSV could not be read within {MAX_READING_SECONDS} s; nothing of "
                "it was taken"
            )


def _quoted(text: str) -> str:
    """Return the beginning of a line as people see it, without characters that do not show."""
    return repr(text[:_QUOTED_CHARACTERS] + ("…" if len(text) > _QUOTED_CHARACTERS else ""))


def _guess(text: str) -> str:
    if text.lstrip("\ufeff \t").lower().startswith(_MARKUP):
        return "It is an HTML or XML page: a login page, or an error message?"
    if text.lstrip("\ufeff \t")[:1] in ("{", "["):
        return "It is JSON: an error message, or an export in another format? Export it as CSV."
    return "Is it the right file?"
