"""The Pipeline page in a real browser, through Airflow's login and navigation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

from livedash_core.local.sample import COMPANY_NAME, SESSIONS

STATES = ("completed", "skipped", "in-progress", "ready", "waiting", "failed")
#: Five of the sample's sessions go wrong on purpose, each at its place.
SAMPLE = {
    "CSV_IMPORT": (108, 0, 0, 0, 0, 1),
    "TRANSCRIPT_FETCH": (105, 2, 0, 0, 1, 1),
    "SESSION_CREATION": (105, 2, 0, 0, 2, 0),
    "AI_ANALYSIS": (104, 3, 0, 0, 2, 0),
    "QUESTION_EXTRACTION": (104, 3, 0, 0, 2, 0),
}
#: The pipeline may still be at work when the page is opened; the page follows it.
PATIENCE_MILLISECONDS = 180_000
REPORT_VIOLATIONS = "addEventListener('securitypolicyviolation', e => report(e.violatedDirective + ' ' + e.blockedURI))"


class Visitor(NamedTuple):
    """A browser tab and its console errors, page errors and policy violations."""

    page: Page
    errors: list[str]


@contextmanager
def visiting(browser: Browser, stack: Any, **options: Any) -> Iterator[Visitor]:
    context: BrowserContext = browser.new_context(base_url=stack.url, **options)
    errors: list[str] = []
    context.expose_function("report", lambda violation: errors.append(violation))
    context.add_init_script(REPORT_VIOLATIONS)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
    try:
        yield Visitor(context.new_page(), errors)
    finally:
        context.close()


def log_in(visitor: Visitor, stack: Any, address: str = "/") -> None:
    page = visitor.page
    page.goto(address)
    page.locator("input[name=username]").fill(stack.username)
    page.locator("input[name=password]").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/auth/" not in url)
    visitor.errors.clear()  # Airflow's own, about not being logged in


def open_pages(page: Page) -> FrameLocator:
    page.get_by_role("link", name="LiveDash", exact=True).click()  # not the DAGs and Assets listed beside it
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Pipeline")).to_be_visible()
    return frame


def expect_the_sample(frame: FrameLocator | Page) -> None:
    for stage, counts in SAMPLE.items():
        row = frame.locator(f"tr[data-stage={stage}]")
        for state, count in zip(STATES, counts, strict=True):
            expect(row.locator(f"[data-state={state}]")).to_have_text(str(count), timeout=PATIENCE_MILLISECONDS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_nav_item_opens_the_five_stages_in_airflows_theme_without_console_errors(
    stack: Any, browser: Browser, theme: str
) -> None:
    with visiting(browser, stack, color_scheme=theme) as visitor:
        page, errors = visitor
        log_in(visitor, stack)
        frame = open_pages(page)

        expect_the_sample(frame)
        expect(frame.locator("#totals")).to_contain_text(str(SESSIONS))
        expect(frame.locator("#analyses")).to_contain_text("104 analysed by offline rules")
        expect(frame.locator("html")).to_have_attribute("data-theme", theme)
        assert errors == []


def test_the_page_follows_a_change_of_airflows_theme(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack, color_scheme="light") as visitor:
        page, errors = visitor
        log_in(visitor, stack)
        frame = open_pages(page)
        background = "getComputedStyle(document.body).backgroundColor"
        light = frame.locator("body").evaluate(background)

        page.evaluate("document.documentElement.className = 'dark'")

        expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
        assert frame.locator("body").evaluate(background) != light
        assert errors == []


def test_a_stage_opens_its_dag_inside_airflow_and_back_returns(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page, errors = visitor
        log_in(visitor, stack)
        frame = open_pages(page)

        frame.get_by_role("link", name="AI analysis").click()
        expect(page).to_have_url(f"{stack.url}/dags/livedash_ai_analysis")
        expect(page.get_by_role("tab", name="Runs").or_(page.get_by_role("link", name="Runs")).first).to_be_visible()

        page.go_back()
        expect(page).to_have_url(re.compile("/plugin/livedash"))
        expect(page.frame_locator("iframe").get_by_role("heading", name="Pipeline")).to_be_visible()
        assert errors == []


def test_the_company_filter_works_by_keyboard_and_survives_a_reload(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page, errors = visitor
        log_in(visitor, stack)
        frame = open_pages(page)

        frame.get_by_label("Company").select_option(COMPANY_NAME)
        frame.get_by_label("Company").press("Tab")
        expect(frame.locator("form.filters").get_by_label("From")).to_be_focused()
        frame.get_by_role("button", name="Show").press("Enter")

        expect(page).to_have_url(re.compile(re.escape(f"?company={quote_plus(COMPANY_NAME)}")))
        page.reload()
        expect(frame.get_by_label("Company")).to_have_value(COMPANY_NAME)
        expect_the_sample(frame)
        assert errors == []


def test_counts_refresh_by_themselves_and_keep_the_focus(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page, errors = visitor
        log_in(visitor, stack, "/livedash/")
        expect_the_sample(page)
        link = page.get_by_role("link", name="AI analysis")
        link.focus()

        page.locator("tr[data-stage=CSV_IMPORT] [data-state=completed]").evaluate("cell => cell.textContent = 'old'")

        expect_the_sample(page)
        expect(link).to_be_focused()
        assert errors == []


def test_the_page_says_that_its_numbers_are_old_while_the_server_is_unreachable(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page, _ = visitor
        log_in(visitor, stack, "/livedash/")
        expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()

        page.context.set_offline(True)
        expect(page.get_by_role("status")).to_contain_text("These numbers are out of date", timeout=15_000)

        page.context.set_offline(False)
        expect(page.get_by_role("status")).to_be_hidden(timeout=15_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pipeline_page_fits_phone_and_desktop_widths(stack: Any, browser: Browser, width: int) -> None:
    with visiting(browser, stack, viewport={"width": width, "height": 800}) as visitor:
        page, errors = visitor
        log_in(visitor, stack, "/livedash/")
        expect(page.locator("tr[data-stage=AI_ANALYSIS]")).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert errors == []


def test_a_visitor_without_a_login_is_sent_to_the_login_page(stack: Any, browser: Browser) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        page.goto("/livedash/")
        expect(page).to_have_url(re.compile("/auth/login"))
        expect(page.get_by_role("heading", name="Pipeline")).to_have_count(0)
        for address in ("/livedash/", "/livedash/static/page.js", "/livedash/static/icon.svg"):
            assert page.request.get(address).status == 401

        log_in(visitor, stack, "/livedash/")
        expect(page).to_have_url(f"{stack.url}/livedash/")
        expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()
