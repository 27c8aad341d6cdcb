"""Reads a company's CSV: 16 columns, by position or by the names in a header.

Every line that is not blank ends up in exactly one ``Row`` or ``Rejection``, or is a header. Of a record with a broken
structure only the first line is rejected, and reading resumes at the next one. Reading takes linear time for any
content.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from livedash_core.parsing.csv_columns import COLUMNS
from livedash_core.parsing.csv_layout import Layout, layout_of, separator_of
from livedash_core.parsing.csv_records import OneLineRecords, read_record, without_marks
from livedash_core.parsing.encoding import encoding_of, with_joined_surrogates
from livedash_core.parsing.lines import Lines
from livedash_core.parsing.links import address_in
from livedash_core.parsing.text import clean, is_null, without_invisible

__all__ = ["COLUMNS", "CsvReader", "Rejection", "Row", "read_rows"]

#: Of all lines of a record: a character may take four bytes, and several copies exist until it is stored.
MAX_RECORD_CHARACTERS = 2_097_152
#: Ids are indexed, and PostgreSQL limits an index entry to about 2,700 bytes.
MAX_ID_CHARACTERS = 500
#: Of the raw text of a rejection.
MAX_RAW_CHARACTERS = 10_000
#: Of the beginning that the layout is detected from.
_SAMPLE_CHARACTERS = 131_072

_CATEGORY, _URL = COLUMNS.index("category"), COLUMNS.index("full_transcript_url")
_TELLING = [COLUMNS.index(name) for name in ("start_time", "end_time", "full_transcript_url", "initial_message")]
#: What Excel's users write to keep a number as text: ="0012"
_AS_TEXT = re.compile(r'="([^"]*)"')
#: A link as spreadsheets calculate it.
_LINK = re.compile(r'=HYPERLINK\("([^"]+)".*\)', re.IGNORECASE | re.DOTALL)
#: What a spreadsheet shows in place of a number in a column that is too narrow.
_TOO_NARROW = re.compile("#{2,}")
#: The line that SQL clients and Markdown draw below a header.
_RULE_CHARACTERS = "-=+|:;, \t\r\n"
#: An empty cell in the text format of PostgreSQL's COPY, whose cells have no quotes and no real tabs and line ends.
_COPY_NULL = re.compile(r"(?:^|\t)\\N(?=\t|\r?$)", re.MULTILINE)
_COPY_ESCAPE = re.compile(r"\\([bfnrtv\\])")
_COPY_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
#: A long number as spreadsheets write it, with only its first digits.
_SHORTENED_ID = re.compile(r"[1-9](?:[.,][0-9]+)?E\+[0-9]{2,3}", re.IGNORECASE)
#: What JavaScript, and spreadsheets in English, German, French, Dutch and Spanish write for a value that failed.
_NO_IDS = frozenset(
    ("[object object]", "#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!", "#error!", "#spill!", "#calc!",
     "#bezug!", "#wert!", "#zahl!", "#valeur!", "#nom?", "#waarde!", "#verw!", "#naam?", "#getal!", "#valor!",
     "#¡valor!", "#¿nombre?", "#¡ref!", "#n/v", "#n/b")
)  # fmt: skip
_LONGEST_NO_ID = max(map(len, _NO_IDS))
#: What DOS programs write at the end of a file.
_END_OF_FILE = "\x1a"
#: First characters of a byte order mark, which is not part of an id.
_MARKS = "\ufeff\ufffeï"


class Row(NamedTuple):
    """A record. ``values`` are the 16 ``COLUMNS``; empty ones are None, but ``external_session_id`` never is.

    Values are stripped of white space, except ``initial_message``, and of NULs, which ``nul_characters`` counts.
    ``line_number`` is that of the record's first physical line, from 1. With ``has_mended_address``, the transcript's
    address was taken out of what was written around it.
    """

    line_number: int
    values: tuple[str | None, ...]
    nul_characters: int = 0
    has_mended_address: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected line: its raw text, cut to ``MAX_RAW_CHARACTERS``, and the reason, for the user.

    ``external_id`` is what stands where the id should, as far as the line's cells can be told apart.
    """

    line_number: int
    raw_text: str
    reason: str
    external_id: str | None = None


