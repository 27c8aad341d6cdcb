"""The table at the end, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench.harness import Row

_MET = {True: Text("yes", "green"), False: Text("no", "bold red"), None: Text("–")}


def print_table(console: Console, rows: Sequence[Row]) -> None:
    """One line per row; medians, and the ratio of the rounds' own ratios."""
    table = Table(title="Benchmarks", title_justify="left", show_lines=True)
    table.add_column("work", ratio=4)
    for heading in ("measured", "yardstick"):
        table.add_column(heading, ratio=3)
    for heading in ("ratio", "goal", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(_facts(row)), _MET[row.met])
    console.print(table)


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the JSON as text: work, measured, yardstick, ratio and goal."""
    return (
        f"{row['work']} ({row['note']})" if row["note"] else row["work"],
        f"{number(row['measured_median'])} {row['unit']}",
        f"{row['against']}: {number(row['yardstick_median'])} {row['unit']}" if row["yardstick"] else "–",
        "–" if row["ratio"] is None else f"{number(row['ratio'])} ×",
        row["goal"],
    )


def write_json(path: Path, scale: str, postgres: str, began: datetime, results: Mapping[str, Sequence[Row]]) -> None:
    """Every figure of every round, with the machine they are from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "began": began.isoformat(timespec="seconds"),
        "scale": scale,
        "machine": {
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg(),
            "python": platform.python_version(),
            "postgres": postgres,
        },
        "benchmarks": {name: [_facts(row) for row in rows] for name, rows in results.items()},
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return "–"
    unit = "×" if row.goal.of == "ratio" else row.unit
    return f"{row.goal.direction} {number(row.goal.bound)} {unit}"


def _facts(row: Row) -> dict[str, Any]:
    return {
        "work": row.work,
        "unit": row.unit,
        "measured": list(row.measured),
        "measured_median": median(row.measured),
        "against": row.against,
        "yardstick": list(row.yardstick),
        "yardstick_median": median(row.yardstick) if row.yardstick else None,
        "ratio": row.ratio,
        "goal": _goal(row),
        "met": row.met,
        "correct": row.correct,
        "note": row.note,
        "size": row.size,
    }
