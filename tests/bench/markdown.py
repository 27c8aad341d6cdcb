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
from tests.bench.report import cells

_HEAD = "| work | measured | yardstick | ratio | goal | met |\n|---|---|---|---|---|---|"
_MET = {True: "yes", False: "**no**", None: "–"}


def table(run: Mapping[str, Any], names: Collection[str] = ()) -> str:
    """The table of the content of a ``bench.json``: medians, in the order of the run, one line per figure.

    ``names`` are the benchmarks that it has; empty: all.
    """
    chosen = [rows for name, rows in run["benchmarks"].items() if not names or name in names]
    lines = (" | ".join((*cells(row), _MET[row["met"]])) for rows in chosen for row in rows)
    return "\n".join([_HEAD, *(f"| {line} |" for line in lines)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.markdown", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--file", type=Path, default=Settings().home / "bench.json")
    options = parser.parse_args()
    print(table(json.loads(options.file.read_text(encoding="utf-8")), options.names))
