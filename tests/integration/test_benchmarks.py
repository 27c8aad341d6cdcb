"""Benchmarks run at a very small size, so that `make bench` does not break unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.bench.__main__ import BENCHMARKS
from tests.bench.database import Server
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
