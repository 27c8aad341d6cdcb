"""Reads a company's CSV: 16 columns by position, no header required.

Every line that is not blank ends up in exactly one ``Row`` or ``Rejection``, or is a header. Of a record with a broken
structure only the first line is rejected, and reading resumes at the next one: an unclosed quote cannot swallow the
rows below it. Reading takes linear time for any content: after too many vain searches for a closing quote, records
must end on their line for a while.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from livedash_core.parsing.encoding import encoding_of
from livedash_core.parsing.lines import Lines
from livedash_core.parsing.text import clean

COLUMNS: tuple[str, ...] = (
    "external_session_id",
    "start_time",
    "end_time",
    "ip_address",
    "country_code",
    "language",
    "messages_sent",
    "sentiment",
    "escalated",
    "forwarded_hr",
    "full_transcript_url",
    "avg_response_time_seconds",
    "tokens",
    "tokens_eur",
    "category",
    "initial_message",
)
#: Physical lines that a record may span; a quote that is still open then counts as unclosed.
MAX_RECORD_LINES = 200
#: Of all lines of a record: a character may take four bytes, and several copies exist until it is stored.
MAX_RECORD_CHARACTERS = 2_097_152
#: Ids are indexed, and PostgreSQL limits an index entry to about 2,700 bytes.
MAX_ID_CHARACTERS = 500
#: Of the raw text of a rejection.
MAX_RAW_CHARACTERS = 10_000

#: A record whose cells have no quotes or are quoted entirely, by delimiter.
_WELL_QUOTED = {
    delimiter: re.compile(rf"(?:{cell}{delimiter})*+{cell}[\r\n]*")
    for delimiter in ",;"
    for cell in [rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{delimiter}\r\n]*+)']
}
_HEADER = re.compile(r"\s*(external[_ ]?)?session[_ ]?id\s*", re.IGNORECASE)


class Row(NamedTuple):
    """A record. ``values`` are the 16 ``COLUMNS``; empty ones are None, but ``external_session_id`` never is.

    Values are stripped of white space, except ``initial_message``, and of NULs, which ``nul_characters`` counts.
    ``line_number`` is that of the record's first physical line, from 1.
    """

    line_number: int
    values: tuple[str | None, ...]
    nul_characters: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected line: its raw text, cut to ``MAX_RAW_CHARACTERS``, and the reason, for the user."""

    line_number: int
    raw_text: str
    reason: str


def read_rows(
    file: BinaryIO, *, encoding: str | None = None, max_field_characters: int = 1_048_576, max_lines: int = 5_000_000
) -> Iterator[Row | Rejection]:
    """Read a whole file in order, in constant memory.

    The delimiter is a comma or a semicolon, as in the first record that has 16 columns. A header, blank lines and an
    empty 17th column are ignored.

    ``file`` must be seekable and stays open; ``encoding`` is the result of ``encoding_of``, called here if it is not
    given. Raises ``PermanentError`` before the first row if the bytes are not text, and at the first line too many.
    """
    encoding = encoding or encoding_of(file)
    # The limit is global to the process: raised if necessary, never lowered. _row_or_rejection() applies ours.
    csv.field_size_limit(max(csv.field_size_limit(), max_field_characters))
    file.seek(0)
    # A byte that is not UTF-8 becomes a lone surrogate, so that only its record is rejected.
    stream = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
    try:
        max_characters = min(len(COLUMNS) * max_field_characters, MAX_RECORD_CHARACTERS)
        yield from _results(Lines(stream, max_characters=max_characters, max_lines=max_lines), max_field_characters)
    finally:
        if not file.closed:
            stream.detach()  # otherwise its destructor closes the file


def _results(lines: Lines, max_field_characters: int) -> Iterator[Row | Rejection]:
    delimiters = ",;"
    on_one_line: _OnOneLine | None = None
    for line in lines:
        number = lines.number
        if on_one_line and len(line) <= lines.max_characters and (cells := on_one_line.cells(line)):
            yield _row_or_rejection(number, [line], cells, max_field_characters)
            continue
        if not line.replace("\0", "").strip():
            continue
        attempts: list[_Record] = []
        for delimiter in delimiters:
            record = _read_record(line, lines, delimiter)
            attempts.append(record)
            if record.problem is None:
                delimiters = delimiter
                on_one_line = on_one_line or _OnOneLine(delimiter)
                break
            lines.unread(record.lines[1:])
        else:
            record = attempts[0]
        if record.values and _HEADER.fullmatch(record.values[0]):
            continue
        if record.problem is None:
            yield _row_or_rejection(number, record.lines, record.values, max_field_characters)
        else:
            yield Rejection(number, _raw([line]), record.problem)


