"""`livedash plan`: the arithmetic, and that its figures are those that the documents give."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from livedash_core.costs import PriceList
from livedash_core.costs.price_catalogue import price_list
from livedash_core.operations import capacity
from livedash_core.operations.capacity import Workload, plan

BENCHMARKS = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text()
OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
PRICES = price_list()


def test_the_costs_are_sessions_times_tokens_times_prices_and_half_in_batches():
    found = plan(Workload(1_000_000, prompt_tokens=1_000, completion_tokens=400), "gpt-4o-mini", PRICES, NOW)

    assert found.realtime_usd == Decimal("390.00")  # 1,000 million tokens at $0.15, 400 million at $0.60
    assert found.batch_usd == Decimal("195.00")


def test_a_model_without_a_price_has_unknown_costs():
    found = plan(Workload(1_000), "no-such-model", PriceList(), NOW)

    assert (found.realtime_usd, found.batch_usd) == (None, None)


def test_a_small_installation_has_the_default_lanes_and_one_worker():
    found = plan(Workload(10), "gpt-4o-mini", PRICES, NOW)

    assert (found.lanes, found.celery_workers) == (2, 1)
    assert found.model_requests_per_minute == 1


@pytest.mark.parametrize("factor", [2, 10, 100])
def test_more_sessions_need_no_less_of_anything(factor: int):
    one = plan(Workload(5_000_000), "gpt-4o-mini", PRICES, NOW)
    more = plan(Workload(5_000_000 * factor), "gpt-4o-mini", PRICES, NOW)

    for name, figure in one.facts().items():
        assert figure <= more.facts()[name] <= float(figure) * factor * 1.5 + 1, name


def test_a_slower_model_needs_more_lanes_and_a_longer_day_fewer():
    busy = Workload(100_000_000)
    usual = plan(busy, "gpt-4o-mini", PRICES, NOW)

    assert plan(replace(busy, model_seconds=20.0), "gpt-4o-mini", PRICES, NOW).lanes > 5 * usual.lanes
    assert plan(replace(busy, hours_per_day=24.0), "gpt-4o-mini", PRICES, NOW).lanes < usual.lanes / 2


def test_the_speeds_are_those_of_the_slower_machine_in_the_benchmarks():
    measured: dict[str, float] = {}
    for stage, milliseconds in re.findall(
        r"^\| .*: CPU time, ([A-Z_]+) \| ([\d.]+) ms per session \|", BENCHMARKS, re.M
    ):
        measured[stage] = max(measured.get(stage, 0), float(milliseconds) / 1_000)

    assert measured == {
        # Rounded to two or three digits.
        stage: pytest.approx(seconds, rel=0.02)
        for stage, seconds in capacity.SECONDS_PER_SESSION.items()
    }


def test_the_documented_sizes_are_what_the_command_prints():
    rows = re.findall(r"^\| ([\d,]+) \| (\d+) \| (\d+) \| (\d+) \| ([\d,.]+) GB \| \$([\d,.]+) \|", OPERATIONS, re.M)
    assert len(rows) == 3
    for sessions, lanes, workers, connections, gigabytes, dollars in rows:
        found = plan(Workload(int(sessions.replace(",", ""))), "gpt-4o-mini", PRICES, NOW)
        shown = (f"{found.lanes}", f"{found.celery_workers}", f"{found.livedash_connections}")
        assert shown == (lanes, workers, connections)
        assert f"{found.database_gigabytes_per_month:,.0f}" == gigabytes
        assert f"{found.realtime_usd:,.0f}" == dollars
    assert f"{capacity.BYTES_PER_SESSION // 1000} kB" in OPERATIONS
