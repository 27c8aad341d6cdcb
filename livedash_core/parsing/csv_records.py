"""Reads one record of a CSV: its cells, or what is wrong with its quotes.

Of a record with a broken structure only the first line is consumed: an unclosed quote cannot swallow the rows below it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import NamedTuple

from livedash_core.parsing.lines import LINE_OVERHEAD, Lines

#: Marks of an encoding, which files have where others were appended; the last one is UTF-8's, read as Windows-1252.
_MARKS = ("\ufeff", "\ufffe", "ï»¿")


_ESCAPED = re.compile(r'\\(["\\])')


class Dialect(NamedTuple):
    """How cells are separated and quoted.

    With ``skips_space``, a space behind a delimiter is not part of the cell; with ``escapes``, a backslash stands in
    front of a quote inside a cell, in place of a second quote.
    """

    delimiter: str = ","
    skips_space: bool = False
    escapes: bool = False
    quote: str = '"'

    def unescaped(self, line: str) -> str:
        """Return a line with two quotes for one behind a backslash; other backslashes stay."""
        return _ESCAPED.sub(_two_quotes, line) if self.escapes and "\\" in line else line

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Return the records in ``lines``."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            skipinitialspace=self.skips_space,
            strict=True,
        )


def _two_quotes(match: re.Match[str]) -> str:
    return '""' if match[1] == '"' else match[1]


class Record(NamedTuple):
    """A record's physical lines, its cells, and the problem with its structure, if any."""

    lines: list[str]
    cells: list[str]
    problem: str | None


class OneLineRecords:
    """A fast path for records on one line, which nearly all are."""

    def __init__(self, dialect: Dialect) -> None:
        self._lines: list[str] = []
        self._dialect = dialect
        self._records = dialect.reader(iter(self._lines.pop, None))

    def cells(self, line: str) -> list[str] | None:
        """Return the cells that ``read_record`` returns; None if the line needs ``read_record``."""
        self._lines.append(self._dialect.unescaped(line))
        try:
            return next(self._records)
        except (csv.Error, IndexError):  # IndexError: there is no next line to pop
            self._lines.clear()
            return None


def without_marks(line: str) -> str:
    """Remove byte order marks at the start of a record's first line."""
    while line.startswith(_MARKS):
        line = line[3 if line[0] == "ï" else 1 :]
    return line


def read_record(first: str, lines: Lines, dialect: Dialect) -> Record:
    """Read the record that begins with the line ``first`` and may go on in ``lines``.

    A record may have as many characters as a line, over any number of lines; a quote that is open then counts as
    unclosed. After too many vain searches for a closing quote a record must end on its line.
    """
    consumed: list[str] = []
    may_look_ahead = lines.may_look_ahead

    def feed() -> Iterator[str]:
        remaining = lines.max_characters
        for line in chain((first,), lines if may_look_ahead else ()):
            consumed.append(line)
            remaining -= len(line) + (LINE_OVERHEAD if len(consumed) > 1 else 0)
            if remaining < 0:
                most = f"{lines.max_characters:,} characters"
                is_open = len(consumed) > 1
                raise csv.Error(f"a quote is opened and not closed within {most}" if is_open else f"more than {most}")
            yield dialect.unescaped(line.replace("\0", ""))
        if not may_look_ahead:
            raise csv.Error("a quote is opened and not closed on its line, as on too many lines above")

    try:
        cells = next(dialect.reader(feed()))
    except csv.Error as exc:
        return Record(consumed, [], f"cannot be read as CSV: {exc}")
    if len(consumed) > 1 and not _well_quoted(dialect).fullmatch("".join(consumed).replace("\0", "")):
        # csv accepts a quote inside a cell. After an unclosed quote that is the start of another record's cell.
        return Record(consumed, [], "cannot be read as CSV: a quote is opened and closed in the middle of another cell")
    return Record(consumed, cells, None)


@cache
def _well_quoted(dialect: Dialect) -> re.Pattern[str]:
    """Match a record whose cells have no quotes or are quoted entirely."""
    delimiter, quote = re.escape(dialect.delimiter), dialect.quote
    inside = rf"(?:[^{quote}\\]|\\.)*+" if dialect.escapes else f"[^{quote}]*+"
    cell = rf"(?:{quote}{inside}(?:{quote}{quote}{inside})*+{quote}|[^{quote}{delimiter}\r\n]*+)"
    if dialect.skips_space:
        cell = f" *+{cell}"
    return re.compile(rf"(?:{cell}{delimiter})*+{cell}[\r\n]*", re.DOTALL)
