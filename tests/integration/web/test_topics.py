"""The pages about topics: what they show, what they start, and that no text in them is more than text."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.insights.topics import curation
from livedash_core.insights.topics.requests import apply_request
from tests.integration.insights.topics.questions import Desk
from tests.integration.records import Records
from tests.integration.web.conftest import Visit, make_app, may_run_none

NOW = datetime.now(UTC)
PAYSLIP, PAYSLIP_NL = "Where can I find my payslip?", "Waar vind ik mijn loonstrook?"
HOSTILE = '=cmd|"/c calc"!A1 <img src=x onerror=alert(1)> [a](javascript:alert(1)) "quoted" & \u202e what is this'
ANALYSED: dict[str, Any] = {"sentiment": "NEUTRAL", "category": "SALARY_COMPENSATION", "language": "nl"}


@pytest.fixture
def desk(records: Records) -> Desk:
    desk = Desk(records)
    desk.ask(("en", PAYSLIP), sessions=3, started_at=NOW, outcome="RESOLVED", **ANALYSED)
    desk.ask(("nl", PAYSLIP_NL), sessions=2, started_at=NOW, outcome="HANDED_OVER", **ANALYSED)
    desk.ask(("en", "When is payday?"), sessions=9, started_at=NOW, outcome="RESOLVED", **ANALYSED)
    desk.ask(("en", HOSTILE), started_at=NOW, outcome="UNRESOLVED", **ANALYSED)
    desk.group()
    return desk


def buttons(html: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(conf))["change"] for conf in re.findall(r'data-conf="([^"]*)"', html) if "verb" in conf]


def test_a_topic_has_its_numbers_wordings_chats_and_log(page: TestClient, desk: Desk) -> None:
    topic = desk.topic_of(PAYSLIP)
    with desk.engine.begin() as connection:
        edit = curation.rename(connection, topic, "Payslips", by="Anna")
    html = page.get(f"topics/{topic}").text

    assert "<h1>Payslips</h1>" in html
    head = re.sub(r"<[^>]+>", "", html.partition("<h1>")[2].partition("</div>")[0])
    assert "2 wordings, 5 sessions on all days: 0 unresolved, 2 handed over." in head
    assert PAYSLIP in html
    assert PAYSLIP_NL in html
    assert len(re.findall(r'<li><a href="/livedash/sessions/[0-9a-f-]{36}">', html)) == 5
    assert f"{edit}: rename by Anna" in html
    assert {"verb": "undo", "change": edit} in buttons(html)
    assert f'href="/livedash/sessions?question={desk.question_id(PAYSLIP)}"' in html
    assert 'aria-label="Sessions per week: 5 in 90 days"' in html


def test_every_button_is_a_change_that_can_be_made(page: TestClient, desk: Desk) -> None:
    topic = desk.topic_of(PAYSLIP)
    fields = {"rename": {"name": "X"}, "merge": {"into": desk.topic_of("When is payday?")},
              "move": {"question": desk.question_id("When is payday?")},
              "split": {"questions": [desk.question_id(PAYSLIP)]}}  # fmt: skip
    found = buttons(page.get(f"topics/{topic}").text)

    assert {change["verb"] for change in found} == {"pin", "hide", "rename", "merge", "move", "split"}
    for change in found:
        with desk.engine.connect() as connection:  # rolled back
            apply_request(connection, {**change, **fields.get(change["verb"], {})}, by="Anna")


def test_a_user_who_may_not_start_the_dag_sees_no_button(visit: Visit, desk: Desk, engine: Engine) -> None:
    visitor = visit(make_app(lambda: engine, may_run=may_run_none))
    html = visitor.get(f"topics/{desk.topic_of(PAYSLIP)}").text

    assert "<button" not in html.partition("<main")[2].partition("</main>")[0]
    assert PAYSLIP in html


def test_hostile_text_is_text_on_every_page_and_in_the_export(page: TestClient, desk: Desk) -> None:
    topic = desk.topic_of(HOSTILE)
    pages = [page.get(address).text for address in (f"topics/{topic}", "insights")]

    for html in pages:
        assert "<img src=x" not in html
        assert "&lt;img src=x" in html
        assert 'href="javascript' not in html
    rows = list(csv.reader(io.StringIO(page.get("topics/unanswered.csv").text)))
    assert rows[0][:4] == ["company", "topic_id", "topic", "question"]
    questions = {row[3]: row for row in rows[1:]}
    assert set(questions) == {PAYSLIP_NL, f"'{HOSTILE}"}
    assert questions[PAYSLIP_NL][5:8] == ["2", "0", "2"]


def test_the_insights_page_ranks_topics_and_says_what_to_fix_first(page: TestClient, desk: Desk) -> None:
    html = page.get("insights", params={"company": "Acme"}).text
    topics = list(map(int, re.findall(r'data-topic="(\d+)"', html)))
    to_fix = list(map(int, re.findall(r'data-fix-topic="(\d+)"', html)))

    assert topics == [desk.topic_of("When is payday?"), desk.topic_of(PAYSLIP), desk.topic_of(HOSTILE)]
    assert to_fix == [desk.topic_of(PAYSLIP), desk.topic_of(HOSTILE)]
    assert "2 of 5 sessions were not resolved" in html
    assert "follow-ups" not in html
    desk.ask(("en", "And the pension?"), started_at=NOW, **ANALYSED)
    desk.group()
    assert "1 follow-ups of all days" in page.get("insights").text


def test_the_numbers_of_a_topic_lead_to_its_sessions(page: TestClient, desk: Desk) -> None:
    topic = desk.topic_of(PAYSLIP)
    for query, sessions in (("", 5), ("&outcome=HANDED_OVER", 2), ("&outcome=UNRESOLVED", 0), ("&language=nl", 5)):
        listed = re.findall(
            r'<a href="/livedash/sessions/([0-9a-f-]{36})(?:\?[^"]*)?">',
            page.get(f"sessions?topic={topic}{query}").text,
        )
        assert (len(listed), len(set(listed))) == (sessions, sessions), query


def test_a_topic_with_more_sessions_than_are_listed_first_has_the_same_list(
    page: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = desk.topic_of(PAYSLIP)
    assert '<span id="count">5 sessions</span>' in page.get(f"sessions?topic={topic}").text
    monkeypatch.setattr("livedash_core.web.sessions.MAX_MATCHES", 4)
    html = page.get(f"sessions?topic={topic}").text

    assert "More sessions match than are counted" in html
    assert len(set(re.findall(r'<a href="/livedash/sessions/([0-9a-f-]{36})(?:\?[^"]*)?">', html))) == 5


def test_the_count_of_a_topic_leaves_out_sessions_of_other_companies(
    page: TestClient, desk: Desk, records: Records
) -> None:
    records.company("Other")
    html = page.get(f"sessions?topic={desk.topic_of(PAYSLIP)}&company=Other").text

    assert '<span id="count">0 sessions</span>' in html


def test_a_year_is_drawn_in_weeks(page: TestClient, desk: Desk) -> None:
    for day in range(1, 200):
        desk.ask(("en", PAYSLIP), started_at=NOW - timedelta(days=day), **ANALYSED)
    desk.group()
    year = f"?from={NOW.date() - timedelta(days=364)}&to={NOW.date()}"
    insights = page.get(f"insights{year}").text
    sparklines = re.findall(r'<svg class="sparkline".*?</svg>', insights, re.DOTALL)

    assert max(drawing.count("M") for drawing in sparklines) in (29, 30)
    html = page.get(f"topics/{desk.topic_of(PAYSLIP)}{year}").text
    assert 'aria-label="Sessions per week: 204 in 365 days"' in html
    assert ": 7</title>" in html


def test_a_pinned_topic_comes_first_and_a_hidden_one_not_at_all(page: TestClient, desk: Desk) -> None:
    payslip, payday = desk.topic_of(PAYSLIP), desk.topic_of("When is payday?")
    with desk.engine.begin() as connection:
        curation.mark(connection, payslip, by="Anna", pinned=True)
        curation.mark(connection, desk.topic_of(HOSTILE), by="Anna", hidden=True)
    html = page.get("insights").text

    assert list(map(int, re.findall(r'data-topic="(\d+)"', html))) == [payslip, payday]
    assert HOSTILE[:9] not in page.get("topics/unanswered.csv").text


@pytest.mark.parametrize(
    ("address", "status_code"),
    [("topics/999999", 404), ("topics/99999999999999999999", 404), ("topics/x", 400), ("topics/0", 404),
     ("topics/1?from=x", 400), ("topics/unanswered.csv?company=Nobody", 404)],
)  # fmt: skip
def test_an_address_that_leads_nowhere_says_so(page: TestClient, desk: Desk, address: str, status_code: int) -> None:
    answer = page.get(address)

    assert answer.status_code == status_code
    assert "Internal error" not in answer.text


def test_a_company_without_topics_has_a_page(page: TestClient, records: Records) -> None:
    Desk(records, "New").ask(("en", PAYSLIP), started_at=NOW, **ANALYSED)
    assert "No questions have been grouped into topics yet" in page.get("insights").text
    assert page.get("topics/unanswered.csv").text.count("\n") == 1
