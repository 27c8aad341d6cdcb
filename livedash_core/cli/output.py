"""Prints tables and JSON. Foreign text is neither interpreted as markup nor sent as terminal control sequences."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from livedash_core.enums import Status

if TYPE_CHECKING:  # it needs SQLAlchemy, and the help does not
    from livedash_core.status import Breakdown

#: Line width when standard output is not a terminal: lines in a file or pipe are not wrapped.
_UNFOLDED = 100_000

#: A longer word is folded: an id fits.
_LONG_WORD = 36
#: Columns between two cells of a table.
_GAP = 2

console = Console(highlight=False, width=None if sys.stdout.isatty() else _UNFOLDED)
#: For progress and errors; standard output has results only.
errors = Console(stderr=True, highlight=False)

_STYLES: dict[Status, str] = {
    "COMPLETED": "green",
    "FAILED": "red",
    "IN_PROGRESS": "cyan",
    "SKIPPED": "yellow",
    "PENDING": "",
}
#: Control characters (C0 and C1 except tab and newline): a transcript may contain escape sequences.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def limit_logging() -> None:
    """Print warnings of libraries as they are, and of the stages only errors: their reports hold what they log."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("livedash_core.stages").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def fit_columns() -> None:
    """Let the variable COLUMNS limit the lines in a file or pipe, as it does on a terminal."""
    if (columns := os.environ.get("COLUMNS", "")).isdigit() and int(columns):
        console.width = int(columns)


def print_json(facts: object) -> None:
    """Print JSON on standard output, with times in ISO 8601 and ids, decimals and networks as strings."""
    sys.stdout.write(json.dumps(facts, default=_as_json, ensure_ascii=False, indent=2) + "\n")


def _as_json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"  # never 1E-7
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def shown(value: object) -> str:
    """Format a value for display: times in UTC, None as empty text, control characters as U+FFFD."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _CONTROL.sub("\ufffd", str(value))


def say(message: object) -> None:
    """Print a sentence on standard output without wrapping it."""
    console.print(shown(message), markup=False, soft_wrap=True)


def complain(message: object, *, style: str = "red") -> None:
    """Print a sentence on standard error without wrapping it, so that commands and URLs can be copied."""
    errors.print(shown(message), style=style, markup=False, soft_wrap=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; where its columns do not fit, print each row as lines of heading and value. None is cut off."""
    cells = [[cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row] for row in rows]
    if _needed_columns(headings, cells) > console.width:
        _print_stacked(headings, cells, title)
        return
    table = _table(title)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _needed_columns(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> int:
    """The width at which no word of a table is folded, except for words that are long themselves."""
    columns = zip(headings, *([cell.plain for cell in row] for row in rows), strict=True)
    longest = [max(cell_len(word) for text in column for word in text.split() or [""]) for column in columns]
    return sum(min(width, _LONG_WORD) for width in longest) + _GAP * (len(longest) - 1)


def _print_stacked(headings: Sequence[str], rows: Sequence[Sequence[Text]], title: str | None) -> None:
    if title:
        console.print(Text(title, style="bold"))
    for row in rows:
        console.print()
        block = Table(show_header=False, box=None, pad_edge=False)
        block.add_column(style="dim", no_wrap=True)
        block.add_column(overflow="fold")
        for heading, cell in zip(headings, row, strict=True):
            if cell.plain:
                block.add_row(heading, cell)
        console.print(block)


def breakdown_table(breakdown: Breakdown, title: str) -> Table:
    """Return the breakdown as a table, with PENDING split into ready and waiting for an earlier stage."""
    table = _table(title)
    table.add_column("stage", overflow="fold")
    for heading, style in (
        ("completed", "green"),
        ("skipped", "yellow"),
        ("in progress", "cyan"),
        ("ready", ""),
        ("waiting", "dim"),
        ("failed", "red"),
    ):
        table.add_column(heading, justify="right", style=style, overflow="fold")
    for stage, counts in breakdown.stages.items():
        table.add_row(
            stage,
            *(str(counts[status]) for status in ("COMPLETED", "SKIPPED", "IN_PROGRESS")),
            str(breakdown.ready(stage)),
            str(breakdown.waiting(stage)),
            str(counts["FAILED"]),
        )
    return table


def status_text(status: Status) -> Text:
    """Return a status as coloured text."""
    return Text(status, style=_STYLES[status])


def _table(title: str | None) -> Table:
    # Few rules: the breakdown fits into 80 characters.
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
