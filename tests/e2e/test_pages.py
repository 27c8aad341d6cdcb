"""The pages for users with different permissions, in a real browser, against a real Airflow."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import text

from livedash_core.local.sample import COMPANY_NAME, NOT_FOUND_ID
from tests.e2e.conftest import Stack
from tests.e2e.test_page import PATIENCE_MILLISECONDS, log_in, open_pages, visiting
from tests.waiting import wait_until

PAGES = {"": "Pipeline", "failures": "Failures", "sessions": "Sessions", "costs": "Costs", "insights": "Insights"}
HOSTILE = "<img src=x onerror=report('ran')>\"'><script>report('ran')</script>"
#: WCAG 2.2 AA and what comes before it.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def accessible(page: Page) -> None:
    found = Axe().run(page, options=RULES).response["violations"]
    assert not found, json.dumps(
        [{"rule": one["id"], "nodes": [node["html"] for node in one["nodes"]][:3]} for one in found], indent=2
    )


def address_of(stack: Stack, external_id: str) -> str:
    return f"/livedash/sessions/{stack.livedash('session', external_id, '--json')['session']['id']}"


@pytest.fixture(scope="module")
def topic(stack: Stack) -> str:
    """The address of the sample's largest topic, which livedash_topics makes after QUESTION_EXTRACTION."""
    query = text(
        "SELECT topic.id FROM livedash.topic JOIN livedash.company ON company.id = company_id "
        "WHERE company.name = :company AND sessions > 0 ORDER BY sessions DESC LIMIT 1"
    )

    def found() -> int | None:
        with engine.connect() as connection:
            return connection.scalar(query, {"company": COMPANY_NAME})

    with stack.database() as engine:
        return f"topics/{wait_until(found, 'the sample has a topic', PATIENCE_MILLISECONDS / 1000)}"


@pytest.fixture(scope="module")
def hostile_company(stack: Stack) -> None:
    stack.livedash("company", "add", HOSTILE)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("hostile_company")
def test_every_page_is_accessible_and_without_console_errors(
    stack: Stack, browser: Browser, topic: str, theme: str
) -> None:
    with visiting(browser, stack, color_scheme=theme) as visitor:
        page, errors = visitor
        log_in(visitor, stack, "/livedash/")
        page.emulate_media(color_scheme=theme)
        for path, heading in PAGES.items():
            page.goto(f"/livedash/{path}")
            expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
            accessible(page)
            assert page.content().count("&lt;img src=x") >= 1
        page.goto(f"/livedash/{topic}")
        expect(page.get_by_role("heading", name="Wordings")).to_be_visible()
        accessible(page)
        page.goto(address_of(stack, "LV-0003"))
        expect(page.get_by_role("heading", name="Conversation")).to_be_visible()
        accessible(page)
        page.get_by_role("button", name="Run again from here").first.click()
        expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("a model call for")
        accessible(page)
        assert errors == []


def test_a_count_links_to_its_sessions_and_their_airflow_run_and_back_returns(stack: Stack, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page, errors = visitor
        log_in(visitor, stack)
        frame = open_pages(page)

        frame.locator("tr[data-stage=TRANSCRIPT_FETCH] [data-state=failed]").get_by_role("link").click()
        frame.get_by_role("link", name=NOT_FOUND_ID).click()
        expect(frame.get_by_role("heading", name=NOT_FOUND_ID)).to_be_visible()
        expect(frame.locator("[data-stage=TRANSCRIPT_FETCH]")).to_contain_text("does not exist there")
        frame.get_by_role("link", name="run in Airflow").first.click()
        expect(page).to_have_url(re.compile(r"/dags/livedash_transcript_fetch/runs/"))

        page.go_back()
        expect(page.frame_locator("iframe").get_by_role("heading", name=NOT_FOUND_ID)).to_be_visible()
        assert errors == []


def test_a_link_that_is_clicked_while_its_page_loads_opens_in_airflow(stack: Stack, browser: Browser) -> None:
    """When an iframe has loaded, Airflow replaces its address with the iframe's, which would undo the click."""
    run = re.compile(r"/dags/livedash_transcript_fetch/runs/")
    held: list[Route] = []
    with visiting(browser, stack) as visitor:
        page, errors = visitor

        def requested() -> list[Route]:
            page.title()  # Playwright calls a route's handler only during another call.
            return held

        log_in(visitor, stack)
        page.goto("/plugin/livedash/livedash/sessions?stage=TRANSCRIPT_FETCH&state=failed")
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("link", name=NOT_FOUND_ID)).to_be_visible()
        page.route("**/static/actions.js", lambda route: held.append(route))
        frame.get_by_role("link", name=NOT_FOUND_ID).click()
        frame.get_by_role("link", name="run in Airflow").first.click()
        (script,) = wait_until(requested, "the page requests its last script", PATIENCE_MILLISECONDS / 1000)
        assert not run.search(page.evaluate("location.href"))

        script.continue_()
        expect(page).to_have_url(run)
        assert errors == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit_phone_and_desktop_widths(stack: Stack, browser: Browser, topic: str, width: int) -> None:
    with visiting(browser, stack, viewport={"width": width, "height": 800}) as visitor:
        page = visitor.page
        log_in(visitor, stack, "/livedash/")
        for path in (*(f"/livedash/{path}" for path in (*PAGES, topic)), address_of(stack, NOT_FOUND_ID)):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.get_by_role("button", name="Run again from here").first.click()
        expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("a model call for")
        assert page.get_by_role("dialog").evaluate("dialog => dialog.scrollWidth") <= width


