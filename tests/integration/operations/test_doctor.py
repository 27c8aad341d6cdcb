from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert, text

from livedash_core.cli import inspection
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_store import close_calls, open_calls
from livedash_core.costs.prices import load_prices, set_price
from livedash_core.models import AiModelPricing
from livedash_core.operations import doctor
from livedash_core.operations.companies import add_company
from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager
from livedash_core.status.incidents import open_incident
from tests.integration.records import Records


def checks(connection: Connection) -> list[str]:
    return [finding.check for finding in examine(connection, BUILT_IN)]


def test_a_healthy_pipeline_has_no_findings(connection: Connection, records: Records) -> None:
    add_company(connection, "Acme", {"csv_url": "https://example.com/x.csv"})
    records.sessions(records.company("Suspended", status="SUSPENDED"), 3)
    assert examine(connection, BUILT_IN) == []


def test_an_open_incident_says_since_when_in_utc_and_why(connection: Connection, company_id: UUID) -> None:
    open_incident(connection, "AI_ANALYSIS", None, "the key is refused")
    connection.execute(text("UPDATE livedash.systemic_incident SET first_seen_at = '2026-05-01 12:00+00'"))
    connection.execute(text("SET TIME ZONE 'Asia/Tokyo'"))
    found = next(finding for finding in examine(connection, BUILT_IN) if finding.check == "incident")
    assert found.message == "AI_ANALYSIS is stopped since 2026-05-01 12:00Z: the key is refused"


def test_an_expired_lease_is_named_with_its_holder(connection: Connection, records: Records, company_id: UUID) -> None:
    records.sessions(company_id, 2)
    ProcessingStatusManager(connection).claim("TRANSCRIPT_FETCH", 2, owner="host-7:42")
    assert "stuck lease" not in checks(connection)
    records.expire_leases()
    found = next(finding for finding in examine(connection, BUILT_IN) if finding.check == "stuck lease")
    assert found.message.startswith("TRANSCRIPT_FETCH: 1 expired, held by host-7:42")


def test_sessions_without_lease_or_status_are_orphans(
    connection: Connection, records: Records, company_id: UUID
) -> None:
    held, unknown = records.sessions(company_id, 2)
    ProcessingStatusManager(connection).start_stage(held, "TRANSCRIPT_FETCH")
    connection.execute(text("DELETE FROM livedash.session_processing_lease"))
    connection.execute(text("DELETE FROM livedash.session_processing_status WHERE session_id = :id"), {"id": unknown})
    orphans = [finding.message for finding in examine(connection, BUILT_IN) if finding.check == "orphan"]
    assert [message.partition(":")[0] for message in orphans] == ["TRANSCRIPT_FETCH", "Acme"]
    assert "1 imported rows without a status" in orphans[1]


def test_a_breakdown_that_differs_from_the_rows_is_found(
    connection: Connection, records: Records, company_id: UUID
) -> None:
    records.sessions(company_id, 2)
    assert "counts" not in checks(connection)
    connection.execute(text("DELETE FROM livedash.session_processing_status WHERE stage = 'AI_ANALYSIS'"))
    assert "counts" in checks(connection)


def test_an_active_company_without_a_csv_is_found(connection: Connection, company_id: UUID) -> None:
    (found,) = examine(connection, BUILT_IN)
    assert found.check == "company"
    assert "livedash company update" in found.message


def test_a_company_without_budget_is_reported_as_waiting(connection: Connection, company_id: UUID) -> None:
    open_incident(connection, "AI_ANALYSIS", company_id, "Acme's budget has no room", kind="budget")
    found = next(finding for finding in examine(connection, BUILT_IN) if finding.check == "budget")
    assert found.message.startswith("AI_ANALYSIS waits since ")


