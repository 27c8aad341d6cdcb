"""The pages other than Pipeline: their content and links, and that hostile text is escaped and cut off."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from markupsafe import escape
from sqlalchemy import Connection, Engine, insert, select
from starlette.testclient import TestClient

from livedash_core.costs.ledger import PlannedCall
from livedash_core.costs.ledger_store import open_calls
from livedash_core.costs.prices import load_prices, set_price
from livedash_core.full_text import index_summaries
from livedash_core.insights import counted_questions, counted_sessions
from livedash_core.models import (
    AiProcessingRequest,
    ImportRejection,
    Message,
    Question,
    Session,
    SessionImport,
    SessionQuestion,
)
from livedash_core.operations.erasure import erase_session
from livedash_core.parsing.spreadsheet import escape_formula
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests.integration.records import NOON, Records
from tests.integration.web.conftest import Analyse, Visit, make_app, may_run_none

FETCH, ANALYSIS = BUILT_IN.names[1], BUILT_IN.names[3]
#: A fixed id: parallel test processes must collect the same names.
UNKNOWN_ID = UUID(int=7)
PAGES = ("", "failures", "sessions", "costs", "insights")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)",
    "{{ 7 * 7 }}",
    "=HYPERLINK(1)",
    "left \u202eright\u200b",
    "z" * 1_000_000,
    '"' * 1_000_000,
)


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile_session(request: pytest.FixtureRequest, records: Records, engine: Engine) -> tuple[UUID, str]:
    """A session whose foreign texts are all hostile; it has a failed stage and an analysis."""
    text = request.param
    company_id = records.company(text[:5000])
    session_id = uuid4()
    with engine.begin() as connection, counted_sessions(connection, [session_id]):
        raw = {"start_time": text, "full_transcript_url": f"javascript:{text}", "initial_message": text}
        external = {"external_session_id": text[:2000], "country_code": text}
        connection.execute(
            insert(SessionImport).values(id=session_id, company_id=company_id, started_at=NOON, **external, **raw)
        )
        connection.execute(
            insert(Session).values(
                id=session_id, company_id=company_id, started_at=NOON, ended_at=NOON, country=text, analyzer="openai",
                language=text[:500], sentiment="NEUTRAL", category="ONBOARDING", escalated=True, forwarded_hr=True,
                model=text[:500], prompt_version=text[:100], summary=text, analyzed_at=NOON,
            )
        )  # fmt: skip
        messages = [{"session_id": session_id, "position": n, "role": "User", "content": text} for n in range(1, 50)]
        connection.execute(insert(Message).values(sent_at=NOON), messages)
        question = insert(Question).values(company_id=company_id, content=text, normal_form=text[:500], language="en")
        question_id = connection.scalar(question.returning(Question.id))
        with counted_questions(connection, [session_id]):
            row = {"session_id": session_id, "position": 1, "question_id": question_id, "raw_text": text}
            connection.execute(insert(SessionQuestion).values(row))
        connection.execute(
            insert(AiProcessingRequest).values(
                session_id=session_id, company_id=company_id, prompt_version="1", model_requested=text[:500],
                outcome="rejected", error_message=text,
            )
        )  # fmt: skip
        manager = ProcessingStatusManager(connection, max_attempts=1)
        manager.initialize_sessions({session_id: company_id}, completed_stages=1)
        claim = manager.claim(FETCH, 1, dag_run=f"dag/{text[:300]}")
        manager.fail(FETCH, claim.token, [Failure(session_id, "permanent", text)])
    return session_id, text


def test_hostile_text_is_escaped_and_a_page_stays_small(page: TestClient, hostile_session: tuple[UUID, str]) -> None:
    session_id, text = hostile_session
    for address in (*PAGES, f"sessions/{session_id}", f"sessions?stage={FETCH}&state=failed"):
        answer = page.get(address)
        assert answer.status_code == 200, address
        assert len(answer.content) < 100_000, address
        assert escape(text[:20]) in answer.text or address == "costs", address
        for markup in ("<script>alert", "<img", "onfocus='", 'href="javascript:'):
            assert markup not in answer.text, address


def test_a_long_conversation_is_split_into_pages(page: TestClient, records: Records, engine: Engine) -> None:
    company_id = records.company("Acme")
    (session_id,) = records.sessions(company_id, 1)
    with engine.begin() as connection:
        row = {"id": session_id, "company_id": company_id, "started_at": NOON, "ended_at": NOON}
        connection.execute(insert(Session).values(row))
        messages = [{"session_id": session_id, "position": n, "content": f"message {n}."} for n in range(1, 91)]
        connection.execute(insert(Message).values(role="User", sent_at=NOON), messages)

    seen: list[str] = []
    address: str | None = f"sessions/{session_id}"
    while address:
        html = page.get(address).text
        seen += re.findall(r'class="bubble">(message \d+)\.', html)
        found = re.search(rf'href="/livedash/(sessions/{session_id}\?after=\d+)#[^"]*">Next', html)
        address = found[1] if found else None

    assert seen == [f"message {number}" for number in range(1, 91)]


def failed(
    records: Records,
    company_id: UUID,
    number: int,
    message: str = "LV-{} is gone",
    *,
    stage: str = FETCH,
    kind: str = "permanent",
) -> list[UUID]:
    ids = records.sessions(company_id, number, completed_stages=BUILT_IN.names.index(stage))
    with records.engine.begin() as connection:
        manager = ProcessingStatusManager(connection, max_attempts=1)
        claim = manager.claim(stage, number, Scope(session_ids=tuple(ids)), dag_run="livedash_transcript_fetch/run 1")
        failures = [Failure(key, kind, message.format(position)) for position, key in enumerate(ids)]
        manager.fail(stage, claim.token, failures)
    return ids


def test_failures_are_grouped_with_companies_times_and_examples(page: TestClient, records: Records) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    ids = failed(records, acme, 5) + failed(records, umbrella, 1)
    failed(records, acme, 2, "another reason")

    html = page.get("failures").text

    first, second = re.findall(r'<tr role="row" data-group>.*?</tr>', html, re.DOTALL)
    assert re.search(r">6<[^>]*> sessions", first)
    assert "&lt;id&gt; is gone" in first
    assert "Acme, Umbrella" in first
    assert re.search(r'<p class="reason whole">LV-\d is gone</p>', first)
    assert "days (UTC): 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6" in first
    assert len(set(re.findall(r"/livedash/sessions/([0-9a-f-]{36})", first)) & set(map(str, ids))) == 3
    assert "Retry group (6)" in first
    assert "another reason" in second
    assert "Retry failed (8)" in html
    only = page.get("failures", params={"company": "Umbrella"}).text
    assert "> session<" in only
    assert "another reason" not in only


def in_order(page: TestClient, **query: str) -> list[str]:
    html = page.get("failures", params=query).text
    return re.findall(r'data-group>.*?<p class="reason">([^<]*)</p>', html, re.DOTALL)


def test_failures_are_sorted_by_each_column_and_what_must_be_corrected_comes_first(
    page: TestClient, records: Records
) -> None:
    acme = records.company("Acme")
    failed(records, acme, 3, "busy", kind="transient")
    failed(records, acme, 1, "bad row")
    failed(records, records.company("Umbrella"), 2, "absent")

    assert in_order(page) == in_order(page, order="fix") == ["absent", "bad row", "busy"]
    assert in_order(page, order="sessions") == ["busy", "absent", "bad row"]
    assert in_order(page, order="-sessions") == ["bad row", "absent", "busy"]
    assert in_order(page, order="first") == ["busy", "bad row", "absent"]
    assert in_order(page, order="last") == ["absent", "bad row", "busy"]
    assert in_order(page, order="reason") == ["absent", "bad row", "busy"]
    assert len(in_order(page, order="companies", stage=FETCH)) == 3
    html = page.get("failures", params={"order": "sessions", "company": "Acme"}).text
    assert 'aria-sort="ascending"><a href="/livedash/failures?company=Acme&amp;order=-sessions"' in html
    assert page.get("failures", params={"order": "x"}).status_code == 400


def test_failures_are_filtered_by_the_start_of_their_sessions(
    page: TestClient, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = records.company("Acme")
    failed(records, acme, 2, "gone")
    days = {"from": "2026-03-02", "to": "2026-03-02"}

    assert in_order(page, **days) == ["gone"]
    assert in_order(page, **{"from": "2026-03-03"}) == []
    html = page.get("failures", params=days).text
    assert "failures/sessions?from=2026-03-02&amp;to=2026-03-02&amp;stage=" in html
    monkeypatch.setattr("livedash_core.status.failure_groups.MAX_WINDOW_SESSIONS", 1)
    assert "the failures are of all days" in page.get("failures", params=days).text


def test_a_retry_is_offered_where_it_can_help_and_no_failure_is_without_advice(
    page: TestClient, records: Records, engine: Engine
) -> None:
    def only() -> str:
        return page.get("failures").text

    acme = records.company("Acme")
    (session,) = failed(records, acme, 1, "busy", kind="transient")
    assert re.search(r'<div class="buttons">\s*<button[^>]*>Retry group', only())

    records_manager = Scope(session_ids=(session,))
    with engine.begin() as connection:
        ProcessingStatusManager(connection).reset_failed(records_manager)
        manager = ProcessingStatusManager(connection)
        manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), "gone")
    html = only()
    assert "Retrying alone cannot help" in html
    assert re.search(r"<summary>The cause is corrected</summary><button[^>]*>Retry group", html)
    assert not re.search(r'<div class="buttons">\s*<button[^>]*>Retry group', html)

    erase_session(engine, session, BUILT_IN)
    html = only()
    assert "Retrying cannot help: what these sessions contained is erased" in html
    assert "Retry group" not in html


def test_a_group_returns_as_many_sessions_as_a_run_accepts(
    page: TestClient, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = failed(records, records.company("Acme"), 3)
    failed(records, records.company("Gone", status="SUSPENDED"), 2)
    group = {"stage": FETCH, "kind": "permanent", "group": "<id> is gone"}

    answer = page.get("failures/sessions", params=group).json()
    assert (set(answer["session_ids"]), answer["more"]) == (set(map(str, ids)), False)

    monkeypatch.setattr("livedash_core.web.failures.MAX_RUN_SESSIONS", 2)
    answer = page.get("failures/sessions", params=group).json()
    assert (len(answer["session_ids"]), answer["more"]) == (2, True)


def test_a_confirmation_shows_the_cost_forecast(
    page: TestClient, records: Records, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = records.company("Acme")
    failed(records, records.company("Gone", status="SUSPENDED"), 1, stage=ANALYSIS)
    ids = failed(records, acme, 2, stage=ANALYSIS)
    (other,) = failed(records, acme, 1, "another reason", stage=ANALYSIS)
    with engine.begin() as connection:
        set_price(connection, "small", valid_from=NOON, input_=Decimal(1), output=Decimal(1))
        calls = [PlannedCall(session_id, acme, "small", "1", 900, 100) for session_id in ids]
        open_calls(connection, calls, load_prices(connection))

    def forecast(**query: str) -> str:
        return str(page.get("forecast", params=query).json()["sentence"])

    same_words = "an unchanged session needs no call"
    each = "a model call for each of"
    assert forecast(session=str(ids[0])) == f"a model call for this session costs $0.0010 at most; {same_words}"
    assert forecast() == f"{each} 3 sessions costs $0.0020 at most, without 1 whose cost is not known; {same_words}"
    assert forecast(kind="permanent", group="<id> is gone") == f"{each} 2 sessions costs $0.0020 at most; {same_words}"
    assert forecast(session=str(other)).endswith("is not known: no call with a price was made so far")
    assert forecast(company="Gone") == forecast(**{"from": "2030-01-01"}) == "there is no session to analyse"
    monkeypatch.setattr("livedash_core.web.forecast.MAX_RUN_SESSIONS", 2)
    assert "each of the newest 2 sessions" in forecast()

    # By buttons that may have a model asked again, and by no others.
    asking = [re.findall(r"data-forecast=", page.get(address).text) for address in ("", "failures")]
    assert [len(found) for found in asking] == [2, 3]
    html = page.get(f"sessions/{other}").text
    of_session = re.findall(r'data-dag="(\w+)" [^>]*data-forecast="session=([0-9a-f-]+)"', html)
    assert of_session == [(f"livedash_{stage.lower()}", str(other)) for stage in BUILT_IN.names[:4]]


@pytest.mark.parametrize("address", [*PAGES, "session"])
def test_a_user_who_may_not_run_dags_sees_no_buttons(
    visit: Visit, engine: Engine, records: Records, address: str
) -> None:
    (session_id, *_) = failed(records, records.company("Acme"), 2)
    address = address.replace("session", f"sessions/{session_id}") if address == "session" else address

    allowed = visit(make_app(lambda: engine)).get(address).text
    refused = visit(make_app(lambda: engine, may_run=may_run_none)).get(address).text

    assert ("data-dag=" in allowed) is (address in ("", "failures") or "/" in address)
    assert "data-dag=" not in refused


def test_a_session_shows_each_attempt_with_its_run_and_buttons_to_run_stages_again(
    page: TestClient, records: Records
) -> None:
    (session_id,) = failed(records, records.company("Acme"), 1)

    html = page.get(f"sessions/{session_id}").text

    states = dict(re.findall(r'<li class="([\w-]+)" data-stage="(\w+)"', html))
    assert states["failed"] == FETCH
    assert "LV-0 is gone" in html
    assert 'href="/dags/livedash_transcript_fetch/runs/run%201"' in html
    again = re.findall(r'data-dag="(\w+)"[^>]*data-conf="([^"]*)"', html)
    assert [dag for dag, _ in again] == ["livedash_csv_import", *["livedash_transcript_fetch"] * 2]
    assert all(str(session_id) in conf for _, conf in again)
    assert ["rerun" in conf for _, conf in again] == [True, True, False]


def test_a_failed_session_can_be_skipped_for_good_and_then_says_why_and_by_whom(
    page: TestClient, records: Records
) -> None:
    (session_id, _) = failed(records, records.company("Acme"), 2)
    asks_reason = re.compile(
        r'<button[^>]* data-reason[^>]* data-dag="livedash_transcript_fetch"|data-reason data-conf'
    )
    assert len(asks_reason.findall(page.get(f"sessions/{session_id}").text)) == 1
    assert "Skip for good</button>" in page.get("failures").text

    with records.engine.begin() as connection:
        ProcessingStatusManager(connection).skip_failed(Scope(session_ids=(session_id,)), "<b>gone</b>", "Ann & Bob")

    html = page.get(f"sessions/{session_id}").text
    assert re.search(r"Skipped for good <time[^>]*>[^<]*</time>, after [^<]*, by Ann &amp; Bob", html)
    assert '<p class="skip-reason">&lt;b&gt;gone&lt;/b&gt;</p>' in html
    assert "LV-0 is gone" in html
    assert not asks_reason.search(html)
    assert "Retry group (1)" in page.get("failures").text


def test_attempts_are_numbered_on_after_a_retry_by_hand(page: TestClient, records: Records) -> None:
    (session_id,) = failed(records, records.company("Acme"), 1)
    for _ in range(2):
        with records.engine.begin() as connection:
            manager = ProcessingStatusManager(connection)
            manager.reset_failed(Scope(session_ids=(session_id,)))
            claim = manager.claim(FETCH, 1, Scope(session_ids=(session_id,)))
            manager.fail(FETCH, claim.token, [Failure(session_id, "permanent", "gone again")])

    html = page.get(f"sessions/{session_id}").text

    assert [int(number) for number in re.findall(r"Attempt (\d+),", html)] == [1, 2, 3]


def test_an_erased_session_is_one_line(page: TestClient, records: Records, engine: Engine) -> None:
    (session_id,) = failed(records, records.company("Acme"), 1)
    erase_session(engine, session_id, BUILT_IN)

    html = page.get(f"sessions/{session_id}").text

    assert "Erased on" in html
    for absent in ("None", "data-dag=", "Conversation", "Attempt", "Questions"):
        assert absent not in html, absent


def test_a_search_by_id_redirects_to_the_session(page: TestClient, records: Records) -> None:
    session_id, _ = records.sessions(records.company("Acme"), 2)

    answer = page.get("sessions", params={"id": f"ext-{session_id}"})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/livedash/sessions/{session_id}")
    assert "No session has this id" in page.get("sessions", params={"id": "nobody"}).text


def test_pages_of_the_list_link_to_each_other(page: TestClient, records: Records) -> None:
    ids = records.sessions(records.company("Acme"), 120)
    seen: list[str] = []
    address: str | None = "sessions"
    while address:
        html = page.get(address).text
        seen += re.findall(r'<a href="/livedash/sessions/([0-9a-f-]{36})(?:\?[^"]*)?">', html)
        found = re.search(r'rel="next" href="/livedash/([^"]+)"', html)
        address = found[1].replace("&amp;", "&") if found else None

    assert sorted(seen) == sorted(map(str, ids))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1"])
def test_a_cell_of_the_export_is_never_a_formula(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


def test_the_export_is_the_list_with_the_statuses_of_each_session(page: TestClient, records: Records) -> None:
    company_id = records.company("=Acme()")
    ids = failed(records, company_id, 3) + records.sessions(company_id, 2, completed_stages=5)

    answer = page.get("sessions/export.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert {row["id"] for row in rows} == set(map(str, ids))
    assert {row["company"] for row in rows} == {"'=Acme()"}
    assert sorted(row[FETCH] for row in rows) == ["COMPLETED"] * 2 + ["FAILED"] * 3
    assert len(list(csv.reader(io.StringIO(page.get(f"sessions/export.csv?stage={FETCH}&state=failed").text)))) == 4


def test_each_number_of_the_insights_links_to_as_many_sessions(
    page: TestClient, records: Records, analyse: Analyse
) -> None:
    acme = records.company("Acme")
    ended = {"outcome": "UNRESOLVED", "missing": "NO_ANSWER", "ended_at": NOON + timedelta(minutes=3)}
    analyse(acme, 3, sentiment="NEGATIVE", category="ONBOARDING", language="nl", escalated=True, **ended)
    analyse(acme, 2, sentiment="POSITIVE", category="ONBOARDING", language="de", forwarded_hr=True)
    before = NOON - timedelta(days=35)  # the same weekday of the period before
    analyse(acme, 5, sentiment="POSITIVE", category="ONBOARDING", language="de", started_at=before)

    html = page.get("insights").text

    assert [re.search(f'<h2 id="{name}">', html) is not None for name in ("going", "asked", "fix")] == [True] * 3
    for address in (
        "hour=1-12", "outcome=UNRESOLVED", "outcome=NONE", "missing=NO_ANSWER", "category=ONBOARDING&amp;outcome=UNRE"
    ):  # fmt: skip
        assert address in html, address
    assert "2 of these not yet for their outcome" in re.sub(r"<[^>]+>", "", html)
    links = re.findall(r'<a href="/livedash/(sessions\?[^"]+)"[^>]*>(\d+)</a>', html)
    assert sorted(int(number) for _, number in links if number != "0")[-1] == 5
    for address, number in links:
        listed = re.findall(
            r'<a href="/livedash/sessions/[0-9a-f-]{36}(?:\?[^"]*)?">', page.get(address.replace("&amp;", "&")).text
        )
        assert len(listed) == int(number), address
    shares = dict(re.findall(r'data-share="(\w+)".*?<span class="muted">([^<]+)</span>', html, re.DOTALL))
    assert shares["NEGATIVE"] == "60%, +60 points"
    assert shares["POSITIVE"] == "40%, -60 points"
    assert shares["ONBOARDING"] == "100%, ±0 points"
    # The sessions of the period before were not analysed for their outcome.
    assert shares["UNRESOLVED"] == "60%, not comparable"
    assert shares["NONE"] == "40%, not comparable"


def test_the_insights_compare_companies_in_the_same_days_and_offer_periods(
    page: TestClient, records: Records, analyse: Analyse
) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella", timezone="Europe/Amsterdam")
    analyse(acme, 3, sentiment="NEUTRAL", outcome="RESOLVED")
    analyse(umbrella, 1, sentiment="NEGATIVE", outcome="HANDED_OVER")

    html = page.get("insights").text
    table = re.search(r'<table class="list" role="table" aria-labelledby="compared-title">.*?</table>', html, re.DOTALL)
    assert table is not None
    rows = re.findall(r'<th role="rowheader" scope="row"><a [^>]+>(\w+)</a>', table[0])
    assert rows == ["Acme", "Umbrella"]
    assert ["100%" in row for row in table[0].split("</tr>")[1:3]] == [True, True]
    for preset in ("7", "90", "month"):
        assert page.get(f"insights?preset={preset}").status_code == 200
        assert f'preset={preset}"' in html
    assert "2026-03-01 to 2026-03-02" in page.get("insights?preset=month").text
    assert 'aria-current="true"' in page.get("insights?preset=7").text
    assert 'aria-current="true"' not in page.get("insights?from=2026-03-02").text
    # Noon in UTC is an hour later in Amsterdam.
    assert "hour=1-13" in page.get("insights?company=Umbrella").text


def test_sessions_are_searched_counted_and_paged_both_ways(
    page: TestClient, records: Records, analyse: Analyse, engine: Engine
) -> None:
    acme = records.company("Acme")
    ids = analyse(acme, 90, language="nl", summary="Asked about <i>holidays</i>.", outcome="RESOLVED")
    analyse(acme, 3, language="de", summary="Asked about the canteen.", outcome="RESOLVED")
    with engine.begin() as connection:
        index_summaries(connection, list(connection.scalars(select(Session.id))))

    def shown(address: str) -> tuple[list[str], str]:
        html = page.get(address).text
        return re.findall(r'<a href="/livedash/sessions/([0-9a-f-]{36})(?:\?[^"]*)?">', html), html

    address = "sessions?q=holiday&company=Acme&outcome=RESOLVED"
    first, html = shown(address)
    assert "90 sessions</span>, most recently started first" in html
    assert "Previous page" not in html
    newest = [str(session_id) for session_id in sorted(ids, reverse=True)]
    assert first == newest[:40]
    following = re.search(r'rel="next" href="/livedash/([^"]+)"', html)
    assert following is not None
    second, html = shown(following[1].replace("&amp;", "&"))
    assert second == newest[40:80]
    previous = re.search(r'rel="prev" href="/livedash/([^"]+)"', html)
    assert previous is not None
    assert shown(previous[1].replace("&amp;", "&"))[0] == first
    assert shown(address + "&sort=oldest")[0] == newest[::-1][:40]
    assert shown("sessions?q=holiday&language=de")[0] == []
    assert len(shown("sessions?q=asked+-holiday")[0]) == 3
    exported = list(csv.reader(io.StringIO(page.get("sessions/export.csv?q=canteen").text)))
    assert len(exported) == 4
    for words in ("-holiday", "%21%21%21"):
        assert page.get(f"sessions?q={words}").status_code == 400
    for words in ("%00holiday", "%27%22%3C%2F", "x" * 200):
        assert page.get(f"sessions?q={words}").status_code in (200, 400)
    assert page.get("sessions?q=" + "x" * 201).status_code == 400


def test_a_session_shows_its_outcome_its_duration_and_its_response_time(
    page: TestClient, records: Records, analyse: Analyse
) -> None:
    acme = records.company("Acme")
    (old,) = analyse(acme, 1, sentiment="NEUTRAL", category="ONBOARDING")
    columns = {"outcome": "UNRESOLVED", "missing": "WRONG_ANSWER", "outcome_reason": "It was <b>wrong</b>."}
    (new,) = analyse(
        acme, 1, sentiment="NEUTRAL", category="ONBOARDING", ended_at=NOON + timedelta(minutes=5),
        avg_response_time_seconds=7, **columns,
    )  # fmt: skip

    assert "not yet analysed for its outcome" in page.get(f"sessions/{old}").text
    html = page.get(f"sessions/{new}").text
    assert "missing: wrong answer" in html
    assert "It was &lt;b&gt;wrong&lt;/b&gt;." in html
    assert "<dt>Duration</dt><dd>5 min</dd>" in html
    assert "<dt>Response time</dt><dd>7.0 s on average</dd>" in html
    (row,) = csv.DictReader(io.StringIO(page.get("sessions/export.csv?outcome=UNRESOLVED").text))
    assert [row[name] for name in columns] == list(columns.values())


@pytest.mark.parametrize("address", PAGES)
def test_an_empty_page_shows_what_to_do_next(page: TestClient, records: Records, address: str) -> None:
    for _ in ("no company", "no session"):
        html = page.get(address).text
        assert 'class="panel empty"' in html
        records.company(f"Acme {uuid4()}")


@pytest.mark.parametrize(
    ("address", "status_code"),
    [
        ("sessions?from=yesterday", 400),
        ("sessions?from=2026-03-02&to=2026-03-01", 400),
        ("insights?to=9999-12-31", 400),
        ("sessions?stage=NOTHING", 400),
        ("sessions?outcome=GOOD", 400),
        ("sessions?missing=GOOD", 400),
        ("sessions?hour=8-1", 400),
        ("sessions?hour=1-24", 400),
        ("insights?preset=8", 400),
        ("sessions?question=x", 400),
        ("sessions?after=x", 400),
        ("sessions/not-an-id", 400),
        (f"sessions/{UNKNOWN_ID}", 404),
        ("costs?company=Nobody", 404),
        ("failures/sessions", 400),
    ],
)
def test_an_invalid_address_is_answered_with_a_sentence(
    page: TestClient, records: Records, address: str, status_code: int
) -> None:
    records.company("Acme")
    answer = page.get(address)

    assert answer.status_code == status_code
    assert 'class="sentence"' in answer.text


def test_every_page_links_to_the_others_and_marks_itself(page: TestClient, connection: Connection) -> None:
    for address in PAGES:
        html = page.get(address).text
        links = re.findall(r'<a href="/livedash/(\w*)"(?: aria-current="(\w+)")?>', html)[:5]
        assert [link for link, _ in links] == list(PAGES)
        assert [link for link, current in links if current == "page"] == [address]


def test_company_and_days_are_kept_from_page_to_page(page: TestClient, records: Records) -> None:
    records.sessions(records.company("Acme"), 1)
    chosen = {"company": "Acme", "from": "2026-03-01", "to": "2026-03-03"}

    for address in PAGES:
        html = page.get(address, params=chosen).text
        links = re.findall(r'<a href="/livedash/(\w*)\?([^"]*)"', html)[:5]
        assert links == [(other, "company=Acme&amp;from=2026-03-01&amp;to=2026-03-03") for other in PAGES], address
    form = page.get("failures", params=chosen).text
    assert '<input name="from" value="2026-03-01" class="day"' in form
    assert '<input name="to" value="2026-03-03" class="day"' in form


def test_rejected_lines_are_on_the_failures_page_escaped_and_exported_without_formulas(
    page: TestClient, records: Records, engine: Engine
) -> None:
    company_id = records.company("Acme")
    with engine.begin() as connection:
        connection.execute(
            insert(ImportRejection),
            [
                {"company_id": company_id, "line_number": 7, "raw_text": text, "digest": text, "reason": "2 columns"}
                for text in ("<script>alert(1)</script>", "=HYPERLINK(1)")
            ],
        )
    html = page.get("failures").text
    assert "Acme: 2 lines of its CSV were not taken" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    exported = list(csv.DictReader(io.StringIO(page.get("failures/rejections.csv").text)))
    assert sorted(row["raw_text"] for row in exported) == ["'=HYPERLINK(1)", "<script>alert(1)</script>"]

    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM livedash.import_rejection")
    assert "Rejected CSV lines" not in page.get("failures").text
