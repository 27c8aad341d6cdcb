"""Detects the layout of a CSV from its beginning: delimiter, header, order of the columns, and split numbers.

The layout is the one in which most rows have cells of their column's kind. A row of another width is read only if the
cells fit, and if it is like the other rows.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from livedash_core.parsing.csv_cells import CATEGORY, arrange, arrangements, fit, kinds_missed, may_be_header
from livedash_core.parsing.csv_columns import (
    COLUMNS,
    MANY_NAMES,
    OPTIONAL_AT_THE_END,
    REQUIRED,
    Header,
    header_of,
    is_other_unit,
)
from livedash_core.parsing.csv_records import Dialect, Record, read_record, without_marks
from livedash_core.parsing.csv_times import TimeColumns, are_apart, time_columns, with_clocks
from livedash_core.parsing.lines import Lines
from livedash_core.parsing.text import clean, without_invisible

#: Records of the beginning that are looked at.
_SAMPLE_RECORDS = 200
#: Characters that may be read again in search of closing quotes.
_SAMPLE_ALLOWANCE = 1_000_000
#: Records above the header, such as a title.
_MAX_LINES_ABOVE_HEADER = 10
_DELIMITERS = {
    **{",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", "^": "carets", "~": "tildes"},
    **{"\x01": "characters U+0001", "\x1f": "characters U+001F", "¦": "broken bars"},
}
_MAX_ID_CHARACTERS = 500
#: Cells of other kinds than their columns', in a file in which no row fits: its columns are in another order.
_HOPELESS = 3
#: Excel's line that names the delimiter.
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(\\t|[^\w\s"]|\t)"?\s*', re.IGNORECASE)
_BY_POSITION = tuple(range(len(COLUMNS)))
_PLAIN = Dialect()
_SESSION_ID = re.compile(r"\s*(external[_ -]?)?session[_ -]?id\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are read.

    ``slots`` are the positions in ``COLUMNS`` of the file's columns, in the file's order. ``joined`` are the number
    columns that a decimal comma without quotes splits into two cells. ``rows_fit`` is how many rows of the beginning
    have cells of their column's kind. With ``is_ambiguous``, empty cells at the end and split numbers are both
    possible. ``times`` is where day and clock stand apart, or times are in UTC.
    """

    dialect: Dialect = _PLAIN
    header: Header | None = None
    slots: tuple[int | None, ...] = _BY_POSITION
    joined: frozenset[int] = frozenset()
    rows_fit: int = 0
    is_ambiguous: bool = False
    times: TimeColumns | None = None

    @cached_property
    def is_plain(self) -> bool:
        """Whether rows are the 16 columns in their order."""
        return self.slots == _BY_POSITION and not self.joined and self.times is None

    @property
    def delimiter_name(self) -> str:
        """The delimiter for people."""
        return _DELIMITERS.get(self.dialect.delimiter, repr(self.dialect.delimiter))

    def values(self, cells: list[str]) -> list[str] | str:
        """Return the 16 columns of a record, or why it cannot be read."""
        if self.times:
            cells = self.times.whole(cells)
        width = len(self.slots) + len(self.joined)
        values = (
            cells
            if self.slots == _BY_POSITION and not self.joined and len(cells) == width
            else arrange(cells, self.slots, self.joined)
        )
        if values is None:
            return self._misfit(cells)
        if self.header and not self.rows_fit and kinds_missed(values) >= _HOPELESS:
            return self._misfit(cells)
        if len(cells) == width and not self.joined:
            if values[CATEGORY][:1].isdigit() and not fit(values) and arrangements(cells, self.slots):
                return self._misfit(cells)
            return values
        if not fit(values) or (self.is_ambiguous and len(arrangements(cells, self.slots)) > 1):
            return self._misfit(cells)
        return values

    def id_in(self, cells: Sequence[str], line: str) -> str | None:
        """Return the cell that should be the id, of the cells of a rejected ``line``, or as they seem to be."""
        place = self.slots.index(0) if 0 in self.slots else 0
        if len(cells) < len(REQUIRED):
            cells = line.split(max(_DELIMITERS, key=line.count), place + 1)
        found = without_invisible(clean(cells[place])).strip(' \t\r\n"') if place < len(cells) else ""
        return found[:_MAX_ID_CHARACTERS] or None

    def is_header(self, cells: Sequence[str]) -> bool:
        """Return whether a record is the header again, as in concatenated files, or another one."""
        if self.header is not None and tuple(cell.strip() for cell in cells) == self.header.names:
            return True
        if not may_be_header(cells):
            return False
        return _SESSION_ID.fullmatch(cells[0]) is not None or header_of(cells).known >= MANY_NAMES

    def after_header(self, cells: Sequence[str]) -> Layout:
        """Return the layout for the rows below a header in the middle of a file: its names may be in another order."""
        header = with_clocks(header_of(cells))
        if (
            header.slots == self.slots
            or not header.names_required
            or (self.header and header.names == self.header.names)
        ):
            return self
        times = time_columns(header, header.slots)
        return Layout(self.dialect, header, header.slots, self.joined, self.rows_fit, times=times)

    def _misfit(self, cells: Sequence[str]) -> str:
        width = len(self.slots) + len(self.joined)
        if len(cells) == width:
            problem = "cells that are not of their columns' kinds"
        else:
            problem = f"{len(cells)} instead of {width} columns"
        if self.times is None and are_apart(cells):
            problem += (
                "; are days and clocks in columns of their own? Name them in a header: session_id, start_date, "
                "start_time, end_date, end_time and the other columns"
            )
        elif any(arrangements(cells, self.slots) - {self.joined}):
            problem += "; is there a decimal comma without quotes? Quote such numbers, or separate cells by semicolons"
        elif len(cells) == width + 1 and cells[0].isdecimal() and fit_by_position(list(cells[1:])):
            problem += "; is the first column the number of the row, as pandas writes it? Leave it out (index=False)"
        elif len(cells) in (len(self.slots) - 1, len(self.slots) - 2, len(self.slots) + 1):
            problem += ", and not only the last ones are missing or empty"
        return problem


