"""How facts are printed: tables for people, JSON for programs. Nothing from outside is taken as markup or obeyed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from livedash_core.enums import StageStatus
from livedash_core.status import Breakdown

#: Characters to a line where no terminal is watching: whoever reads a file or a pipe wants whole lines.
_UNFOLDED = 100_000

console = Console(highlight=False, width=None if sys.stdout.isatty() else _UNFOLDED)
#: Progress and errors; standard output stays clean for what was asked.
errors = Console(stderr=True, highlight=False)

_STYLES: dict[StageStatus, str] = {
    "COMPLETED": "green",
    "FAILED": "red",
    "IN_PROGRESS": "cyan",
    "SKIPPED": "yellow",
    "PENDING": "",
}
#: What a terminal would obey (C0 and C1, but tab and newline): a transcript may hold escape sequences.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_json(facts: object) -> None:
    """Facts as JSON on standard output; times in ISO 8601, ids, decimals and networks as text."""
    sys.stdout.write(json.dumps(facts, default=_as_json, ensure_ascii=False, indent=2) + "\n")


def _as_json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"  # never 1E-7
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def shown(value: object) -> str:
    """A value for people: times in UTC to the second, nothing for None, U+FFFD for control characters."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _CONTROL.sub("\ufffd", str(value))


def say(message: object) -> None:
    """A sentence on standard output, however long, for the terminal to wrap."""
    console.print(shown(message), markup=False, soft_wrap=True)


def complain(message: object, *, style: str = "red") -> None:
    """A sentence on standard error, likewise: its commands and URLs can be copied whole."""
    errors.print(shown(message), style=style, markup=False, soft_wrap=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table that shows its cells whole: a narrow terminal folds them, nothing is cut off."""
    table = _table(title)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    console.print(table)


def breakdown_table(breakdown: Breakdown, title: str) -> Table:
    """A row per stage; PENDING split into what is ready and what an earlier stage holds back."""
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


def status_text(status: StageStatus) -> Text:
    """A status in its colour."""
    return Text(status, style=_STYLES[status])


def _table(title: str | None) -> Table:
    # Few lines: the breakdown fits into 80 characters.
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
