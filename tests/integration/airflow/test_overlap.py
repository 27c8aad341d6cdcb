"""Backfills that run at the same time as ordinary runs: claims keep them from processing a session twice."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from shutil import copy
from subprocess import Popen
from threading import Event

from sqlalchemy import Engine, text

from tests.integration.airflow.conftest import airflow_at, answer_of, ask
from tests.integration.records import NOON, Records
from tests.integration.stages.website import Answer, Site

STAGE = "TRANSCRIPT_FETCH"
DAYS, PER_DAY, LIMIT = 3, 20, 12
#: Less than the fetcher's patience with a silent server.
HELD_SECONDS = 8


class WaitingSite(Site):
    """Answers no request until all sessions are claimed, so that all runs hold their claims at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.all_claimed = Event()

    def answer(self, path: str, etag: str = "") -> Answer:
        self.all_claimed.wait(HELD_SECONDS)
        return super().answer(path, etag)


def _held(engine: Engine) -> tuple[int, int]:
    """How many leases there are, and how many sessions they hold."""
    query = "SELECT count(DISTINCT lease_token), count(lease_token) FROM livedash.session_processing_status"
    with engine.connect() as connection:
        return tuple(connection.execute(text(query)).one())  # type: ignore[return-value] # two numbers


def _until_held(engine: Engine, leases: int, sessions: int) -> None:
    polls = Event()  # never set: other processes are polled
    for _ in range(600):
        if (held := _held(engine)) == (leases, sessions):
            return
        polls.wait(0.1)
    raise AssertionError(f"after a minute {held} instead of {leases} leases of {sessions} sessions")


def test_a_manual_run_and_three_simultaneous_backfills_process_each_session_once(
    records: Records, engine: Engine, database_url: str, airflow: Popen[str], airflow_home: Path, tmp_path: Path
) -> None:
    acme = records.company("Acme", allowed_networks=["127.0.0.0/8"])
    with ExitStack() as stack:
        site = stack.enter_context(WaitingSite())
        with engine.begin() as connection:
            connection.execute(text("UPDATE livedash.company SET csv_url = :url"), {"url": site.csv_url})
        for day in range(DAYS):
            for session_id in records.sessions(acme, PER_DAY, started_at=NOON + timedelta(days=day)):
                path = f"/{session_id}.txt"
                site.answers[path] = Answer("User: How many days of leave do I have left?")
                with engine.begin() as connection:
                    connection.execute(
                        text("UPDATE livedash.session_import SET full_transcript_url = :url WHERE id = :id"),
                        {"url": site.url + path, "id": session_id},
                    )
        ask(airflow, database_url, "QUESTION_EXTRACTION", "scheduled")
        assert answer_of(airflow).state == "success"
        backfills = []
        for day in range(DAYS):
            (home := tmp_path / f"backfill-{day}").mkdir()
            copy(airflow_home / "airflow.db", home)  # making its tables takes an Airflow most of its start
            backfills.append(stack.enter_context(airflow_at(home)))
        for backfill in backfills:  # so that none of them is still starting when the others work
            ask(backfill, database_url, "QUESTION_EXTRACTION", "scheduled")
        assert [answer_of(backfill).state for backfill in backfills] == ["success"] * DAYS

        ask(airflow, database_url, STAGE, "manual", {"company": "Acme", "limit": LIMIT})
        _until_held(engine, 1, LIMIT)
        for day, backfill in enumerate(backfills):
            midnight = NOON.replace(hour=0) + timedelta(days=day)
            interval = midnight.isoformat(), (midnight + timedelta(days=1)).isoformat()
            ask(backfill, database_url, STAGE, "backfill", interval=interval)
        _until_held(engine, 1 + DAYS, DAYS * PER_DAY)
        site.all_claimed.set()
        assert [answer_of(one).state for one in (airflow, *backfills)] == ["success"] * (1 + DAYS)

    assert Counter(site.asked) == dict.fromkeys(site.answers, 1)
    assert len(site.answers) == DAYS * PER_DAY
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT DISTINCT status, attempts FROM livedash.session_processing_status WHERE stage = :stage"),
            {"stage": STAGE},
        ).all()
    assert found == [("COMPLETED", 1)]
