"""What other servers answer about a batch: it is read leniently, never waits in silence, and is one company's alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.ai_analysis.batch.lifecycle import BatchLifecycle
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer, Body, End, all_answered, completion, line
from tests.integration.stages.batches import Batches

COLLECTED: dict[str, Body] = {
    "an empty error file": {"error_file_id": ""},
    "a number as error file": {"error_file_id": None, "errors": 7},
    "null counts": {"request_counts": {"total": None, "completed": None, "failed": None}},
    "odd counts": {"request_counts": {"total": "many", "completed": -3, "failed": [1]}},
    "no counts": {"request_counts": None},
    "counts as a list": {"request_counts": [6]},
    "numeric error codes": {"errors": {"data": [{"code": 429}, None, "text", {"code": None}]}},
    "errors as text": {"errors": "none"},
    "another word": {"status": "ended"},
    "capitals": {"status": "COMPLETED"},
    "Gemini's word": {"status": "JOB_STATE_SUCCEEDED"},
    "an unknown word": {"status": "settled", "request_counts": {"total": 4, "completed": 4, "failed": 0}},
    "no status": {"status": None, "request_counts": {"total": 4, "completed": 4, "failed": 0}},
    "failed, but with results": {"status": "failed"},
}


@pytest.mark.parametrize("case", COLLECTED)
def test_an_odd_batch_is_collected(batches: Batches, server: BatchServer, company_id: UUID, case: str) -> None:
    server.ends = [End(output=all_answered, shown=COLLECTED[case])]
    batches.sessions(company_id, 4)
    report = batches.run(company_id)
    assert (report.completed, report.failed, report.incidents) == (4, 0, [])
    batches.assert_paid_for(server)


def odd_line(custom_id: Any, **fields: Any) -> bytes:
    response = {"status_code": 200, "request_id": "r", "body": completion()}
    return json.dumps({"custom_id": custom_id, "response": response, "error": None} | fields).encode()


LINES: dict[str, dict[str, Any]] = {
    "a numeric request id": {"response": {"status_code": 200, "request_id": 7, "body": completion()}},
    "a status as text": {"response": {"status_code": "200", "body": completion()}},
    "an empty error": {"error": {}},
    "an error of text": {"error": ""},
    "a numeric error code": {"error": {"code": 0}},
    "a body of text": {"response": {"status_code": 200, "body": json.dumps(completion())}},
}


def assert_all_answered(
    batches: Batches, server: BatchServer, company_id: UUID, lines: Callable[[list[Body]], list[bytes]]
) -> None:
    """A batch whose output has these lines completes its three sessions, each with one answered call."""
    server.ends = [End(output=lines)]
    server._bill = lambda *_: None  # type: ignore[method-assign]
    batches.sessions(company_id, 3)
    assert batches.run(company_id).completed == 3
    assert batches.outcomes() == {"answered": 3}


@pytest.mark.parametrize("case", LINES)
def test_an_odd_line_is_read(batches: Batches, server: BatchServer, company_id: UUID, case: str) -> None:
    def lines(requests: list[Body]) -> list[bytes]:
        return [odd_line(request["custom_id"], **LINES[case]) for request in requests]

    assert_all_answered(batches, server, company_id, lines)


def test_lines_for_unknown_requests_and_second_lines_change_nothing(
    batches: Batches, server: BatchServer, company_id: UUID
) -> None:
    def lines(requests: list[Body]) -> list[bytes]:
        first, *others = all_answered(requests)
        return [
            first,
            first,
            *others,
            odd_line("row-7"),
            odd_line(7),
            odd_line(None),
            odd_line("00000000-0000-0000-0000-000000000000"),
            b"[]",
            b"\xff",
            b"null",
        ]

    assert_all_answered(batches, server, company_id, lines)


def test_a_completed_batch_without_an_output_file_is_sent_again(
    batches: Batches, server: BatchServer, company_id: UUID
) -> None:
    server.ends = [End("completed")]
    batches.sessions(company_id, 2)
    assert batches.run(company_id).failed == 2
    assert batches.statuses() == {"PENDING": 2}
    assert batches.outcomes() == {"unknown": 2}
    assert batches.leases() == 0


@pytest.mark.parametrize(
    "shown", [{"id": None}, {"id": {"x": 1}}, {"status": ["completed"]}, {"status": "x" * 10_000 + "\0"}]
)
def test_one_company_s_odd_batch_stops_no_other(
    batches: Batches, server: BatchServer, records: Records, company_id: UUID, shown: Body
) -> None:
    server.ends = [End(output=all_answered, looks=100, shown={}), End(output=all_answered)]
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
    next(iter(server.batches.values()))["end"].shown.update(shown)
    other = records.company("Globex")
    batches.sessions(other, 3)
    with batches.runner() as runner:
        runner.poll()
        runner.submit([other])
        runner.poll()
        assert runner.report.completed == 3


def test_a_bug_in_one_batch_stops_no_other(
    batches: Batches,
    server: BatchServer,
    records: Records,
    company_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches.sessions(company_id, 2)
    other = records.company("Globex")
    batches.sessions(other, 3)
    broken: list[str] = []

    def collect(self: Any, remote: Any) -> None:
        if self._row.company_id == company_id:
            broken.append(remote.id)
            raise ZeroDivisionError
        original(self, remote)

    original = BatchLifecycle._collect
    monkeypatch.setattr(BatchLifecycle, "_collect", collect)
    report = batches.run(company_id, other)
    assert (report.completed, len(broken)) == (3, 1)
    assert "a batch cannot be handled: an unexpected ZeroDivisionError" in batches.incidents()[0]

    monkeypatch.setattr(BatchLifecycle, "_collect", original)
    assert batches.run().completed == 2
    assert batches.incidents() == []


def test_a_batch_past_its_window_is_an_incident_until_it_ends(
    batches: Batches, server: BatchServer, company_id: UUID
) -> None:
    server.ends = [End(output=all_answered, looks=1_000, shown={"status": "finalizing"})]
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
        assert len(runner.poll()) == 1
    assert batches.incidents() == []
    with batches.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.ai_batch SET created_at = now() - interval '30 hours'"))

    with batches.runner() as runner:
        assert runner.poll() == []
        assert len(runner.report.incidents) == 1
    (incident,) = batches.incidents()
    assert "a batch of 2 sessions, sent " in incident
    assert "has not ended after 30 hours" in incident
    assert "says 'finalizing'" in incident
    with batches.engine.connect() as connection:
        findings = [finding.message for finding in examine(connection, BUILT_IN) if finding.check == "batch"]
    assert "a batch of 2 sessions" in findings[0]
    assert "is still finalizing" in findings[0]
    assert batches.statuses() == {"IN_PROGRESS": 2}

    batch = next(iter(server.batches.values()))
    batch["looks"] = 0
    batch["end"].shown.clear()
    assert batches.run().completed == 2
    assert batches.incidents() == []
    batches.assert_paid_for(server)


def test_a_refused_line_is_judged_with_a_call(batches: Batches, server: BatchServer, company_id: UUID) -> None:
    def refused(requests: list[Body]) -> list[bytes]:
        return [line(request["custom_id"], {"error": {"message": "no such tenant"}}, 400) for request in requests]

    server.ends = [End(errors=refused)]
    server.calls_answer = lambda _body: (400, {"error": {"message": "no such tenant"}})
    batches.sessions(company_id, 5)
    report = batches.run(company_id)
    assert batches.statuses() == {"PENDING": 5}
    assert len(report.incidents) == 1
    assert "no such tenant" in batches.incidents()[0]
    assert server.seen["POST /chat/completions"] <= 3
