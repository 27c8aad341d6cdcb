"""An incident ends when its cause does."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from livedash_core.operations.companies import set_status
from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager
from livedash_core.status.incidents import group_by_cause, list_incidents, open_incident
from tests.integration.records import Records


@pytest.mark.parametrize("status", ["SUSPENDED", "ARCHIVED"])
def test_a_company_that_is_not_active_is_not_stopped(connection: Connection, records: Records, status: str) -> None:
    acme, beta = records.company("Acme"), records.company("Beta")
    for company in (acme, beta):
        open_incident(connection, "TRANSCRIPT_FETCH", company, "its server is down")

    set_status(connection, "Acme", status)
    assert [incident.company for incident in list_incidents(connection)] == ["Beta"]
    set_status(connection, "Acme", "ACTIVE")
    assert [incident.company for incident in list_incidents(connection)] == ["Beta"]


def test_a_stage_whose_sessions_are_finished_is_not_stopped(connection: Connection, records: Records) -> None:
    acme, beta = records.company("Acme"), records.company("Beta")
    (of_acme,), _ = records.sessions(acme, 1), records.sessions(beta, 1)
    for company in (acme, beta, None):
        open_incident(connection, "TRANSCRIPT_FETCH", company, "the server is down")
    manager = ProcessingStatusManager(connection)

    claim = manager.claim("TRANSCRIPT_FETCH", 9)
    manager.complete("TRANSCRIPT_FETCH", claim.token, {of_acme: {}})
    assert {incident.company for incident in list_incidents(connection)} == {"Beta", None}
    manager.skip("TRANSCRIPT_FETCH", claim.token, dict.fromkeys(claim.attempts, "no transcript"))
    assert list_incidents(connection) == []


def test_an_incident_names_its_company_once(connection: Connection, records: Records) -> None:
    acme = records.company("Acme")
    open_incident(connection, "CSV_IMPORT", acme, "the host is unknown")
    open_incident(connection, "TRANSCRIPT_FETCH", acme, "Acme: the host is unknown")
    first, second = (incident.sentence for incident in list_incidents(connection))
    assert first.startswith("CSV_IMPORT is stopped for Acme since ")
    assert second.startswith("TRANSCRIPT_FETCH is stopped since ")


def test_companies_with_the_same_trouble_share_one_sentence(connection: Connection, records: Records) -> None:
    for number in range(12):
        name = f"Company {number:02}"
        message = f"{name}: https://files-{number}.example.com/x.csv answered 503; host csv{number}.example.org is down"
        open_incident(connection, "CSV_IMPORT", records.company(name), message)
    open_incident(connection, "AI_ANALYSIS", None, "the key is refused")

    groups = group_by_cause(list_incidents(connection))
    assert sorted(len(group) for group in groups) == [1, 12]
    findings = [finding.message for finding in examine(connection, BUILT_IN) if finding.check == "incident"]
    assert len(findings) == 2
    assert any("the same for 12 companies: " in finding and " and 7 others" in finding for finding in findings)
