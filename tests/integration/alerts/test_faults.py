"""Twelve faults: each is one alert, of one rule, with a page that exists, and ends when the fault does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.rules import RULES
from livedash_core.alerts.store import OpenAlert, list_alerts
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from tests.integration.alerts.faults import FAULTS, World
from tests.integration.web.conftest import make_app, visit  # noqa: F401 - a fixture


def alerts_of(world: World) -> list[OpenAlert]:
    evaluate(world.engine, BUILT_IN, Settings(), now=world.now, stopped_dags=lambda: world.stopped_dags)
    with world.engine.connect() as connection:
        return list_alerts(connection)


def test_there_is_a_fault_for_every_rule() -> None:
    assert {rule for rule, _ in FAULTS.values()} == {rule.name for rule in RULES}
    assert len(FAULTS) == 12


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_alert_that_ends_when_the_fault_does(world: World, name: str) -> None:
    rule, plant = FAULTS[name]
    repair = plant(world)

    (alert,) = alerts_of(world)
    assert alert.rule == rule
    assert alert.first_seen_at == world.now
    assert alert.since <= world.now
    assert (alert.company is None) == (world.name not in alert.message), "only a company's viewers may read its name"
    (again,) = alerts_of(world)
    assert again.id == alert.id, "the same fact is the same alert"

    repair()
    assert alerts_of(world) == []


@pytest.mark.parametrize("name", FAULTS)
def test_an_alert_of_a_fault_leads_to_a_page_that_exists(world: World, name: str, visit: Any) -> None:  # noqa: F811
    FAULTS[name][1](world)
    (alert,) = alerts_of(world)
    page: TestClient = visit(make_app(lambda: world.engine))
    if alert.page.startswith("livedash/"):
        shown = page.get(f"http://airflow.example/{alert.page}")
        assert shown.status_code == 200, shown.text
        assert alert.company is None or alert.company in shown.text
    else:
        assert alert.page.removeprefix("dags/") in {*BUILT_IN.dag_ids, "livedash_retention"}


def test_all_faults_at_once_are_an_alert_each(world: World) -> None:
    for name, (_, plant) in FAULTS.items():
        world.name = f"Company with {name}"
        plant(world)

    alerts = alerts_of(world)
    assert sorted(alert.rule for alert in alerts) == sorted(rule for rule, _ in FAULTS.values())
    assert [alert.id for alert in alerts_of(world)] == [alert.id for alert in alerts]


def test_a_quiet_week_has_no_alert(world: World) -> None:
    acme = world.company(monthly_budget_usd=100, retention_days=30)
    for day in range(7):
        for hour in (0, 6, 12, 18):
            ids = world.due(acme, world.now)
            assert alerts_of(world) == [], (day, hour)
            world.finish(ids, "TRANSCRIPT_FETCH", world.now + timedelta(minutes=5))
            for later in ("SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION"):
                world.finish(ids, later, world.now + timedelta(minutes=5))
            world.now += timedelta(minutes=5)
            assert alerts_of(world) == [], (day, hour)
            world.now += timedelta(hours=6, minutes=-5)
        world.costs(acme, world.ago(hours=12), 2)
