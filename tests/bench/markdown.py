"""``python -m tests.bench.markdown [NAME…] [--file FILE]``: print figures of a run as the tables of docs/benchmarks.md.

FILE is what the run wrote; without it, the last run's. NAMEs are benchmarks; without any, all of the run's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from livedash_core.settings import Settings
from tests.bench.report import number

_HEAD = "| work | measured | yardstick | ratio | goal | met |\n|---|---|---|---|---|---|"
_MET = {True: "yes", False: "**no**", None: "–"}


def table(run: Mapping[str, Any], names: Collection[str] = ()) -> str:
    """The table of the content of a ``bench.json``: medians, in the order of the run, one line per figure.

    ``names`` are the benchmarks that it has; empty: all.
    """
    chosen = [rows for name, rows in run["benchmarks"].items() if not names or name in names]
    return "\n".join([_HEAD, *(_line(row) for rows in chosen for row in rows)])


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
    parser = argparse.ArgumentParser(prog="python -m tests.bench.markdown", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--file", type=Path, default=Settings().home / "bench.json")
    options = parser.parse_args()
    print(table(json.loads(options.file.read_text(encoding="utf-8")), options.names))
