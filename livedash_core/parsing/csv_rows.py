"""A company's CSV as rows (DESIGN, "CSV contract"): what can be taken, and what cannot and why.

Every line that is not blank ends up in exactly one ``Row`` or ``Rejection``, or is a header. A record whose
structure is broken costs its first line only, and reading resumes at the next one: a quote that somebody forgot to
close cannot swallow the rows below it. Reading takes time in step with the file, whatever is in it: where looking
ahead for closing quotes has been in vain too often, a record must end on its line for a while.
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
#: Physical lines that the quoted fields of one record may span before an open quote counts as forgotten.
MAX_RECORD_LINES = 200
#: Of a record, its lines together: a character may take four bytes, and there are several copies until it is stored.
MAX_RECORD_CHARACTERS = 2_097_152
#: Ids are indexed, and an index entry has a limit (2,700 bytes in PostgreSQL).
MAX_ID_CHARACTERS = 500
#: Of a rejection's raw text.
MAX_RAW_CHARACTERS = 10_000

#: Cells without a quote, or quoted from end to end, by delimiter.
_NEAT = {
    delimiter: re.compile(rf"(?:{cell}{delimiter})*+{cell}[\r\n]*")
    for delimiter in ",;"
    for cell in [rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{delimiter}\r\n]*+)']
}
_HEADER = re.compile(r"\s*(external[_ ]?)?session[_ ]?id\s*", re.IGNORECASE)


class Row(NamedTuple):
    """One record. ``values`` are the 16 ``COLUMNS``: an empty one is None, ``external_session_id`` never is.

    White space around a value is gone, except around ``initial_message``, and so are NULs: ``nul_characters`` is how
    many there were. ``line_number`` counts physical lines from 1 and is where the record begins.
    """

    line_number: int
    values: tuple[str | None, ...]
    nul_characters: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """What could not be taken: its text as it came, cut to ``MAX_RAW_CHARACTERS``, and why, for the user."""

    line_number: int
    raw_text: str
    reason: str


def read_rows(
    file: BinaryIO, *, encoding: str | None = None, max_field_characters: int = 1_048_576, max_lines: int = 5_000_000
) -> Iterator[Row | Rejection]:
    """Read a whole file from its start, in its order, in memory that does not grow with it.

    Fields are separated by commas, or by semicolons if the first record that has 16 columns has them so. A header,
    blank lines and a 17th column that is empty are passed over in silence.

    ``file`` must be seekable and stays open; ``encoding`` is as ``encoding_of`` tells it, asked here if it was not
    before. Raises ``PermanentError`` before the first row when the bytes are no text, and at a line too many.
    """
    encoding = encoding or encoding_of(file)
    # The limit belongs to the whole process: raised if need be, never lowered. _taken() holds ours.
    csv.field_size_limit(max(csv.field_size_limit(), max_field_characters))
    file.seek(0)
    # A byte that is not UTF-8 comes through as a lone surrogate, which costs its own record, not the file.
    stream = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
    try:
        max_characters = min(len(COLUMNS) * max_field_characters, MAX_RECORD_CHARACTERS)
        yield from _results(Lines(stream, max_characters=max_characters, max_lines=max_lines), max_field_characters)
    finally:
        if not file.closed:
            stream.detach()  # or it would close the file when it is collected


def _results(lines: Lines, max_field_characters: int) -> Iterator[Row | Rejection]:
    delimiters = ",;"
    on_one_line: _OnOneLine | None = None
    for line in lines:
        number = lines.number
        if on_one_line and len(line) <= lines.max_characters and (cells := on_one_line.cells(line)):
            yield _taken(number, [line], cells, max_field_characters)
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
            yield _taken(number, record.lines, record.values, max_field_characters)
        else:
            yield Rejection(number, _raw([line]), record.problem)


def _taken(number: int, lines: list[str], cells: list[str], max_field_characters: int) -> Row | Rejection:
    *stripped, initial_message = cells
    values = [*map(str.strip, stripped), initial_message]
    written = lines[0] if len(lines) == 1 else "".join(lines)
    # Hardly a row is as long as one of its fields may be.
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
    """The physical lines that were read as one record, its cells, and what is wrong with its structure."""

    lines: list[str]
    values: list[str]
    problem: str | None


class _OnOneLine:
    """Reads what nearly all lines are, a record with nothing wrong about it, quicker than ``_read_record``."""

    def __init__(self, delimiter: str) -> None:
        self._lines: list[str] = []
        self._records = csv.reader(iter(self._lines.pop, None), delimiter=delimiter, strict=True)

    def cells(self, line: str) -> list[str] | None:
        """What ``_read_record`` would say; None if it may find that something is wrong, or would read on."""
        self._lines.append(line)
        try:
            cells = next(self._records)
        except (csv.Error, IndexError):  # IndexError: there is no next line to pop
            self._lines.clear()
            return None
        is_neat = len(cells) == len(COLUMNS) and "\0" not in line and not _HEADER.fullmatch(cells[0])
        return cells if is_neat else None


def _read_record(first: str, lines: Lines, delimiter: str) -> _Record:
    taken: list[str] = []
    most = MAX_RECORD_LINES if lines.may_look_ahead else 1

    def feed() -> Iterator[str]:
        room = lines.max_characters
        for line in chain((first,), islice(lines, most - 1)):
            taken.append(line)
            room -= len(line)
            if room < 0:
                raise csv.Error(f"more than {lines.max_characters:,} characters")
            yield line.replace("\0", "")
        if len(taken) == most:
            raise csv.Error(
                f"a quote is opened and not closed within {most} lines"
                if most > 1
                else "a quote is opened and not closed on its line, as on too many lines above"
            )

    try:
        values = next(csv.reader(feed(), delimiter=delimiter, strict=True))
    except csv.Error as exc:
        return _Record(taken, [], f"cannot be read as CSV: {exc}")
    if len(taken) > 1 and not _NEAT[delimiter].fullmatch("".join(taken).replace("\0", "")):
        # csv takes a quote inside a cell for a letter. Below a forgotten quote it is the beginning of another's cell.
        return _Record(taken, [], "cannot be read as CSV: a quote is opened and closed in the middle of another cell")
    if len(values) == len(COLUMNS) + 1 and not values[-1].strip():
        values.pop()
    problem = None if len(values) == len(COLUMNS) else f"{len(values)} instead of {len(COLUMNS)} columns"
    return _Record(taken, values, problem)