def _row_or_rejection(number: int, lines: list[str], cells: list[str], max_field_characters: int) -> Row | Rejection:
    *stripped, initial_message = cells
    values = [*map(str.strip, stripped), initial_message]
    written = lines[0] if len(lines) == 1 else "".join(lines)
    # Only rows longer than the field limit can have a field beyond it.
    longest = "" if len(written) <= max_field_characters else max(values, key=len)
    if not values[0]:
        reason = f"has no {COLUMNS[0]}"
    elif len(values[0]) > MAX_ID_CHARACTERS:
        reason = f"has an {COLUMNS[0]} of more than {MAX_ID_CHARACTERS} characters"
    elif len(longest) > max_field_characters:
        reason = f"has a {COLUMNS[values.index(longest)]} of more than {max_field_characters:,} characters"
    elif not written.isascii() and clean(joined := "".join(values)) != joined:
        reason = "has bytes that are not UTF-8, unlike the rest of the file"
    else:
        return Row(number, tuple([value or None for value in values]), written.count("\0"))
    return Rejection(number, _raw(lines), reason)


def _raw(lines: list[str]) -> str:
    return clean("".join(lines)[:MAX_RAW_CHARACTERS]).rstrip("\r\n")


class _Record(NamedTuple):
    """A record's physical lines, its cells, and the problem with its structure, if any."""

    lines: list[str]
    values: list[str]
    problem: str | None


class _OnOneLine:
    """A fast path for valid records on one line, which nearly all are."""

    def __init__(self, delimiter: str) -> None:
        self._lines: list[str] = []
        self._records = csv.reader(iter(self._lines.pop, None), delimiter=delimiter, strict=True)

    def cells(self, line: str) -> list[str] | None:
        """Return the cells that ``_read_record`` returns; None if the line needs ``_read_record``."""
        self._lines.append(line)
        try:
            cells = next(self._records)
        except (csv.Error, IndexError):  # IndexError: there is no next line to pop
            self._lines.clear()
            return None
        is_valid = len(cells) == len(COLUMNS) and "\0" not in line and not _HEADER.fullmatch(cells[0])
        return cells if is_valid else None


def _read_record(first: str, lines: Lines, delimiter: str) -> _Record:
    consumed: list[str] = []
    max_lines = MAX_RECORD_LINES if lines.may_look_ahead else 1

    def feed() -> Iterator[str]:
        remaining = lines.max_characters
        for line in chain((first,), islice(lines, max_lines - 1)):
            consumed.append(line)
            remaining -= len(line)
            if remaining < 0:
                raise csv.Error(f"more than {lines.max_characters:,} characters")
            yield line.replace("\0", "")
        if len(consumed) == max_lines:
            raise csv.Error(
                f"a quote is opened and not closed within {max_lines} lines"
                if max_lines > 1
                else "a quote is opened and not closed on its line, as on too many lines above"
            )

    try:
        values = next(csv.reader(feed(), delimiter=delimiter, strict=True))
    except csv.Error as exc:
        return _Record(consumed, [], f"cannot be read as CSV: {exc}")
    if len(consumed) > 1 and not _is_well_quoted("".join(consumed), delimiter):
        # csv accepts a quote inside a cell. After an unclosed quote that is the start of another record's cell.
        return _Record(
            consumed, [], "cannot be read as CSV: a quote is opened and closed in the middle of another cell"
        )
    if len(values) == len(COLUMNS) + 1 and not values[-1].strip():
        values.pop()
    problem = None if len(values) == len(COLUMNS) else f"{len(values)} instead of {len(COLUMNS)} columns"
    return _Record(consumed, values, problem)


def _is_well_quoted(text: str, delimiter: str) -> bool:
    return _WELL_QUOTED[delimiter].fullmatch(text.replace("\0", "")) is not None