def separator_of(line: str) -> str | None:
    """Return the delimiter that Excel's line ``sep=;`` names; None for other lines."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match and match[1].replace("\\t", "\t")


def layout_of(sample: str, *, max_characters: int) -> Layout:
    """Detect the layout of a file from its beginning, in whole lines."""
    first, _, rest = sample.partition("\n") if "\n" in sample else sample.partition("\r")
    separator = separator_of(without_marks(first))
    layouts = [
        _layout(rest if separator else sample, dialect, max_characters) for dialect in _dialects(sample, separator)
    ]
    # The first of equals: max() keeps the order of the dialects.
    return max(layouts, key=lambda found: (found[0].rows_fit, found[1]))[0]


def _dialects(sample: str, separator: str | None) -> list[Dialect]:
    delimiters = dict.fromkeys([*([separator] if separator else []), *_DELIMITERS])
    present = [delimiter for delimiter in delimiters if delimiter in sample] or [","]
    spaced = [Dialect(delimiter, skips_space=True) for delimiter in present if f'{delimiter} "' in sample]
    escaped = [Dialect(delimiter, escapes=True) for delimiter in present if '\\"' in sample]
    single = [Dialect(delimiter, quote="'") for delimiter in present if f"'{delimiter}'" in sample]
    return [*(Dialect(delimiter) for delimiter in present), *spaced, *escaped, *single]


def _layout(sample: str, dialect: Dialect, max_characters: int) -> tuple[Layout, tuple[int, int]]:
    """Return the best layout with a dialect, and how good it is if no row fits."""
    records = [record.cells for record in _records(sample, dialect, max_characters) if record.problem is None]
    header, rows = _header(records)
    layouts = [_aligned(dialect, header, slots, rows) for slots in _orders(header)]
    best = max(layouts, key=lambda layout: layout.rows_fit)
    widths = Counter(len(cells) for cells in records if len(cells) > 1)
    alike = max(widths.values(), default=0)
    return best, (sum(number for width, number in widths.items() if width == len(COLUMNS)), alike)


def _records(sample: str, dialect: Dialect, max_characters: int) -> list[Record]:
    lines = Lines(
        io.StringIO(sample, newline=""),
        max_characters=max_characters,
        max_lines=len(sample) + 1,
        allowance=_SAMPLE_ALLOWANCE,
    )
    records: list[Record] = []
    for line in lines:
        if not (written := without_marks(line).replace("\0", "").strip()) or written in ("\x1a",):
            continue
        record = read_record(without_marks(line), lines, dialect)
        if record.problem is not None:
            lines.unread(record.lines[1:])
        records.append(record)
        if len(records) == _SAMPLE_RECORDS:
            break
    return records


def _header(records: list[list[str]]) -> tuple[Header | None, list[list[str]]]:
    """Return the header, if there is one among the first records, and the rows below it."""
    for number, cells in enumerate(records[:_MAX_LINES_ABOVE_HEADER]):
        if not may_be_header(cells):
            if fit_by_position(cells):
                break
            continue
        header = with_clocks(header_of(cells))
        below = records[number + 1 :]
        is_known = header.known >= MANY_NAMES or _SESSION_ID.fullmatch(cells[0]) is not None or header.names_required
        words = {cell.strip() for cell in cells} - {""}
        is_full = bool(below) and len(words) >= len(COLUMNS) - len(OPTIONAL_AT_THE_END)
        if is_known or (number == 0 and (is_full or any(map(fit_by_position, below)))):
            return header, below
    return None, records


def fit_by_position(cells: list[str]) -> bool:
    """Return whether a record can be read as a row without a header."""
    return bool(arrangements(cells, _BY_POSITION))


def _orders(header: Header | None) -> list[tuple[int | None, ...]]:
    """Return the orders of the columns that a header allows, the likeliest first."""
    if header is None or not header.names_required:
        return [_BY_POSITION]
    names = list(header.slots)
    while names and names[-1] is None and not header.names[len(names) - 1]:
        names.pop()  # an empty cell at the end
    by_name = tuple(names)
    if header.is_in_place and len(names) == len(COLUMNS):
        # Of the others, only the names are unknown.
        return [tuple(None if is_other_unit(header.names[place], place) else place for place in _BY_POSITION)]
    return [by_name] if by_name == _BY_POSITION else [by_name, _BY_POSITION]


def _aligned(dialect: Dialect, header: Header | None, slots: tuple[int | None, ...], rows: list[list[str]]) -> Layout:
    """Return the layout with the one way of joining split numbers that all rows have in common, if there is one."""
    times = time_columns(header, slots)
    rows = [times.whole(cells) for cells in rows] if times else rows
    ways = [found for cells in rows if (found := arrangements(cells, slots))]
    common = frozenset.intersection(*ways) if ways else frozenset()
    whole: frozenset[int] = frozenset()
    joined = next(iter(common)) if len(common) == 1 else whole
    is_exact = any(len(cells) == len(slots) for cells in rows)
    is_ambiguous = len(common) > 1 and whole in common and not is_exact
    return Layout(dialect, header, slots, joined, sum(joined in way for way in ways), is_ambiguous, times)
