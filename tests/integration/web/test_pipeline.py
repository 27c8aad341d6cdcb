"""The Pipeline page shows the numbers of the database, and escapes the texts of companies."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from markupsafe import escape
from sqlalchemy import Connection, Engine, insert
from starlette.testclient import TestClient

from livedash_core.insights import counted_sessions
from livedash_core.models import Session
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, read_breakdown
from livedash_core.status.incidents import open_incident
from tests.integration.records import NOON, Records, pipeline_with
from tests.integration.web.conftest import Visit, cards, make_app, numbers

HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "Müller & Söhne",
    "left \u202eright\u200b",
    "long: " + "y" * 20_000,
)


def busy(records: Records, name: str, scale: int = 1) -> UUID:
    """A company with sessions in every state: per stage some in progress, failed, skipped; some all done."""
    company_id = records.company(name)
    records.sessions(company_id, 11 * scale, completed_stages=5)
    for position, stage in enumerate(BUILT_IN.names[1:], start=1):
        records.sessions(company_id, 7 * scale, completed_stages=position)
        with records.engine.begin() as connection:
            manager = ProcessingStatusManager(connection)
            token, attempts = manager.claim(stage, 5 * scale)
            held = list(attempts)
            manager.fail(stage, token, [Failure(held[0], "permanent", "broken")])
            manager.skip(stage, token, dict.fromkeys(held[1:3], "nothing to do"))
    return company_id


def analysed(records: Records, company_id: UUID, analyzer: str, model: str | None, number: int) -> None:
    ids = records.sessions(company_id, number, completed_stages=5)
    with records.engine.begin() as connection, counted_sessions(connection, ids):
        connection.execute(
            insert(Session).values(
                company_id=company_id, started_at=NOON, ended_at=NOON, analyzer=analyzer, model=model
            ),
            [{"id": session_id} for session_id in ids],
        )


def test_the_numbers_on_the_page_are_the_breakdown(page: TestClient, records: Records, connection: Connection) -> None:
    companies = {"Acme": busy(records, "Acme"), "Müller & Söhne": busy(records, "Müller & Söhne", scale=2)}

    for name, company_ids in [("", None), *((name, [company_id]) for name, company_id in companies.items())]:
        breakdown = read_breakdown(connection, BUILT_IN, company_ids)
        answer = page.get("", params={"company": name})

        assert answer.status_code == 200
        assert numbers(answer.text) == {
            stage: {
                "completed": found["COMPLETED"],
                "skipped": found["SKIPPED"],
                "in-progress": found["IN_PROGRESS"],
                "ready": breakdown.ready(stage),
                "retrying": 0,
                "waiting": breakdown.waiting(stage),
                "failed": found["FAILED"],
            }
            for stage, found in breakdown.stages.items()
        }
        assert all(sum(counts.values()) == breakdown.total_sessions for counts in numbers(answer.text).values())


def test_every_session_is_counted_on_exactly_one_card(page: TestClient, records: Records) -> None:
    busy(records, "Acme")

    found = cards(page.get("").text)

    assert found == {"Sessions": 39, "Completed": 13, "Under way": 22, "Need attention": 4}
    assert found["Sessions"] == found["Completed"] + found["Under way"] + found["Need attention"]


def test_a_bar_has_a_segment_per_state_and_the_same_numbers_as_label(page: TestClient, records: Records) -> None:
    company_id = records.company("Acme")
    records.sessions(company_id, 3, completed_stages=5)
    records.sessions(company_id, 1, completed_stages=4)

    row = re.search(r'data-stage="QUESTION_EXTRACTION".*?</tr>', page.get("").text, re.DOTALL)

    assert row
    assert 'aria-label="3 completed, 1 ready"' in row[0]
    assert re.findall(r'<rect class="([^"]+)" x="([^"]+)" width="([^"]+)"', row[0]) == [
        ("completed", "0.0%", "75.0%"),
        ("ready", "75.0%", "25.0%"),
    ]


def test_every_stage_links_to_its_dag(page: TestClient, records: Records) -> None:
    busy(records, "Acme")

    links = re.findall(r'data-airflow href="([^"]+)"', page.get("").text)

    assert links == [f"/dags/livedash_{stage.lower()}" for stage in BUILT_IN.names]


def test_a_stage_that_a_deployment_adds_is_shown(visit: Visit, engine: Engine, records: Records) -> None:
    pipeline = pipeline_with("PII_REDACTION", after=BUILT_IN.last)
    company_id = records.company("Acme")
    with engine.begin() as connection:
        ProcessingStatusManager(connection, pipeline=pipeline).initialize_sessions({uuid4(): company_id})

    page = visit(make_app(lambda: engine, pipeline=pipeline)).get("")

    assert numbers(page.text)["PII_REDACTION"]["waiting"] == 1
    assert ">Pii redaction<" in page.text


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_company_names_and_failure_messages_are_escaped(
    page: TestClient, records: Records, connection: Connection, name: str
) -> None:
    company_id = records.company(name)
    open_incident(connection, "CSV_IMPORT", company_id, f"refused: {name[:100]}")
    analysed(records, company_id, "openai", name, 1)

    answer = page.get("", params={"company": name})

    assert answer.status_code == 200
    # Option, incident and its message, analyse, questions: each time as text.
    assert answer.text.count(escape(name[:50])) >= 4
    assert len(answer.text) < 100_000
    for markup in ("<script>alert", "<img", "onfocus='"):
        assert markup not in answer.text


def test_the_filter_form_keeps_its_choice_and_marks_companies_that_are_not_active(
    page: TestClient, records: Records
) -> None:
    records.company("Acme")
    records.company("Gone", status="ARCHIVED")

    options = re.findall(r"<option[^>]*>[^<]*</option>", page.get("", params={"company": "Acme"}).text)

    assert options == [
        '<option value="">All companies</option>',
        '<option value="Acme" selected>Acme</option>',
        '<option value="Gone">Gone (archived)</option>',
    ]


@pytest.mark.parametrize("name", ["Nobody", "acme", "Acme' OR '1'='1", "nul\x00byte", "<script>"])
def test_an_unknown_company_is_a_404_page(page: TestClient, records: Records, name: str) -> None:
    records.company("Acme")

    answer = page.get("", params={"company": name})

    assert answer.status_code == 404
    assert "no company is called" in answer.text
    assert "<script>" not in answer.text


def test_incidents_are_shown_with_company_reason_and_time(
    page: TestClient, records: Records, connection: Connection
) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    open_incident(connection, "AI_ANALYSIS", None, "the key is refused")
    open_incident(connection, "CSV_IMPORT", acme, "the CSV is gone")
    open_incident(connection, "CSV_IMPORT", umbrella, "the host is unknown")

    everything = page.get("").text
    of_acme = page.get("", params={"company": "Acme"}).text

    assert [text in everything for text in ("the key is refused", "the CSV is gone", "the host is unknown")] == [
        True
    ] * 3
    assert "every company" in everything
    assert re.search(
        r'<time datetime="\d{4}-\d\d-\d\dT[^"]+" title="[^"]+ UTC">\d{4}-\d\d-\d\d \d\d:\d\d</time>', everything
    )
    assert "the key is refused" in of_acme
    assert "the CSV is gone" in of_acme
    assert "the host is unknown" not in of_acme


def test_the_page_shows_sessions_per_analyzer_and_model(page: TestClient, records: Records) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    analysed(records, acme, "offline", None, 3)
    analysed(records, acme, "openai", "a-model", 2)
    analysed(records, umbrella, "openai", "a-model", 4)

    everything = page.get("").text
    of_umbrella = page.get("", params={"company": "Umbrella"}).text

    assert "6 analysed by the model a-model, 3 analysed by offline rules." in everything
    assert "4 analysed by the model a-model." in of_umbrella
    assert "offline" not in of_umbrella.lower()


def test_without_a_company_the_page_shows_how_to_add_one(page: TestClient) -> None:
    answer = page.get("")

    assert answer.status_code == 200
    assert "livedash company add NAME --csv-url URL" in answer.text
    assert 'href="/dags/livedash_csv_import"' in answer.text
    assert "<table" not in answer.text


def test_without_sessions_the_page_shows_which_dag_to_run(page: TestClient, records: Records) -> None:
    records.sessions(records.company("Acme"), 2)
    records.company("New <b>one</b>")

    answer = page.get("", params={"company": "New <b>one</b>"})

    assert "New &lt;b&gt;one&lt;/b&gt; has no sessions yet" in answer.text
    assert "company add" not in answer.text
    assert 'href="/dags/livedash_csv_import"' in answer.text


def test_the_page_has_no_inline_script_or_style(page: TestClient, records: Records, connection: Connection) -> None:
    busy(records, "Acme")
    open_incident(connection, "AI_ANALYSIS", None, "the key is refused")

    html = page.get("").text

    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert re.findall(r"<script([^>]*)>([^<]*)</script>", html) == [
        (' src="/livedash/static/airflow.js"', ""),
        (' src="/livedash/static/page.js" defer', ""),
        (' src="/livedash/static/runs.js" defer', ""),
        (' src="/livedash/static/actions.js" defer', ""),
    ]


def test_days_limit_the_numbers_to_sessions_that_started_on_them(page: TestClient, records: Records) -> None:
    company_id = busy(records, "Acme")
    records.sessions(company_id, 3, started_at=NOON + timedelta(days=1), completed_stages=5)
    records.sessions(company_id, 2, started_at=NOON + timedelta(days=1), completed_stages=1)

    answer = page.get("", params={"from": "2026-03-03", "to": "2026-03-03", "company": "Acme"})

    assert cards(answer.text)["Sessions"] == 5
    assert numbers(answer.text)["TRANSCRIPT_FETCH"] == {
        "completed": 3, "skipped": 0, "in-progress": 0, "ready": 2, "retrying": 0, "waiting": 0, "failed": 0,
    }  # fmt: skip
    everything = page.get("", params={"from": "2020-01-01"}).text
    assert numbers(everything) == numbers(page.get("").text)
    assert "2026-03-03" in re.findall(r'data-conf="([^"]*)"', answer.text)[0]
    assert "No session started on these days" in page.get("", params={"to": "2020-01-01"}).text


def test_too_many_sessions_in_a_window_are_reported(
    page: TestClient, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livedash_core.status.breakdown.MAX_WINDOW_SESSIONS", 4)
    records.sessions(records.company("Acme"), 5)

    html = page.get("", params={"from": "2020-01-01"}).text

    assert "sessions started on these days, so the numbers below are of all days" in html
    assert "2020-01-01" not in "".join(re.findall(r'data-conf="([^"]*)"', html))