def test_models_without_a_price_and_answers_without_a_count_are_found(connection: Connection, records: Records) -> None:
    acme = records.company("Acme", csv_url="https://example.com/x.csv", model="home-made")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    set_price(connection, "small", valid_from=long_ago, input_=Decimal(1), output=Decimal(1))
    prices = load_prices(connection)
    calls = [PlannedCall(uuid4(), acme, model, "1", 1, 1) for model in ("other-made", "other-made", "small")]
    rows = open_calls(connection, calls, prices)
    close_calls(connection, {row: CallEnd("answered") for row in rows if isinstance(row, UUID)}, prices)
    found = [finding.message for finding in examine(connection, BUILT_IN) if finding.check == "price"]
    assert [message.partition(":")[0] for message in found] == [
        "other-made has no price, 2 billed calls are missing in the totals",
        "home-made has no price, 0 billed calls are missing in the totals",
        "small",
    ]


def test_openai_s_price_is_none_for_a_model_of_another_server(connection: Connection, records: Records) -> None:
    acme = records.company("Acme", csv_url="https://example.com/x.csv")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    price = dict.fromkeys(("input", "cached_input", "cache_write", "output"), Decimal(1))
    row = {"model": "gpt-4o-mini", "tier": "standard", "valid_from": long_ago, "source": "the catalogue", **price}
    connection.execute(insert(AiModelPricing), row)
    prices = load_prices(connection)
    calls = [PlannedCall(uuid4(), acme, "gpt-4o-mini", "1", 1, 1, openai_prices=own) for own in (False, True)]
    rows = [row for row in open_calls(connection, calls, prices) if isinstance(row, UUID)]
    ends = (CallEnd("answered", usage=Usage(9, None, None, 9)), CallEnd("answered", usage=Usage(9, None, None, 9)))
    close_calls(connection, dict(zip(rows, ends, strict=True)), prices)

    def found() -> list[str]:
        return [finding.message for finding in examine(connection, BUILT_IN) if finding.check == "price"]

    assert [message.partition(":")[0] for message in found()] == [
        "gpt-4o-mini has no price, 1 billed calls are missing in the totals"
    ]
    set_price(connection, "gpt-4o-mini", valid_from=long_ago, input_=Decimal(0), output=Decimal(0))
    assert found() == []
    costs = connection.scalars(text("SELECT cost > 0 FROM livedash.ai_processing_request ORDER BY openai_prices")).all()
    assert costs == [False, True]


def test_abandoned_calls_and_wrong_cost_totals_are_found(
    connection: Connection, records: Records, company_id: UUID
) -> None:
    open_calls(connection, [PlannedCall(uuid4(), company_id, "small", "1", 1, 1)], load_prices(connection))
    assert "cost" not in checks(connection)
    connection.execute(text("UPDATE livedash.ai_processing_request SET requested_at = '2026-05-01 12:00+00'"))
    found = next(finding for finding in examine(connection, BUILT_IN) if finding.check == "cost")
    assert found.message.startswith("Acme: 1 model calls are open since 2026-05-01 12:00Z")
    connection.execute(text("UPDATE livedash.ai_processing_request SET outcome = 'unknown'"))
    assert "ledger" in checks(connection)


def test_what_ends_while_doctor_compares_is_no_drift(
    records: Records, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    acme = records.company("Acme", csv_url="https://example.com/x.csv")
    sessions = records.sessions(acme, 2)

    def then_work(read: Callable[..., Any]) -> Callable[..., Any]:
        """Read, and before the next statement a stage settles a session and a call ends."""

        def read_and_work(*arguments: Any, **options: Any) -> Any:
            found = read(*arguments, **options)
            with records.engine.begin() as other:
                claim = ProcessingStatusManager(other).claim("TRANSCRIPT_FETCH", 1)
                ProcessingStatusManager(other).complete("TRANSCRIPT_FETCH", claim.token, dict.fromkeys(claim.attempts))
                (row,) = open_calls(other, [PlannedCall(uuid4(), acme, "small", "1", 1, 1)], load_prices(other))
                assert isinstance(row, UUID)
                close_calls(other, {row: CallEnd("rejected", "no")}, load_prices(other))
            return found

        return read_and_work

    for name in ("read_breakdown", "stored_totals"):
        monkeypatch.setattr(doctor, name, then_work(getattr(doctor, name)))
    monkeypatch.setenv("LIVEDASH_DATABASE_URL", database_url)
    inspection.doctor(as_json=True)
    assert json.loads(capsys.readouterr().out) == []
    for session in sessions:
        records.assert_stage(session, "TRANSCRIPT_FETCH", "COMPLETED")