def press_and_start(page: Page, name: str | re.Pattern[str]) -> None:
    """By keyboard, as far as a keyboard is needed."""
    page.get_by_role("button", name=name).first.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    if name == "Run again from here":
        expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("a model call for")
    page.get_by_role("dialog").get_by_role("button", name="Start").press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_user_retries_a_group_and_backfills_days_and_airflow_records_the_user(
    roles: Stack, stack: Stack, browser: Browser
) -> None:
    with visiting(browser, roles) as visitor, stack.api() as api:
        page, errors = visitor
        log_in(visitor, replace(roles, username="una"), "/livedash/failures?stage=TRANSCRIPT_FETCH")

        # A permanent failure: a retry is offered once its cause is corrected.
        page.locator("summary", has_text="The cause is corrected").first.click()
        press_and_start(page, re.compile("Retry group"))
        expect(page.locator("#said")).to_contain_text(re.compile(r"The run is (queued|started|done)"))
        link = page.get_by_role("link", name="See it in Airflow").get_attribute("href")
        assert link is not None
        run = api.get(f"/api/v2{link.replace('/runs/', '/dagRuns/')}").json()
        assert (run["triggering_user_name"], run["run_type"]) == ("una", "manual")
        assert run["conf"]["retry_failed"] is True
        assert len(run["conf"]["session_ids"]) == 1

        page.goto("/livedash/")
        page.get_by_role("button", name="Backfill days").nth(1).click()
        for label in ("From", "To"):
            page.get_by_role("dialog").get_by_label(label).fill("2026-03-02")
        page.get_by_role("dialog").get_by_role("button", name="Start").click()
        expect(page.locator("#said")).to_contain_text(re.compile("The backfill is (started|done)"))
        expect(page.locator("#said")).to_contain_text(
            re.compile(r"The backfill is done: 1 day, (\d+ (completed|failed)|no session moved on)"), timeout=180_000
        )

        page.goto(address_of(stack, "LV-0003"))
        press_and_start(page, "Run again from here")
        expect(page.locator("#said")).to_contain_text(re.compile(r"The run is done: \d+ completed"))
        assert errors == []


def test_a_paused_dag_is_named_and_unpaused_on_the_page(stack: Stack, browser: Browser) -> None:
    with visiting(browser, stack) as visitor, stack.api() as api:
        page, errors = visitor
        dag = "/api/v2/dags/livedash_transcript_fetch"
        api.patch(dag, json={"is_paused": True}).raise_for_status()
        log_in(visitor, stack, "/livedash/")
        notice = page.locator("#paused")
        expect(notice).to_contain_text("is paused in Airflow: its sessions wait.")
        accessible(page)

        page.get_by_role("button", name="Run now").nth(1).press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Start").press("Enter")
        expect(page.locator("#said")).to_contain_text("The run waits: its DAG is paused in Airflow.")
        notice.get_by_role("button", name="Unpause").click()
        expect(notice).to_be_hidden()
        assert api.get(dag).json()["is_paused"] is False
        assert errors == []


def test_a_viewer_reads_every_page_and_can_start_no_run(roles: Stack, browser: Browser, topic: str) -> None:
    with visiting(browser, roles) as visitor:
        page = visitor.page
        log_in(visitor, replace(roles, username="vera"), "/livedash/")
        for path in (*PAGES, topic):
            page.goto(f"/livedash/{path}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator("button.action")).to_have_count(0)

        # Airflow refuses the run of a forged button.
        page.goto("/livedash/")
        page.evaluate(MAKE_A_BUTTON)
        press_and_start(page, "forged")
        expect(page.locator("#said")).to_contain_text("Airflow refused")


MAKE_A_BUTTON = """() => {
    const button = document.createElement('button');
    button.className = 'action';
    Object.assign(button.dataset, { kind: 'run', dag: 'livedash_csv_import', conf: '{}', question: 'Really?' });
    button.textContent = 'forged';
    document.querySelector('main').append(button);
}"""


def test_exports_require_a_login(stack: Stack, browser: Browser, topic: str) -> None:
    with visiting(browser, stack) as visitor:
        for path in (*PAGES, topic, "topics/unanswered.csv", "sessions/export.csv", "failures/sessions"):
            answer: Any = visitor.page.request.get(f"/livedash/{path}", headers={"Accept": "*/*"})
            assert answer.status == 401, path
