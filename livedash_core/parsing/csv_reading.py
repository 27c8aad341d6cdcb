"""Describes how a CSV was read, for people: its layout, encoding and numbers, and what of it is not certain."""

from __future__ import annotations

from typing import Any

from livedash_core.parsing.csv_columns import COLUMNS, REQUIRED
from livedash_core.parsing.csv_layout import Layout
from livedash_core.parsing.encoding import Encoding
from livedash_core.parsing.number_style import NumberStyle


def reading_of(encoding: Encoding, layout: Layout, numbers: NumberStyle) -> dict[str, Any]:
    """Return how a file was read, with values for JSON; ``notes`` are sentences about what is not certain."""
    by_name = layout.header is not None and layout.slots == tuple(layout.header.slots[: len(layout.slots)])
    return {
        "encoding": "utf-8" if encoding.name == "utf-8-sig" else encoding.name,
        "delimiter": layout.dialect.delimiter,
        "header": list(layout.header.names) if layout.header else None,
        "columns": "by name" if by_name and layout.header and layout.header.names_required else "by position",
        "decimal_mark": numbers.mark(layout.dialect.delimiter),
        "numbers": {"ambiguous": numbers.ambiguous, "unread": numbers.unread},
        "notes": _notes(encoding, layout, numbers),
    }


def _notes(encoding: Encoding, layout: Layout, numbers: NumberStyle) -> list[str]:
    notes: list[str] = []
    if encoding.note:
        notes.append(f"encoding: {encoding.note}")
    header = layout.header
    if header and not header.names_required and not header.is_in_place:
        missing = ", ".join(COLUMNS[column] for column in REQUIRED if column not in header.slots)
        notes.append(f"the header has no name for {missing}, so the columns are read by position")
    if header and (unknown := [name for name, slot in zip(*header, strict=True) if slot is None and name]):
        notes.append(f"names in the header that are not known: {', '.join(name[:40] for name in unknown[:20])}")
    if layout.joined:
        columns = ", ".join(COLUMNS[column] for column in sorted(layout.joined))
        notes.append(f"decimal commas without quotes: two cells each are read as one number in {columns}")
    if numbers.ambiguous:
        mark = "comma" if numbers.mark(layout.dialect.delimiter) == "," else "point"
        notes.append(
            f"{numbers.ambiguous:,} numbers like 1,234 or 1.234 are read with a decimal {mark}, as the other numbers "
            f"({numbers.points:,} have a point, {numbers.commas:,} a comma) or, without any, the delimiter suggest"
        )
    if numbers.unread:
        notes.append(f"{numbers.unread:,} numbers cannot be read and are left empty")
    return notes
