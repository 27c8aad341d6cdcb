"""``python -m tests.bench.markdown [FILE]``: print the figures of a run as the table of docs/benchmarks.md.

FILE is what the run wrote; without it, the last run's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedash_core.settings import Settings
from tests.bench.report import number

_HEAD = "| work | measured | yardstick | ratio | goal | met |\n|---|---|---|---|---|---|"
_MET = {True: "yes", False: "**no**", None: "–"}


def table(run: Mapping[str, Any]) -> str:
    """The table of the content of a ``bench.json``: medians, in the order of the run, one line per figure."""
    return "\n".join([_HEAD, *(_line(row) for rows in run["benchmarks"].values() for row in rows)])


def _line(row: Mapping[str, Any]) -> str:
    cells = (
        f"{row['work']} ({row['note']})" if row["note"] else row["work"],
        f"{number(row['measured_median'])} {row['unit']}",
        f"{row['against']}: {number(row['yardstick_median'])} {row['unit']}" if row["yardstick"] else "–",
        "–" if row["ratio"] is None else f"{number(row['ratio'])} ×",
        row["goal"],
        _MET[row["met"]],
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Settings().home / "bench.json"
    print(table(json.loads(file.read_text(encoding="utf-8"))))
