"""Airflow's own backfill dialog in a real browser, with and without its tick "Override parameters on existing runs"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect

from tests.e2e.client import FETCH, Client
from tests.e2e.conftest import Stack
from tests.e2e.test_page import log_in, visiting
from tests.waiting import wait_until

#: Airflow shares two cores with the other tests.
PATIENCE_MILLISECONDS = 60_000


def choose_time(page: Page, label: str, day: str, time: str) -> None:
    page.get_by_role("group").filter(has=page.get_by_text(label, exact=True)).get_by_test_id("datetime-input").click()
    page.get_by_placeholder("YYYY/MM/DD").fill(day)
    page.get_by_placeholder("HH:mm").fill(time)
    page.get_by_placeholder("HH:mm").press("Enter")
    page.keyboard.press("Escape")


def backfill(page: Page, day: str, company: str, *, tick: bool) -> None:
    """Fill in the dialog as a user does, for one day, and send it."""
    page.goto(f"/dags/{FETCH}")
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_text("Run this Dag for a range of dates").click()
    choose_time(page, "From", day, "00:00")
    choose_time(page, "To", day, "23:59")
    page.get_by_text("All Runs", exact=True).click()
    override = page.get_by_text("Override parameters on existing runs")
    if tick != override.locator("xpath=ancestor::label").locator("input").is_checked():
        override.click()
    page.locator("#element_company").fill(company)
    page.get_by_role("button", name="Run Backfill").click()
    expect(page.get_by_role("heading", name="Run Backfill")).to_be_hidden()


def test_a_form_that_airflows_dialog_does_not_send_is_said_before_anything_is_reset(
    stack: Stack, client: Client, browser: Browser
) -> None:
    def runs() -> list[dict[str, Any]]:
        found = client.api.get(f"/api/v2/dags/{FETCH}/dagRuns", params={"run_type": "backfill", "limit": 100}).json()
        return [run for run in found["dag_runs"] if (run["data_interval_start"] or "").startswith("2026-03-02")]

    def end_of_the_run(is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def ended() -> list[dict[str, Any]]:
            return [run for run in runs() if run["state"] in ("success", "failed") and is_it(run)]

        return wait_until(ended, "the end of the day's backfill")[0]

    def wait_for_airflow() -> None:
        # It allows the next backfill of a DAG once it has marked those before as complete, which it does by a timer.
        def all_complete() -> bool:
            found = client.api.get("/api/v2/backfills", params={"dag_id": FETCH}).json()["backfills"]
            return all(one["completed_at"] for one in found)

        wait_until(all_complete, "Airflow's end of the backfills before")

    def log_of_the_plan(run_id: str) -> str:
        task = client.api.get(f"/api/v2/dags/{FETCH}/dagRuns/{run_id}/taskInstances/plan").json()
        return client.log(FETCH, run_id, "plan", attempt=task["try_number"])

    ids = client.publish(3)
    client.lose(ids[:1])
    client.run_import()
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["FAILED"] == 1, "a failed fetch")

    with visiting(browser, stack, timezone_id="UTC", reduced_motion="reduce") as visitor:
        page = visitor.page
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        log_in(visitor, stack)

        wait_for_airflow()
        backfill(page, "2026/03/02", client.name, tick=True)
        first = end_of_the_run(lambda run: (run["conf"] or {}).get("company") == client.name)
        assert first["note"] == (
            "LiveDash: sessions that started on 2026-03-02 00:00Z or later and before 2026-03-03 00:00Z (UTC)."
        )
        assert client.fetch(ids[0])["attempts"] == 1
        assert len(client.fetch(ids[0])["failures"]) == 2

        wait_for_airflow()
        backfill(page, "2026/03/02", "", tick=False)
        second = end_of_the_run(lambda run: run["end_date"] != first["end_date"])
        assert second["state"] == "failed"
        said = log_of_the_plan(second["dag_run_id"])
        assert "Airflow kept the form of an earlier run of these days: nothing is changed" in said
        assert len(client.fetch(ids[0])["failures"]) == 2
        page.goto(f"/dags/{FETCH}/runs/{quote(second['dag_run_id'])}")
        expect(page.get_by_text("NO FORM CAME WITH THIS BACKFILL").first).to_be_visible()
