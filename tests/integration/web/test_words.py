"""Pages show words instead of constants and codes, counts in the singular and plural, and percentages one way."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.status import Failure, ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.web.conftest import Analyse

#: Words that a page may show although they are constants.
ALLOWED = {"CSV", "UTC", "NAME", "URL", "YYYY", "MM", "DD", "AI", "HR", "DAG"}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def visible(html: str) -> str:
    """The text of a page, that of labels for screen readers and questions of dialogs included."""
    labels = " ".join(re.findall(r'(?:aria-label|title|data-question)="([^"]*)"', html))
    body = re.sub(r"<(title|code|option)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "\n", body) + labels))


def pages(page: TestClient) -> dict[str, str]:
    addresses = ["", "failures", "sessions", "costs", "insights?from=2026-03-02&to=2026-03-02"]
    (session,) = set(re.findall(r"/livedash/sessions/([0-9a-f-]{36})", page.get("sessions").text))
    return {address: visible(page.get(address).text) for address in (*addresses, f"sessions/{session}")}


def test_one_of_everything_is_in_the_singular_and_nothing_is_a_constant(
    page: TestClient, records: Records, analyse: Analyse
) -> None:
    acme = records.company("Acme")
    analyse(
        acme, 1, language="nl", sentiment="NEGATIVE", category="LEAVE_VACATION", outcome="UNRESOLVED",
        missing="NO_ANSWER", summary="Asked about leave.",
    )  # fmt: skip

    for address, text in pages(page).items():
        plural = re.findall(r"(?<![\d,.–-])\b1 (?:[a-z]+ )?(?:sessions|calls|days|companies|lines|wordings)\b", text)
        assert not plural, (address, plural)
        assert not re.findall(r"\d %", text), address
        constants = [word for word in re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b", text) if word not in ALLOWED]
        assert not constants, (address, constants)


def test_a_failed_session_is_counted_in_the_singular(page: TestClient, records: Records, engine: Engine) -> None:
    records.sessions(records.company("Acme"), 1)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection, max_attempts=1)
        claim = manager.claim("TRANSCRIPT_FETCH", 9)
        manager.fail("TRANSCRIPT_FETCH", claim.token, [Failure(one, "permanent", "x") for one in claim.attempts])

    text = visible(page.get("failures").text)
    assert "1 failed session." in text
    assert "1 failed sessions" not in text
    assert "Reset 1 failed session and run" in visible(page.get("").text)


def test_a_day_is_compared_with_the_previous_one_and_more_days_with_as_many(
    page: TestClient, records: Records, analyse: Analyse
) -> None:
    analyse(records.company("Acme"), 1)
    assert "compared with the previous 30 days on the same weekdays, 20" in visible(page.get("insights").text)
    one = visible(page.get("insights?from=2026-03-02&to=2026-03-02").text)
    assert "compared with the previous day of the same weekday, 2026-02-23 to 2026-02-23." in one
