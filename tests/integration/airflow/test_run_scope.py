"""Which sessions each kind of DAG run processes."""

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
    "rerun": False,
    "skip_reason": None,
    "limit": None,
}


def read(connection: Connection, run_type: str, **given: Any) -> RunScope:
    return run_scope(connection, run_type, EMPTY | {key: given[key] for key in given if key in EMPTY}, given, INTERVAL)


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered", "asset_materialization", "manual"])
def test_a_run_with_an_empty_form_takes_every_session(connection: Connection, run_type: str):
    assert read(connection, run_type) == RunScope(Scope())


def test_a_backfill_takes_the_sessions_of_its_interval_and_resets_the_failed_ones(connection: Connection):
    run = read(connection, "backfill")

    assert run.scope == Scope(started_from=DAY, started_before=DAY + timedelta(days=1))
    assert run.retry_failed


def test_a_backfill_is_narrowed_down_by_its_form(connection: Connection, records: Records):
    acme = records.company("Acme")
    run = read(connection, "backfill", company="Acme", limit=3)

    assert run.scope == Scope(company_ids=(acme,), started_from=DAY, started_before=DAY + timedelta(days=1))
    assert (run.retry_failed, run.limit) == (True, 3)


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
def test_a_manual_run_follows_its_form_and_ignores_its_data_interval(
    connection: Connection, records: Records, run_type: str
):
    acme = records.company("Acme")
    (session,) = records.sessions(acme, 1)
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


def test_the_last_representable_day_leaves_the_window_open(connection: Connection):
    run = read(connection, "manual", **{"from": "2026-03-02", "to": "9999-12-31"})

    assert run.scope == Scope(started_from=DAY)


def test_a_session_may_be_named_by_its_external_id(connection: Connection, records: Records):
    (session,) = records.sessions(records.company("Acme"), 1)

    assert read(connection, "manual", session_ids=[f"ext-{session}"]).scope.session_ids == (session,)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"compny": "Acme"}, UsageError, "unknown keys compny"),
        ({"company": "Acme", "form_of_an_earlier_run": True}, UsageError, "NO FORM CAME WITH THIS BACKFILL"),
        ({"company": "Nobody"}, UsageError, "no company is called 'Nobody'; the active companies are: Acme, Beta$"),
        ({"company": "Gone"}, UsageError, "Gone is SUSPENDED"),
        ({"session_ids": ["LV-0"]}, UnknownSession, "LV-0"),
        ({"from": "2026-03-03", "to": "2026-03-01"}, UsageError, "2026-03-03, is after the last day, 2026-03-01"),
    ],
)
def test_an_invalid_form_is_refused_before_any_claim(connection, records, given, error, says):
    for name in ("Beta", "Acme"):
        records.company(name)
    records.company("Gone", status="SUSPENDED")

    with pytest.raises(error, match=says):
        read(connection, "manual", **given)


def test_an_unknown_company_is_refused_with_the_first_twenty_names(connection, records):
    for number in range(25):
        records.company(f"Company {number:02}")

    with pytest.raises(UsageError, match=r"Company 00, .*, Company 19 and 5 more$"):
        read(connection, "manual", company="Acme")


def test_a_session_of_a_suspended_company_is_refused_by_name(connection, records):
    (session,) = records.sessions(records.company("Gone", status="SUSPENDED"), 1)

    with pytest.raises(UsageError, match=f"session ext-{session} is of Gone, which is SUSPENDED"):
        read(connection, "manual", session_ids=[str(session)])


@pytest.mark.parametrize("day", [{"from": "2026-03-02"}, {"to": "2026-03-02"}])
def test_a_backfill_refuses_days_on_its_form(connection, day):
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
def test_a_scope_is_described_in_words(connection, records, run_type, given, words):
    records.company("Acme")

    assert describe_scope(read(connection, run_type, **given), EMPTY | given) == words


def test_a_scope_round_trips_through_json(connection: Connection, records: Records):
    acme = records.company("Acme")
    (session,) = records.sessions(acme, 1)
    run = read(connection, "manual", company="Acme", session_ids=[str(session)], limit=3, **{"from": "2026-03-02"})

    assert from_json(to_json(run)) == run
    assert for_companies(run, (acme,)).scope.company_ids == (acme,)


def test_a_rerun_requires_named_sessions(connection: Connection, records: Records):
    (session,) = records.sessions(records.company("Acme"), 1)

    assert read(connection, "manual", session_ids=[str(session)], rerun=True).rerun
    with pytest.raises(UsageError, match="rerun needs sessions"):
        read(connection, "manual", company="Acme", rerun=True)


def test_a_run_skips_for_good_what_its_form_selects(connection: Connection, records: Records):
    (session,) = records.sessions(records.company("Acme"), 1)
    run = read(connection, "manual", session_ids=[str(session)], skip_reason=" gone ")

    assert (run.skip_reason, run.scope.session_ids) == ("gone", (session,))
    assert from_json(to_json(run)).skip_reason is None
    assert read(connection, "manual", skip_reason="  ").skip_reason is None


@pytest.mark.parametrize(
    ("run_type", "given", "message"),
    [
        ("manual", {}, "needs a selection"),
        ("manual", {"company": "Acme", "retry_failed": True}, "either skips"),
        ("backfill", {"company": "Acme"}, "either skips"),
    ],
)
def test_a_skip_needs_a_selection_and_is_no_retry(
    connection: Connection, records: Records, run_type: str, given: dict[str, Any], message: str
):
    records.company("Acme")
    with pytest.raises(UsageError, match=message):
        read(connection, run_type, skip_reason="gone", **given)
