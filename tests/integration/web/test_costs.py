"""The Costs page: costs per session, the forecast of the month, and exports."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert
from starlette.testclient import TestClient

from livedash_core.models import AiCostDaily
from tests.integration.records import Records


def spend(engine: Engine, company_id: UUID, day: date, cost: str, *, answers: int = 4, unusable: int = 0) -> None:
    counted = dict.fromkeys(
        ("unpriced", "prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "reasoning_tokens"), 0
    )
    with engine.begin() as connection:
        connection.execute(
            insert(AiCostDaily).values(
                day=day, company_id=company_id, model="=m", mode="realtime", outcome="answered", requests=answers,
                unusable=unusable, cost=Decimal(cost), max_cost=0, **counted,
            )
        )  # fmt: skip


@pytest.fixture
def today() -> date:
    return datetime.now(UTC).date()


def test_costs_are_shown_per_session_and_company(
    page: TestClient, records: Records, engine: Engine, today: date
) -> None:
    spend(engine, records.company("Acme"), today, "1", answers=5, unusable=1)
    spend(engine, records.company("Other"), today, "3", answers=1, unusable=1)

    html = page.get("costs").text

    assert re.findall(r'data-label="Per session">([^<]*)<', html) == ["–", "$0.25", "$1.00"]
    assert re.findall(r'number none" data-label="Cached">0<', html)
    assert 'id="month"' not in html
    assert "<title>Costs · LiveDash</title>" in html
    assert "<title>Costs · Acme · LiveDash</title>" in page.get("costs", params={"company": "Acme"}).text


def test_the_month_is_forecast_from_the_weekdays_before_whatever_days_are_shown(
    page: TestClient, records: Records, engine: Engine, today: date
) -> None:
    acme = records.company("Acme")
    for ago in range(1, 32):
        spend(engine, acme, today - timedelta(days=ago), "2")

    html = page.get("costs", params={"from": "2020-01-01", "to": str(today)}).text

    (card,) = re.findall(r'id="month">.*?</div>', html, re.DOTALL)
    next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    last_day = next_month - timedelta(days=1)
    assert f"By {last_day}" in card
    assert f"${2 * last_day.day:,}.00" in card
    assert "the same weekday in the last four weeks" in card


def test_costs_are_exported_by_day_company_and_model(
    page: TestClient, records: Records, engine: Engine, today: date
) -> None:
    spend(engine, records.company("Acme"), today, "0.00000012")
    spend(engine, records.company("Other"), today, "3")

    def exported(**query: str) -> list[dict[str, str]]:
        answer = page.get("costs/export.csv", params=query)
        assert 'filename="costs.csv"' in answer.headers["content-disposition"]
        return list(csv.DictReader(io.StringIO(answer.text)))

    (day,) = exported()
    assert (day["day"], day["cost_usd"], day["requests"]) == (str(today), "3.00000012", "8")
    assert [line["company"] for line in exported(by="company")] == ["Other", "Acme"]
    assert exported(by="company", company="Acme")[0]["cost_usd"] == "0.00000012"
    assert exported(by="model")[0]["model"] == "'=m"
    assert exported(**{"from": "2020-01-01", "to": "2020-01-02"}) == []
    assert page.get("costs/export.csv", params={"by": "nonsense"}).status_code == 400
