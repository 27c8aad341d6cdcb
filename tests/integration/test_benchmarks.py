"""Benchmarks run at a very small size, so that `make bench` does not break unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench import markdown
from tests.bench.__main__ import BENCHMARKS
from tests.bench.database import Server
from tests.bench.harness import Row, ratio_at_least
from tests.bench.report import write_json
from tests.bench.scale import SMALL

TINY = replace(
    SMALL,
    rounds=1,
    settled=200,
    jobs=2_000,
    recounts=1,
    large_csv_rows=200,
    created=50,
    long_run=200,
    offline=20,
    moved_in=50,
)
#: Those that run the product as programs, and a few whose size can be small.
NAMES = ("chunks-of-100", "breakdown", "large-csv", "memory", "migrate", "process", "session-creation")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(TINY) as server:
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_what_it_worked_on_is_right(server: Server, name: str) -> None:
    rows = BENCHMARKS[name](server)

    assert rows
    for row in rows:
        assert row.measured, row.work
        assert row.correct, (row.work, row.note)


def test_the_table_of_the_docs_is_printed_from_what_a_run_has_written(tmp_path: Path) -> None:
    rows = [
        Row("claims", "/s", [900, 1_200.0, 1_100], "bare SQL", [3_000, 3_000, 2_000], ratio_at_least(0.5)),
        Row("memory", "MB", [98.76], note="a peak"),
    ]
    write_json(
        tmp_path / "bench.json",
        "SMALL",
        "18",
        datetime(2026, 11, 1, tzinfo=UTC),
        {"speed": rows[:1], "memory": rows[1:]},
    )
    run = json.loads((tmp_path / "bench.json").read_text())

    lines = [
        "| claims | 1,100 /s | bare SQL: 3,000 /s | 0.4 × | ≥ 0.5 × | **no** |",
        "| memory (a peak) | 98.8 MB | – | – | – | – |",
    ]
    assert markdown.table(run).splitlines()[2:] == lines
    assert markdown.table(run, ["memory"]).splitlines()[2:] == lines[1:]