def read_rows(
    file: BinaryIO, *, charset: str | None = None, max_field_characters: int = 1_048_576, max_lines: int = 5_000_000
) -> Iterator[Row | Rejection]:
    """Read a whole file in order, in constant memory; see ``CsvReader``."""
    return iter(CsvReader(file, charset=charset, max_field_characters=max_field_characters, max_lines=max_lines))


class CsvReader:
    """Iterates once over the rows and rejected lines of a file, in order, in constant memory.

    ``layout`` is how the file is read, detected from its beginning. Headers, the rules below them, blank lines and
    Excel's ``sep=;`` line are ignored. Of a file in the text format of PostgreSQL's COPY (tabs, and ``\\N`` for an
    empty cell), escapes like ``\\n`` are read.

    ``file`` must be seekable and stays open; ``charset`` is the one that its server declares. Raises
    ``PermanentError`` before the first row if the bytes are not text, and at the first line too many.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        charset: str | None = None,
        max_field_characters: int = 1_048_576,
        max_lines: int = 5_000_000,
    ) -> None:
        self.encoding = encoding_of(file, charset)
        self._file = file
        self._max_field_characters = max_field_characters
        self._max_lines = max_lines
        self._max_characters = min(len(COLUMNS) * max_field_characters, MAX_RECORD_CHARACTERS)
        # The limit is global to the process: raised if necessary, never lowered. _row_or_rejection() applies ours.
        csv.field_size_limit(max(csv.field_size_limit(), max_field_characters))
        self._has_copy_escapes = False
        self.layout = self._detected()

    def __iter__(self) -> Iterator[Row | Rejection]:
        stream = self._text()
        lines = Lines(stream, max_characters=self._max_characters, max_lines=self._max_lines)
        results = self._results(lines, self.layout)
        try:
            yield from map(_without_copy_escapes, results) if self._has_copy_escapes else results
        finally:
            if not self._file.closed:
                stream.detach()  # otherwise its destructor closes the file

    def _text(self) -> io.TextIOWrapper:
        self._file.seek(0)
        # A byte that is not UTF-8 becomes a lone surrogate, so that only its record is rejected.
        return io.TextIOWrapper(self._file, self.encoding.name, "surrogateescape", newline="")

    def _detected(self) -> Layout:
        layout = Layout()
        # A first record may be longer than what is enough for all other files.
        for size in (_SAMPLE_CHARACTERS, _SAMPLE_CHARACTERS + self._max_characters):
            stream = self._text()
            try:
                sample = stream.read(size)
            finally:
                stream.detach()
            is_whole = len(sample) < size
            if not is_whole:
                sample = sample[: 1 + max(sample.rfind("\n"), sample.rfind("\r"))]
            layout = layout_of(sample, max_characters=self._max_characters)
            if is_whole or layout.rows_fit:
                break
        self._has_copy_escapes = layout.dialect.delimiter == "\t" and _COPY_NULL.search(sample) is not None
        return layout

    def _results(self, lines: Lines, layout: Layout) -> Iterator[Row | Rejection]:
        on_one_line = OneLineRecords(layout.dialect)
        limit, number_of_columns, is_plain = self._max_field_characters, len(COLUMNS), layout.is_plain
        for line in lines:
            number = lines.number
            cells = on_one_line.cells(line) if is_plain and len(line) <= lines.max_characters else None
            # A row whose category begins with a digit may be shifted, one whose start does not may be a header.
            if (
                cells
                and len(cells) == number_of_columns
                and cells[1][:1].isdecimal()
                and not cells[_CATEGORY][:1].isdecimal()
                and line[0] not in _MARKS
                and "\0" not in line
            ):
                yield _row_or_rejection(number, [line], cells, limit)
                continue
            line = without_marks(line)
            if not line.replace("\0", "").strip().strip(_END_OF_FILE) or (number == 1 and separator_of(line)):
                continue
            if "---" in line and not line.strip(_RULE_CHARACTERS):
                continue
            record = read_record(line, lines, layout.dialect)
            problem = record.problem
            if problem is None:
                if layout.is_header(record.cells):
                    layout = layout.after_header(record.cells)
                    is_plain = layout.is_plain
                    continue
                values = layout.values(record.cells)
                if isinstance(values, list) and layout.rows_fit and _is_total(values):
                    values = "has neither times nor a transcript, so it is no session (a total?)"
                if isinstance(values, list):
                    yield _row_or_rejection(number, record.lines, values, limit)
                    continue
                problem = values
            lines.unread(record.lines[1:])
            yield Rejection(number, _raw([line]), problem, layout.id_in(record.cells, line))


def _without_copy_escapes(record: Row | Rejection) -> Row | Rejection:
    if isinstance(record, Rejection):
        return record
    values = [value and _COPY_ESCAPE.sub(lambda match: _COPY_ESCAPES[match[1]], value) for value in record.values]
    return record._replace(values=tuple(values))


def _is_total(values: list[str]) -> bool:
    """Return whether a row has a name or id, and nothing that a session has."""
    return bool(values[0].strip()) and all(is_null(values[column]) for column in _TELLING)


def _row_or_rejection(number: int, lines: list[str], cells: list[str], max_field_characters: int) -> Row | Rejection:
    values = [*map(str.strip, cells)]
    values[-1] = initial_message = cells[-1]
    written = lines[0] if len(lines) == 1 else "".join(lines)
    # Only rows longer than the field limit can have a field beyond it.
    longest = "" if len(written) <= max_field_characters else max(values, key=len)
    is_ascii = written.isascii()
    if not is_ascii and not "".join(cells[:-1]).isascii():
        # In ids, addresses and words; the message keeps them, because emoji and other scripts need them.
        values = [*(without_invisible(value).strip() for value in values[:-1]), initial_message]
    if '="' in written:
        values = [*(match[1] if (match := _AS_TEXT.fullmatch(value)) else value for value in values[:-1]), values[-1]]
    if "=HYPERLINK(" in written:
        values = [match[1] if (match := _LINK.fullmatch(value)) else value for value in values]
    address = values[_URL]
    if address and (";" in address or not address.startswith(("https://", "http://"))):
        values[_URL] = address_in(address)
    external_id = values[0]
    # Most ids end with a digit, and none of these words does.
    if not external_id[-1:].isdecimal() and len(external_id) <= _LONGEST_NO_ID and _is_no_id(external_id):
        reason = f"has no {COLUMNS[0]}{f': {external_id} is a word for nothing' if external_id else ''}"
    elif len(external_id) > MAX_ID_CHARACTERS:
        reason = f"has an {COLUMNS[0]} of more than {MAX_ID_CHARACTERS} characters"
    elif len(longest) > max_field_characters:
        reason = f"has a {COLUMNS[values.index(longest)]} of more than {max_field_characters:,} characters"
    elif external_id[0] == "#" and _TOO_NARROW.fullmatch(external_id):
        reason = f"has no {COLUMNS[0]}: the column was too narrow for it when a spreadsheet exported it"
    elif "+" in external_id and _SHORTENED_ID.fullmatch(external_id):
        reason = (
            f"has an {COLUMNS[0]} that a spreadsheet shortened to {external_id}, so that different sessions have the "
            "same; export the column as text"
        )
    elif (storable := values if is_ascii else _mended(values)) is None:
        reason = "has bytes that are not UTF-8, unlike the rest of the file"
    else:
        is_mended = values[_URL] != address
        return Row(number, tuple([value or None for value in storable]), written.count("\0"), is_mended)
    return Rejection(number, _raw(lines), reason, clean(external_id[:MAX_ID_CHARACTERS]) or None)


def _is_no_id(external_id: str) -> bool:
    """Return whether programs or spreadsheets write this where an id is missing."""
    return is_null(external_id) or external_id.lower() in _NO_IDS


def _mended(values: list[str]) -> list[str] | None:
    """Return values with UTF-16 surrogates joined; None if there are bytes that are no character at all."""
    joined = "".join(values)
    if clean(joined) == joined:
        return values
    mended = [with_joined_surrogates(value) for value in values]
    return None if None in mended else [value for value in mended if value is not None]


def _raw(lines: list[str]) -> str:
    return clean("".join(lines)[:MAX_RAW_CHARACTERS]).rstrip("\r\n")
