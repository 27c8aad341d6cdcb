"""What each kind of DAG run takes (DESIGN, "What a run means")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from livedash_core.airflow.run_scope import RunScope, describe_scope, for_companies, from_json, run_scope, to_json
from livedash_core.errors import UnknownSession, UsageError
from livedash_core.status import Scope
from tests.integration.records import Records

DAY = datetime(2026, 3, 2, tzinfo=UTC)
INTERVAL = (DAY, DAY + timedelta(days=1))
EMPTY: dict[str, Any] = {
    "company": None,
    "from": None,
    "to": None,
    "session_ids": None,
    "retry_failed": False,
    "again": False,
    "limit": None,
}


def read(connection: Connection, run_type: str, **given: Any) -> RunScope:
    return run_scope(connection, run_type, EMPTY | {key: given[key] for key in given if key in EMPTY}, given, INTERVAL)


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered", "asset_materialization", "manual"])
def test_with_an_empty_form_a_run_takes_everything(connection: Connection, run_type: str):
    assert read(connection, run_type) == RunScope(Scope())


def test_a_backfill_takes_the_sessions_of_its_interval_and_resets_the_failed_ones(connection: Connection):
    run = read(connection, "backfill")

    assert run.scope == Scope(started_from=DAY, started_before=DAY + timedelta(days=1))
    assert run.retry_failed


def test_a_backfill_is_narrowed_down_by_its_form(connection: Connection, world: Records):
    acme = world.company("Acme")
    run = read(connection, "backfill", company="Acme", limit=3)

    assert run.scope == Scope(company_ids=(acme,), started_from=DAY, started_before=DAY + timedelta(days=1))
    assert (run.retry_failed, run.limit) == (True, 3)


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
def test_a_form_is_followed_and_the_interval_that_the_ui_gave_it_is_not(
    connection: Connection, world: Records, run_type: str
):
    acme = world.company("Acme")
    (session,) = world.sessions(acme, 1)
    run = read(
        connection,
        run_type,
        company="Acme",
        **{"from": "2026-03-02", "to": "2026-03-03"},
        session_ids=[f" {session} ", ""],
        retry_failed=True,
        limit=7,
    )

    assert run.scope == Scope(
        company_ids=(acme,),
        started_from=DAY,
        started_before=DAY + timedelta(days=2),
        session_ids=(session,),
    )
    assert (run.retry_failed, run.limit) == (True, 7)


def test_the_last_day_that_there_is_ends_a_window_too(connection: Connection):
    run = read(connection, "manual", **{"from": "2026-03-02", "to": "9999-12-31"})

    assert run.scope == Scope(started_from=DAY)


def test_a_session_may_be_named_as_its_source_does(connection: Connection, world: Records):
    (session,) = world.sessions(world.company("Acme"), 1)

    assert read(connection, "manual", session_ids=[f"ext-{session}"]).scope.session_ids == (session,)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"compny": "Acme"}, UsageError, "unknown keys compny"),
        ({"company": "Nobody"}, UsageError, "no company is called 'Nobody'; the active companies are: Acme, Beta$"),
        ({"company": "Gone"}, UsageError, "Gone is SUSPENDED"),
        ({"session_ids": ["LV-0"]}, UnknownSession, "LV-0"),
        ({"from": "2026-03-03", "to": "2026-03-01"}, UsageError, "2026-03-03, is after the last day, 2026-03-01"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_claimed(connection, world, given, error, says):
    for name in ("Beta", "Acme"):
        world.company(name)
    world.company("Gone", status="SUSPENDED")

    with pytest.raises(error, match=says):
        read(connection, "manual", **given)


def test_whoever_misspells_a_company_among_many_is_told_a_few(connection, world):
    for number in range(25):
        world.company(f"Company {number:02}")

    with pytest.raises(UsageError, match=r"Company 00, .*, Company 19 and 5 more$"):
        read(connection, "manual", company="Acme")


def test_a_session_of_a_suspended_company_is_refused_by_name(connection, world):
    (session,) = world.sessions(world.company("Gone", status="SUSPENDED"), 1)

    with pytest.raises(UsageError, match=f"session ext-{session} is of Gone, which is SUSPENDED"):
        read(connection, "manual", session_ids=[str(session)])


@pytest.mark.parametrize("day", [{"from": "2026-03-02"}, {"to": "2026-03-02"}])
def test_a_backfill_has_days_of_its_own(connection, day):
    with pytest.raises(UsageError, match="a backfill has days of its own"):
        read(connection, "backfill", **day)


@pytest.mark.parametrize(
    ("run_type", "given", "words"),
    [
        ("scheduled", {}, "sessions of every active company"),
        (
            "backfill",
            {},
            "sessions of every active company that started on 2026-03-02 00:00Z or later and before 2026-03-03 00:00Z",
        ),
        ("manual", {"company": "Acme", "limit": 1000}, "sessions of Acme (at most 1,000)"),
        (
            "manual",
            {"to": "2026-03-02"},
            "sessions of every active company that started before 2026-03-03 00:00Z",
        ),
    ],
)
def test_a_run_says_in_words_what_it_is_about(connection, world, run_type, given, words):
    world.company("Acme")

    assert describe_scope(read(connection, run_type, **given), EMPTY | given) == words


def test_a_scope_survives_its_way_to_the_lanes(connection: Connection, world: Records):
    acme = world.company("Acme")
    (session,) = world.sessions(acme, 1)
    run = read(connection, "manual", company="Acme", session_ids=[str(session)], limit=3, **{"from": "2026-03-02"})

    assert from_json(to_json(run)) == run
    assert for_companies(run, (acme,)).scope.company_ids == (acme,)


def test_what_is_to_be_done_again_is_named(connection: Connection, world: Records):
    (session,) = world.sessions(world.company("Acme"), 1)

    assert read(connection, "manual", session_ids=[str(session)], again=True).again
    with pytest.raises(UsageError, match="must be named"):
        read(connection, "manual", company="Acme", again=True)
