"""Pages about one company write times in its time zone and say so; all others write them in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.status import Failure, ProcessingStatusManager, Scope
from livedash_core.web.times import Clock
from tests.integration.records import Records

SUMMER, WINTER = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
FETCH, DAG = "TRANSCRIPT_FETCH", "livedash_transcript_fetch"
OF_COMPANY = "Times in Europe/Amsterdam; days to filter by are days in UTC."


def fail(engine: Engine, ids: list[UUID], run: str) -> None:
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection, max_attempts=1)
        claim = manager.claim(FETCH, 100, Scope(session_ids=tuple(ids)), dag_run=f"{DAG}/{run}")
        manager.fail(FETCH, claim.token, [Failure(one, "permanent", "gone") for one in claim.attempts])


@pytest.mark.parametrize(
    ("timezone", "instant", "shown", "name"),
    [
        ("Europe/Amsterdam", SUMMER, "2026-07-01 14:00", "Europe/Amsterdam"),
        ("Europe/Amsterdam", WINTER, "2026-01-02 00:30", "Europe/Amsterdam"),
        ("Asia/Kolkata", SUMMER, "2026-07-01 17:30", "Asia/Kolkata"),
        ("UTC", SUMMER, "2026-07-01 12:00", "UTC"),
        (None, SUMMER, "2026-07-01 12:00", "UTC"),
        ("Mars/Olympus", SUMMER, "2026-07-01 12:00", "UTC"),
        ("../../etc/passwd", SUMMER, "2026-07-01 12:00", "UTC"),
        ("Europe/Amsterdam\x00", SUMMER, "2026-07-01 12:00", "UTC"),
        ("Europe", SUMMER, "2026-07-01 12:00", "UTC"),
        ("Asia/Kolkata", datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59", "Asia/Kolkata"),
        ("America/New_York", datetime.min.replace(tzinfo=UTC), "1-01-01 00:00", "America/New_York"),
    ],
)
def test_a_clock_writes_an_instant_in_its_zone(timezone: str | None, instant: datetime, shown: str, name: str) -> None:
    clock = Clock(timezone)
    written = clock(instant)
    assert re.findall(r">0*([^<]+)</time>", written) == [shown]
    assert f"{instant:%H:%M:%S} UTC" in written
    assert clock.name == name
    assert clock(None) == "–"


def test_pages_about_one_company_write_its_times_and_say_so(page: TestClient, records: Records, engine: Engine) -> None:
    acme = records.company("Acme", timezone="Europe/Amsterdam")
    umbrella = records.company("Umbrella", timezone="Asia/Kolkata")
    ours = records.sessions(acme, 2, started_at=SUMMER)
    theirs = records.sessions(umbrella, 1, started_at=SUMMER)
    fail(engine, ours, "ours")
    fail(engine, theirs, "theirs")

    listed = page.get("sessions?company=Acme").text
    assert listed.count(">2026-07-01 14:00</time>") == 2
    assert 'title="2026-07-01 12:00:00 UTC"' in listed
    for address in (
        "sessions?company=Acme",
        f"sessions/{ours[0]}",
        "failures?company=Acme",
        "?company=Acme",
        f"runs/{DAG}/ours",
        f"runs/{DAG}/absent?company=Acme",
    ):
        assert page.get(address).text.count(OF_COMPANY) == 1, address
    assert ">2026-07-01 17:30</time>" in page.get(f"sessions/{theirs[0]}").text
    assert "Times in Asia/Kolkata" in page.get(f"runs/{DAG}/theirs").text


def test_pages_about_all_companies_write_times_in_utc_and_say_so(
    page: TestClient, records: Records, engine: Engine
) -> None:
    ids = [
        *records.sessions(records.company("Acme", timezone="Europe/Amsterdam"), 1, started_at=SUMMER),
        *records.sessions(records.company("Umbrella", timezone="Asia/Kolkata"), 1, started_at=SUMMER),
    ]
    fail(engine, ids, "both")

    assert page.get("sessions").text.count(">2026-07-01 12:00</time>") == 2
    for address in ("sessions", "failures", "", f"runs/{DAG}/both"):
        assert page.get(address).text.count("Times in UTC.") == 1, address


def test_the_days_of_the_filter_are_days_in_utc_as_the_page_says(page: TestClient, records: Records) -> None:
    acme = records.company("Acme", timezone="Europe/Amsterdam")
    records.sessions(acme, 1, started_at=WINTER)  # the next day in Amsterdam

    html = page.get("sessions?company=Acme&from=2026-01-01&to=2026-01-01").text
    assert ">2026-01-02 00:30</time>" in html
    assert OF_COMPANY in html
    assert "A day in UTC" in html
