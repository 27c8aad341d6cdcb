"""``python -m tests.bench [NAME…] [--list] [--scale SMALL|FULL]``: run benchmarks, print the table, write the JSON.

A goal that is missed is printed, not an error. A benchmark that breaks is: the others run, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from livedash_core.settings import Settings
from tests.bench import (
    alerts,
    analysis,
    concurrency,
    csv_import,
    growth,
    handlers,
    installation,
    latency,
    mapped_tasks,
    node_migration,
    pages,
    product,
    scheduling,
    spans,
    stages,
    tables,
    throughput,
    topics,
    very_large,
)
from tests.bench.database import Server
from tests.bench.harness import Row
from tests.bench.report import print_table, write_json
from tests.bench.scale import SCALES

BENCHMARKS: dict[str, Callable[[Server], list[Row]]] = {
    "chunks-of-1000": throughput.chunks_of_1000,
    "chunks-of-100": throughput.chunks_of_100,
    "two-processes": throughput.two_processes,
    "renewal": latency.renewal,
    "blocked-head": latency.blocked_head,
    "held-snapshot": latency.held_snapshot,
    "initialize": tables.initialize,
    "backlog": latency.backlog,
    # After the backlog, of which its writers take a part.
    "breakdown": tables.breakdown,
    "growth": growth.growth,
    "very-large": very_large.very_large,
    "ledger": throughput.ledger,
    "passes": throughput.passes,
    "csv-import": stages.csv_import,
    "large-csv": csv_import.large_csv,
    "slow-transcripts": csv_import.slow_transcripts,
    "session-creation": stages.session_creation,
    "slow-model": analysis.slow_model,
    "instant-model": analysis.instant_model,
    "two-workers": analysis.two_workers,
    "spans": spans.spans,
    "handlers": handlers.handlers,
    "adaptation": concurrency.adaptation,
    "pages": pages.pages,
    "alerts": alerts.alerts,
    "topics": topics.topics,
    "memory": product.memory,
    "process": product.process,
    "with-model": product.with_model,
    "migrate": node_migration.migrate,
    "very-large-migrate": node_migration.migrate_very_large,
    "install": installation.install,
    "dag-parsing": scheduling.dag_parsing,
    "up": scheduling.up,
    "mapped-tasks": mapped_tasks.mapped_tasks,
}
#: Run only when they are named: each takes longer than all others together.
LONG = {"very-large-migrate"}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure the speeds of docs/benchmarks.md."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all but the long ones)")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and end")
    parser.add_argument(
        "--scale", choices=SCALES, default="SMALL", help="SMALL (default) only tries; FULL is for figures"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; --list shows them")
    console = Console(highlight=False)
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            console.print(f"{name:18}{(benchmark.__doc__ or '').strip()}", markup=False)
        return 0
    wanted = options.names or BENCHMARKS.keys() - LONG
    return _run([name for name in BENCHMARKS if name in wanted], options.scale, console)


def _run(names: list[str], scale: str, console: Console) -> int:
    began = datetime.now(UTC)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # or the server would outlive us
    file = Settings().home / "bench.json"
    results: dict[str, list[Row]] = {}
    with Server(SCALES[scale]) as server:
        for name in names:
            started = time.monotonic()
            console.print(f"{name} …", end=" ")
            try:
                results[name] = BENCHMARKS[name](server)
            except Exception:
                console.print_exception()
            else:
                console.print(f"{time.monotonic() - started:.0f} s")
            # After each, so that a run that is cut short leaves what it has.
            write_json(file, scale, server.version, began, results)
    print_table(console, [row for rows in results.values() for row in rows])
    console.print(f"Scale {scale}; every round's figures are in", end=" ")
    console.print(str(file), markup=False)
    return 0 if len(results) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
