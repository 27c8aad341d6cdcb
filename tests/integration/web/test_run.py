"""The page of a run: what failed in it, what failed again for the same reason, and what became of the sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.operations import run_failures
from livedash_core.operations.run_failures import read_run
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests.integration.records import Records

FETCH = BUILT_IN.names[1]
DAG = "livedash_transcript_fetch"


def fail(engine: Engine, ids: Iterable[UUID], run: str, message: str) -> None:
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection, max_attempts=1)
        named = Scope(session_ids=tuple(ids))
        manager.reset_failed(named)
        claim = manager.claim(FETCH, 100, named, dag_run=f"{DAG}/{run}")
        manager.fail(FETCH, claim.token, [Failure(one, "permanent", message) for one in claim.attempts])


def cards(html: str) -> list[str]:
    return re.findall(r"<dd>([\d,+]+)</dd>", html)


def test_a_run_shows_what_failed_and_what_failed_again(page: TestClient, records: Records, engine: Engine) -> None:
    first, second, third = records.sessions(records.company("Acme"), 3)
    fail(engine, [first], "one", "<b>LV-1 is gone</b>")
    fail(engine, [second], "one", "busy")
    fail(engine, [first, second, third], "two+x", "<b>LV-2 is gone</b>")
    with engine.begin() as connection:
        ProcessingStatusManager(connection).skip_failed(Scope(session_ids=(third,)), "no", "Ann")

    html = page.get(f"runs/{DAG}/two%2Bx").text
    assert cards(html) == ["3", "1", "0"]
    assert f'href="/dags/{DAG}/runs/two%2Bx"' in html
    assert "&lt;b&gt;LV-2 is gone&lt;/b&gt;" in html
    assert re.findall(r'data-label="Now">([^<]*)<', html) == ["Failed, again", "Failed", "Skipped"]
    assert html.count('href="/livedash/sessions/') == 3
    assert cards(page.get(f"runs/{DAG}/one").text) == ["2", "0", "0"]
    assert cards(page.get(f"runs/{DAG}/absent").text) == ["0", "0", "0"]
    assert page.get("runs/livedash_topics/one").status_code == 404


def test_a_run_shows_what_it_works_on_and_only_the_company_that_is_chosen(
    page: TestClient, records: Records, engine: Engine
) -> None:
    records.sessions(records.company("Acme"), 3)
    records.sessions(records.company("Other"), 2)
    with engine.begin() as connection:
        ProcessingStatusManager(connection).claim(FETCH, 10, dag_run=f"{DAG}/now")

    assert cards(page.get(f"runs/{DAG}/now").text) == ["0", "0", "5"]
    assert cards(page.get(f"runs/{DAG}/now", params={"company": "Other"}).text) == ["0", "0", "2"]
    assert cards(page.get(f"runs/{DAG}/no").text) == ["0", "0", "0"]


def test_a_large_run_is_read_in_part(records: Records, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_failures, "MAX_READ", 2)
    fail(engine, records.sessions(records.company("Acme"), 3), "large", "gone")

    with engine.connect() as connection:
        changes = read_run(connection, f"{DAG}/large", None)
    assert (len(changes.failed), changes.is_cut_off) == (2, True)
