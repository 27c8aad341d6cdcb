"""What each kind of DAG run takes (DESIGN, "What a run means")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from livedash_core.airflow.run_scope import RunScope, for_companies, from_json, run_scope, to_json
from livedash_core.errors import UnknownCompany, UnknownSession, UsageError
from livedash_core.status import Scope
from tests.integration.world import World

DAY = datetime(2026, 3, 2, tzinfo=UTC)
INTERVAL = (DAY, DAY + timedelta(days=1))
EMPTY: dict[str, Any] = {
    "company": None,
    "from": None,
    "to": None,
    "session_ids": None,
    "retry_failed": False,
    "limit": None,
}


def read(connection: Connection, run_type: str, **given: Any) -> RunScope:
    return run_scope(connection, run_type, EMPTY | {key: given[key] for key in given if key in EMPTY}, given, INTERVAL)


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered", "asset_materialization"])
def test_woken_by_asset_or_clock_a_run_drains_everything(connection: Connection, run_type: str):
    run = read(connection, run_type)

    assert run == RunScope(Scope())
    assert run.drains


def test_a_backfill_takes_the_sessions_of_its_interval_and_resets_the_failed_ones(connection: Connection):
    run = read(connection, "backfill")

    assert run.scope == Scope(started_from=DAY, started_before=DAY + timedelta(days=1))
    assert run.retry_failed


def test_a_manual_run_follows_its_form_and_ignores_the_interval_the_ui_gave_it(connection: Connection, world: World):
    acme = world.company("Acme")
    (session,) = world.sessions(acme, 1)
    run = read(
        connection,
        "manual",
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
    assert (run.retry_failed, run.limit, run.drains) == (True, 7, False)
    assert read(connection, "manual") == RunScope(Scope())


def test_a_session_may_be_named_as_its_source_does(connection: Connection, world: World):
    (session,) = world.sessions(world.company("Acme"), 1)

    assert read(connection, "manual", session_ids=[f"ext-{session}"]).scope.session_ids == (session,)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"compny": "Acme"}, UsageError, "unknown keys compny"),
        ({"company": "Nobody"}, UnknownCompany, "no company is called 'Nobody'"),
        ({"company": "Gone"}, UsageError, "Gone is SUSPENDED"),
        ({"session_ids": ["LV-0"]}, UnknownSession, "LV-0"),
        ({"from": "2026-03-03", "to": "2026-03-01"}, UsageError, "is empty"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_claimed(connection, world, given, error, says):
    world.company("Acme")
    world.company("Gone", status="SUSPENDED")

    with pytest.raises(error, match=says):
        read(connection, "manual", **given)


def test_a_scope_survives_its_way_to_the_lanes(connection: Connection, world: World):
    acme = world.company("Acme")
    (session,) = world.sessions(acme, 1)
    run = read(connection, "manual", company="Acme", session_ids=[str(session)], limit=3, **{"from": "2026-03-02"})

    assert from_json(to_json(run)) == run
    assert for_companies(run, (acme,)).scope.company_ids == (acme,)
