from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.operations.companies import save_company
from livedash_core.operations.doctor import examine
from livedash_core.status import STAGES, ProcessingStatusManager
from livedash_core.status.incidents import open_incident
from tests.integration.world import World


def checks(connection: Connection) -> list[str]:
    return [finding.check for finding in examine(connection, STAGES)]


def test_a_healthy_pipeline_has_no_findings(connection: Connection, world: World) -> None:
    save_company(connection, "Acme", {"csv_url": "https://example.com/x.csv"})
    world.sessions(world.company("Suspended", status="SUSPENDED"), 3)
    assert examine(connection, STAGES) == []


def test_an_open_incident_says_since_when_in_utc_and_why(connection: Connection, company_id: UUID) -> None:
    open_incident(connection, "AI_ANALYSIS", None, "the key is refused")
    connection.execute(text("UPDATE livedash.systemic_incident SET first_seen_at = '2026-05-01 12:00+00'"))
    connection.execute(text("SET TIME ZONE 'Asia/Tokyo'"))
    found = next(finding for finding in examine(connection, STAGES) if finding.check == "incident")
    assert found.message == "AI_ANALYSIS is stopped since 2026-05-01 12:00Z: the key is refused"


def test_an_expired_lease_is_named_with_its_holder(connection: Connection, world: World, company_id: UUID) -> None:
    world.sessions(company_id, 2)
    ProcessingStatusManager(connection).claim("TRANSCRIPT_FETCH", 2, owner="host-7:42")
    assert "stuck lease" not in checks(connection)
    world.expire_leases()
    found = next(finding for finding in examine(connection, STAGES) if finding.check == "stuck lease")
    assert found.message.startswith("TRANSCRIPT_FETCH: 1 expired, held by host-7:42")


def test_sessions_that_nobody_holds_or_knows_are_orphans(
    connection: Connection, world: World, company_id: UUID
) -> None:
    held, unknown = world.sessions(company_id, 2)
    ProcessingStatusManager(connection).start_stage(held, "TRANSCRIPT_FETCH")
    connection.execute(text("DELETE FROM livedash.session_processing_lease"))
    connection.execute(text("DELETE FROM livedash.session_processing_status WHERE session_id = :id"), {"id": unknown})
    orphans = [finding.message for finding in examine(connection, STAGES) if finding.check == "orphan"]
    assert [message.partition(":")[0] for message in orphans] == ["TRANSCRIPT_FETCH", "Acme"]
    assert "1 imported rows without a status" in orphans[1]


def test_a_breakdown_that_drifted_from_the_rows_is_found(
    connection: Connection, world: World, company_id: UUID
) -> None:
    world.sessions(company_id, 2)
    assert "ledger" not in checks(connection)
    connection.execute(text("DELETE FROM livedash.session_processing_status WHERE stage = 'AI_ANALYSIS'"))
    assert "ledger" in checks(connection)


def test_an_active_company_without_a_csv_is_found(connection: Connection, company_id: UUID) -> None:
    (found,) = examine(connection, STAGES)
    assert found.check == "company"
    assert "livedash company add" in found.message
