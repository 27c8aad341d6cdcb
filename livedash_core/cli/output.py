"""How facts are printed: tables for people, JSON for programs. Nothing from outside is taken as markup."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from livedash_core.status import Breakdown

console = Console(highlight=False)
#: Progress and errors; standard output stays clean for what was asked.
errors = Console(stderr=True, highlight=False)

_STYLES = {"COMPLETED": "green", "FAILED": "red", "IN_PROGRESS": "cyan", "SKIPPED": "yellow", "PENDING": ""}


def print_json(facts: object) -> None:
    """Facts as JSON on standard output; times in ISO 8601, ids, decimals and networks as text."""
    sys.stdout.write(json.dumps(facts, default=_plain, ensure_ascii=False, indent=2) + "\n")


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table whose cells are shown as they are."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def breakdown_table(breakdown: Breakdown, title: str) -> Table:
    """A row per stage; PENDING split into what is ready and what an earlier stage holds back."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("stage")
    for heading, style in (
        ("completed", "green"),
        ("skipped", "yellow"),
        ("in progress", "cyan"),
        ("ready", ""),
        ("waiting", "dim"),
        ("failed", "red"),
    ):
        table.add_column(heading, justify="right", style=style)
    for stage, counts in breakdown.stages.items():
        table.add_row(
            stage,
            *(str(counts[status]) for status in ("COMPLETED", "SKIPPED", "IN_PROGRESS")),
            str(breakdown.ready(stage)),
            str(breakdown.waiting(stage)),
            str(counts["FAILED"]),
        )
    return table


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, style=_STYLES.get(status, ""))
