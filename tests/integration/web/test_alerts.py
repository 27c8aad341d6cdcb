"""The section about alerts on the Pipeline page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine

from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.store import list_alerts, record_delivery, snooze
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.status.incidents import close_incidents, open_incident
from tests.integration.records import Records

HOSTILE = "<img src=x onerror=alert(1)>"


def section(page: TestClient, query: str = "") -> str:
    found = re.search(
        r'<div id="alerts" data-live>(.*?)</div>', page.get(f"http://airflow.example/livedash/{query}").text, re.DOTALL
    )
    assert found
    return found[1]


def test_open_alerts_are_listed_with_their_snooze_and_go_when_they_end(
    page: TestClient, engine: Engine, connection: Connection, records: Records
) -> None:
    acme, beta = records.company(f"Acme {HOSTILE}"), records.company("Beta")
    for company in (acme, beta):
        open_incident(connection, "CSV_IMPORT", company, f"no answer {HOSTILE}")
    assert "alert" not in section(page)

    evaluate(engine, BUILT_IN, Settings())
    alert, _ = list_alerts(connection)
    assert "2 alerts are open" in section(page)
    assert HOSTILE not in section(page)
    assert "1 alert is open" in section(page, "?company=Beta")
    links = re.findall(r'href="([^"]+)"', section(page, "?company=Beta"))
    assert all(page.get(f"http://airflow.example{link}").status_code == 200 for link in links)

    record_delivery(connection, "mail", [alert], datetime.now(UTC), f"refused {HOSTILE}")
    snooze(connection, alert.id, datetime.now(UTC) + timedelta(hours=1), "root", f"they know {HOSTILE}")
    shown = section(page)
    assert "mail could not send this: refused" in shown
    assert "by root: they know" in shown
    assert HOSTILE not in shown

    close_incidents(connection, "CSV_IMPORT", [acme, beta], for_everyone=False)
    evaluate(engine, BUILT_IN, Settings())
    assert section(page).strip() == ""


def test_the_page_says_when_the_rules_are_not_evaluated_any_more(page: TestClient, engine: Engine) -> None:
    evaluate(engine, BUILT_IN, Settings(), now=datetime.now(UTC) - timedelta(hours=2))
    assert "The rules were last evaluated" in section(page)
    evaluate(engine, BUILT_IN, Settings())
    assert section(page).strip() == ""
