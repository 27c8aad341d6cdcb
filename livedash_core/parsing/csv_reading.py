"""Describes how a CSV was read, for people: its layout, encoding and numbers, and what of it is not certain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from livedash_core.parsing.csv_columns import COLUMNS, REQUIRED
from livedash_core.parsing.csv_layout import Layout
from livedash_core.parsing.csv_rows import CsvReader, Row
from livedash_core.parsing.date_order import DateOrder, order_of_dates
from livedash_core.parsing.encoding import Encoding
from livedash_core.parsing.number_style import NumberStyle
from livedash_core.parsing.stamps import Order

_START, _END = COLUMNS.index("start_time"), COLUMNS.index("end_time")


def date_order_of(reader: CsvReader, known: Order | None = None, chosen: Order | None = None) -> DateOrder:
    """Find out the order of day and month in a file.

    ``chosen`` is the company's setting and ``known`` the order of the file's version before, for a file that does not
    tell.
    """
    return order_of_dates(_Times(reader), known, chosen)


class _Times:
    """The start and end cells of the rows of a file, as often as they are asked for."""

    def __init__(self, reader: CsvReader) -> None:
        self._reader = reader

    def __iter__(self) -> Iterator[tuple[str | None, str | None]]:
        return ((row.values[_START], row.values[_END]) for row in self._reader if isinstance(row, Row))


def reading_of(
    encoding: Encoding, layout: Layout, numbers: NumberStyle, dates: DateOrder, more_notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Return how a file was read, with values for JSON; ``notes`` are sentences about what is not certain."""
    by_name = layout.header is not None and layout.slots == tuple(layout.header.slots[: len(layout.slots)])
    return {
        "encoding": "utf-8" if encoding.name == "utf-8-sig" else encoding.name,
        "delimiter": layout.dialect.delimiter,
        "header": list(layout.header.names) if layout.header else None,
        "columns": "by name" if by_name and layout.header and layout.header.names_required else "by position",
        "decimal_mark": numbers.mark(layout.dialect.delimiter),
        "date_order": dates.order,
        "numbers": {"ambiguous": numbers.ambiguous, "unread": numbers.unread},
        "notes": [*_notes(encoding, layout, numbers, dates), *more_notes],
    }


def _notes(encoding: Encoding, layout: Layout, numbers: NumberStyle, dates: DateOrder) -> list[str]:
    notes: list[str] = []
    if encoding.note:
        notes.append(f"encoding: {encoding.note}")
    header = layout.header
    if header and not header.names_required and not header.is_in_place:
        missing = ", ".join(COLUMNS[column] for column in REQUIRED if column not in header.slots)
        notes.append(f"the header has no name for {missing}, so the columns are read by position")
    if header and (unknown := [name for name, slot in zip(*header, strict=True) if slot is None and name]):
        notes.append(f"names in the header that are not known: {', '.join(name[:40] for name in unknown[:20])}")
    if layout.times:
        for column, (place, others, is_utc) in zip(("start_time", "end_time"), layout.times, strict=True):
            if others and header:
                names = ", ".join(header.names[other][:40] for other in (place, *others))
                notes.append(f"{column} is read from the columns {names}, where one has the day and another the clock")
            if is_utc and header:
                notes.append(f"{column} is read in UTC, as its name {header.names[place][:40]} says")
    if layout.dialect.escapes:
        notes.append("quotes inside cells are written with a backslash")
    if layout.joined:
        columns = ", ".join(COLUMNS[column] for column in sorted(layout.joined))
        notes.append(f"decimal commas without quotes: two cells each are read as one number in {columns}")
    if dates.undecided and dates.order is None:
        notes.append(
            f"{dates.undecided:,} dates like 03/04/2026 are not read, because the file does not tell whether days or "
            "months come first; export times as DD.MM.YYYY HH:MM:SS, or set the company's --date-order"
        )
    elif dates.undecided:
        notes.append(f"{dates.undecided:,} dates like 03/04/2026 are read {dates.order}, as {_deciding(dates)}")
    if numbers.ambiguous:
        mark = "comma" if numbers.mark(layout.dialect.delimiter) == "," else "point"
        notes.append(
            f"{numbers.ambiguous:,} numbers like 1,234 or 1.234 are read with a decimal {mark}, as the other numbers "
            f"({numbers.points:,} have a point, {numbers.commas:,} a comma) or, without any, the delimiter suggest"
        )
    if numbers.unread:
        notes.append(f"{numbers.unread:,} numbers cannot be read and are left empty")
    return notes


def _deciding(dates: DateOrder) -> str:
    if dates.is_chosen:
        return "the company's settings say"
    if dates.is_known_from_before:
        return "those of the file before"
    return f"the other {dates.decided_by:,} dates can only be read"
