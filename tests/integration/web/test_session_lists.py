"""The list of sessions and a session opened from it: its filters, columns and order stay."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests.integration.records import NOON, Records

FETCH = BUILT_IN.names[1]


def headings(html: str) -> list[str]:
    (table,) = re.findall(r'<table class="list".*?</table>', html, re.DOTALL)
    return re.findall(r'<th role="columnheader" scope="col">([^<]*)</th>', table)


def link(html: str, words: str) -> str | None:
    found = re.search(rf'href="/livedash/([^"]*)"[^>]*>{words}<', html)
    return unescape(found[1]) if found else None


@pytest.fixture
def five(records: Records, engine: Engine) -> list[UUID]:
    """Sessions of Acme, the latest first; they failed in the opposite order."""
    acme = records.company("Acme")
    ids = [records.sessions(acme, 1, started_at=NOON - timedelta(hours=ago))[0] for ago in range(5)]
    for number, one in enumerate(ids):
        with engine.begin() as connection:
            manager = ProcessingStatusManager(connection, max_attempts=1)
            claim = manager.claim(FETCH, 1, Scope(session_ids=(one,)))
            manager.fail(FETCH, claim.token, [Failure(one, "permanent", f"<i>file {number}</i> is gone")])
    return ids


def test_a_list_of_failed_sessions_says_why(page: TestClient, five: list[UUID], engine: Engine) -> None:
    html = page.get("sessions", params={"state": "failed", "stage": FETCH}).text

    assert headings(html) == ["Session", "Started", "Stages", "Category", "Sentiment", "Outcome", "Why"]
    assert re.findall(r"&lt;i&gt;file (\d)&lt;/i&gt; is gone", html) == ["4", "3", "2", "1", "0"]
    assert "is gone" not in page.get("sessions").text

    with engine.begin() as connection:
        ProcessingStatusManager(connection).skip_failed(Scope(session_ids=(five[0],)), "not worth it", "Ann")
    assert "not worth it" in page.get("sessions", params={"state": "skipped"}).text


def test_columns_are_chosen_and_kept(page: TestClient, five: list[UUID]) -> None:
    chosen = {"column": ["language", "why", "nonsense"], "company": "Acme", "sort": "oldest"}

    html = page.get("sessions", params=chosen).text

    assert headings(html) == ["Session", "Language", "Why"]
    assert html.count('type="checkbox"') == 11
    assert html.count('" checked>') == 2
    assert re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">\s*<label>', html)[-1] == ("company", "Acme")
    assert len(re.findall(r'href="/livedash/sessions/\w+-[^"]*column=language&amp;column=why&amp;at=', html)) == 5
    assert "nonsense" not in html
    assert headings(page.get("sessions", params={"column": "nonsense"}).text)[-1] == "About"


@pytest.mark.parametrize("order", ["", "oldest"])
@pytest.mark.parametrize("state", ["", "failed"])
def test_a_session_leads_to_its_neighbours_and_back(page: TestClient, five: list[UUID], state: str, order: str) -> None:
    query = {"state": state, "stage": FETCH if state else "", "sort": order, "company": "Acme"}
    expected = five[::-1] if (state == "failed") != (order == "oldest") else five
    html = page.get("sessions", params=query).text
    address = link(html, f"ext-{expected[0]}")
    seen = []
    while address:
        html = page.get(address).text
        seen.append(UUID(re.findall(r'id="session-id">([^<]*)<', html)[0]))
        last, address = address, link(html, "Next session")
    assert seen == expected
    assert link(html, "Next session") is None
    back = link(html, "Back to the list") or ""
    assert page.get(back).text.count('<a href="/livedash/sessions/') == 5
    assert ("sort=oldest" in back) is (order == "oldest")
    before = page.get(link(page.get(last).text, "Previous session") or "").text
    assert f'id="session-id">{expected[3]}<' in before


def test_a_session_without_a_list_has_no_neighbours_and_a_wrong_place_is_an_error(
    page: TestClient, five: list[UUID]
) -> None:
    html = page.get(f"sessions/{five[0]}").text

    assert "Next session" not in html
    assert "Previous session" not in html
    assert f'data-copy="{five[0]}"' in html
    assert page.get(f"sessions/{five[0]}", params={"at": "nonsense"}).status_code == 400
    assert page.get(f"sessions/{five[0]}", params={"at": f"99~infinity~{five[0]}"}).status_code == 400
