"""Batches against a server of our own (`batch_server`): whatever a batch comes to, each session has one outcome, and
the ledger counts what the server bills.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from livedash_core.analysis.openai.prompt import RESPONSE_FORMAT
from livedash_core.costs.reports import miscounted_batches
from livedash_core.operations.erasure import erase_session
from livedash_core.stages.ai_analysis.batch.runner import LEASE_SECONDS
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.stages.batch_server import (
    BatchServer,
    End,
    all_answered,
    completion,
    line,
    not_run,
)
from tests.integration.stages.batches import MODEL, STAGE, Batches


def test_a_completed_batch_analyses_all_its_sessions_for_half_the_price(
    batches: Batches, server: BatchServer, company_id: UUID
):
    ids = batches.sessions(company_id, 7)

    report = batches.run(company_id)

    assert (report.claimed, report.completed, report.failed) == (7, 7, 0)
    assert batches.statuses() == {"COMPLETED": 7}
    found = batches.result(ids[0])
    assert (found.sentiment, found.category, found.analyzer) == ("NEUTRAL", "LEAVE_VACATION", "openai")
    assert found.model == "gpt-4o-mini-2024-07-18"
    assert [(call.mode, call.outcome) for call in batches.calls()] == [("batch", "answered")] * 7
    assert server.seen["POST /chat/completions"] == 0
    batches.assert_paid_for(server)
    (batch,) = batches.batches()
    assert (batch.status, batch.remote_status, batch.requests) == ("closed", "completed", 7)
    assert batches.leases() == 0
    assert server.files == {}  # conversations are not left lying there
    # The very question that a call would have asked.
    assert {json.dumps(asked["body"]["response_format"]) for asked in server.requests_of("batch-0")} == {
        json.dumps(RESPONSE_FORMAT)
    }


def test_a_conversation_with_a_stored_analysis_is_not_sent_again(
    batches: Batches, server: BatchServer, company_id: UUID
):
    ids = batches.sessions(company_id, 3)
    batches.run(company_id)
    with batches.engine.begin() as connection:
        ProcessingStatusManager(connection).reopen(STAGE, ids)

    report = batches.run(company_id)

    assert report.completed == 3
    assert len(server.batches) == 1
    batches.assert_paid_for(server)


def test_sessions_with_nothing_to_analyse_are_skipped_on_the_way(batches: Batches, company_id: UUID):
    batches.sessions(company_id, 2)
    batches.sessions(company_id, 1, ("Assistant", "Hello?"))

    report = batches.run(company_id)

    assert (report.completed, report.skipped) == (2, 1)
    assert batches.batches()[0].requests == 2


def test_without_a_session_that_needs_a_call_there_is_no_batch(batches: Batches, server: BatchServer, company_id: UUID):
    batches.sessions(company_id, 1, ("Assistant", "Hello?"))

    assert batches.run(company_id).skipped == 1
    assert (batches.batches(), batches.leases(), server.seen["POST /files"]) == ([], 0, 0)


def test_the_sessions_of_a_batch_in_progress_cannot_be_claimed(batches: Batches, server: BatchServer, company_id: UUID):
    server.ends = [End(output=all_answered, looks=2)]
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
        assert [row.remote_status for row in runner.poll()] == ["in_progress"]
    ((seconds,),) = batches.query(
        "SELECT extract(epoch FROM expires_at - now()) FROM livedash.session_processing_lease"
    )
    assert LEASE_SECONDS - 60 < seconds <= LEASE_SECONDS

    assert batches.statuses() == {"IN_PROGRESS": 2}
    with batches.runner() as other:
        other.submit([company_id])
        assert other.report.claimed == 0
    assert batches.run(company_id).completed == 2
    assert len(server.batches) == 1


def test_requests_are_split_by_number_and_by_size(engine: Engine, server: BatchServer, company_id: UUID):
    by_number = Batches(engine, server.url, batch_requests=2)
    by_number.sessions(company_id, 5)
    assert by_number.run(company_id).completed == 5
    assert [batch.requests for batch in by_number.batches()] == [2, 2, 1]

    by_size = Batches(engine, server.url, batch_megabytes=1)
    by_size.sessions(company_id, 9, ("User", "verlof " * 26_000))
    assert by_size.run(company_id).completed == 9
    assert [batch.requests for batch in by_size.batches()[3:]] == [5, 4]
    assert max(map(len, (content for _, content in server.uploaded))) <= 1_000_000
    by_size.assert_paid_for(server)


def test_a_limit_holds_for_all_batches_together(engine: Engine, server: BatchServer, company_id: UUID):
    batches = Batches(engine, server.url, batch_requests=2)
    batches.sessions(company_id, 6)

    assert batches.run(company_id, limit=3).completed == 3
    assert batches.statuses() == {"COMPLETED": 3, "PENDING": 3}


def test_a_batch_contains_what_the_budget_allows_and_is_collected_even_then(
    batches: Batches, server: BatchServer, company_id: UUID
):
    server.ends = [End(output=all_answered, looks=1)]
    batches.sessions(company_id, 5)
    with batches.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.company SET monthly_budget_usd = 0.0035"))

    report = batches.run(company_id)

    assert 0 < report.completed < 5
    assert report.completed + report.released == 5
    assert (len(report.deferred), report.incidents) == (1, [])
    assert batches.outcomes() == {"answered": report.completed}
    batches.assert_paid_for(server)


# --- what a batch may come to


def partly(answered: int, *more: Callable[[str], bytes]) -> Callable[[list[dict]], list[bytes]]:
    """The first requests are answered; each of ``more`` makes a line for one after them."""

    def lines(requests: list[dict]) -> list[bytes]:
        rest = requests[answered:]
        return all_answered(requests[:answered]) + [
            make(request["custom_id"]) for make, request in zip(more, rest, strict=False)
        ]

    return lines


def test_the_results_of_an_expired_batch_are_used_and_only_the_rest_is_sent_again(
    batches: Batches, server: BatchServer, company_id: UUID
):
    def expired(requests: list[dict]) -> list[bytes]:
        return [not_run(request["custom_id"], "batch_expired") for request in requests[2:]]

    server.ends = [End("expired", output=partly(2), errors=expired)]
    batches.sessions(company_id, 5)

    first = batches.run(company_id)
    assert (first.completed, first.released) == (2, 3)
    second = batches.run(company_id)

    assert second.completed == 3
    assert [len(server.requests_of(key)) for key in server.batches] == [5, 3]
    assert batches.outcomes() == {"answered": 5, "rejected": 3}
    assert {row.attempts for row in rows(batches)} == {1}  # whose turn never came has not been tried
    batches.assert_paid_for(server)


def test_the_finished_results_of_a_cancelled_batch_are_used(batches: Batches, server: BatchServer, company_id: UUID):
    server.ends = [End(looks=5)]
    batches.sessions(company_id, 4)
    with batches.runner() as runner:
        runner.submit([company_id])
        runner.poll()
    server.batches["batch-0"]["status"] = "cancelling"

    first = batches.run()

    assert (first.completed, first.released) == (2, 2)
    assert batches.outcomes() == {"answered": 2, "rejected": 2}  # whole files name all that was answered
    batches.assert_paid_for(server)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, {"error": {"message": "oops"}}, "transient"),
        (429, {"error": {"code": "rate_limit_exceeded"}}, "transient"),
        (400, {"error": {"code": "content_filter"}}, "permanent"),
    ],
)
def test_a_line_with_an_error_fails_its_session_alone(
    batches: Batches, server: BatchServer, company_id: UUID, status: int, body: dict, kind: str
):
    server.ends = [End(output=partly(1), errors=lambda asked: [line(asked[1]["custom_id"], body, status)])]
    batches.sessions(company_id, 2)

    report = batches.run(company_id)

    assert (report.completed, report.failed) == (1, 1)
    assert batches.outcomes() == {"answered": 1, "rejected": 1}
    assert {row.error_kind for row in rows(batches)} == {None, kind}
    batches.assert_paid_for(server)


def test_what_fails_in_every_batch_is_sent_as_often_as_there_are_attempts(
    engine: Engine, server: BatchServer, company_id: UUID
):
    def broken(asked: list[dict]) -> list[bytes]:
        return [line(one["custom_id"], {"error": {}}, 500) for one in asked]

    batches = Batches(engine, server.url, max_attempts=2)
    server.ends = [End(errors=broken) for _ in range(4)]
    batches.sessions(company_id, 1)
    for _ in range(4):
        batches.run(company_id)
        batches.records.backoff_is_over()

    assert len(server.batches) == 2
    assert batches.statuses() == {"FAILED": 1}
    batches.assert_paid_for(server)


def test_a_refusal_is_paid_and_fails_its_session_for_good(batches: Batches, server: BatchServer, company_id: UUID):
    refused = completion("", refusal="I cannot help with that.")
    server.ends = [End(output=lambda asked: [line(asked[0]["custom_id"], refused)])]
    batches.sessions(company_id, 1)

    batches.run(company_id)

    assert batches.statuses() == {"FAILED": 1}
    (call,) = batches.calls()
    assert (call.outcome, "refused" in call.error_message) == ("answered", True)
    batches.assert_paid_for(server)


def test_a_reply_that_cannot_be_used_is_repaired_with_one_call(batches: Batches, server: BatchServer, company_id: UUID):
    server.ends = [End(output=lambda asked: [line(asked[0]["custom_id"], completion("I think it is about leave"))])]
    batches.sessions(company_id, 1)

    assert batches.run(company_id).completed == 1

    assert [(call.mode, call.outcome) for call in batches.calls()] == [("batch", "answered"), ("realtime", "answered")]
    assert server.seen["POST /chat/completions"] == 1
    batches.assert_paid_for(server)


def test_replies_are_read_even_when_no_repair_call_can_be_made(engine: Engine, server: BatchServer, company_id: UUID):
    batches = Batches(engine, server.url, analysis_concurrency=1)

    def mixed(asked: list[dict]) -> list[bytes]:
        return [line(asked[0]["custom_id"], completion("no JSON")), *all_answered(asked[1:])]

    server.ends = [End(output=mixed)]
    server.calls_answer = lambda _body: (401, {"error": {"code": "invalid_api_key"}})
    batches.sessions(company_id, 20)

    report = batches.run(company_id)

    assert (report.completed, report.released) == (19, 1)
    assert "refuses the API key" in str(report.incidents[0])
    assert batches.batches()[0].status == "closed"
    batches.assert_paid_for(server)


def test_malformed_foreign_and_duplicate_lines_are_ignored(batches: Batches, server: BatchServer, company_id: UUID):
    def odd(asked: list[dict]) -> list[bytes]:
        good = all_answered(asked[:3])
        wrong = completion({"summary": "another answer, which came too late"})
        return [
            b"",
            b"\xff\xfe not JSON",
            b'{"custom_id": "17", "response": null}',
            b"[" * 5_000,
            good[0],
            line(json.loads(good[0])["custom_id"], wrong),
            line(str(uuid4()), completion()),
            good[1][:-9],
            good[1],
            good[2].replace(b"leave", "leave\u2028\u0085".encode()),
        ]

    server.ends = [End(output=odd)]
    batches.sessions(company_id, 4)

    report = batches.run(company_id)

    assert (report.completed, report.failed) == (3, 1)
    assert batches.outcomes() == {"answered": 3, "unknown": 1}
    (failed,) = [row for row in rows(batches) if row.error_kind]
    assert failed.error_message == "the batch ended, without an answer to it; it is sent again"


@pytest.mark.parametrize(
    ("usage", "note"),
    [
        ({"input_tokens": 1_800, "output_tokens": 160, "total_tokens": 1_960}, None),
        (
            {"input_tokens": 1_900, "output_tokens": 160},
            "the server counts other tokens: 1,900 in and 160 out; the ledger has 1,800 and 160",
        ),
        (None, None),
        ({"input_tokens": -1, "output_tokens": "many"}, None),
        ([], None),
    ],
)
def test_a_differing_token_count_of_the_server_is_reported_and_fails_no_session(
    batches: Batches, server: BatchServer, company_id: UUID, caplog: pytest.LogCaptureFixture, usage: Any, note: Any
):
    server.ends = [End(output=all_answered, usage=usage)]
    batches.sessions(company_id, 2)

    assert batches.run(company_id).completed == 2

    (batch,) = batches.batches()
    assert (batch.status, batch.error_message) == ("closed", note)
    assert caplog.messages == ([f"Acme: batch batch-0: {note}"] if note else [])
    with batches.engine.connect() as connection:
        today = batch.created_at.date()
        assert miscounted_batches(connection) == ([f"Acme, batch batch-0: {note}"] if note else [])
        assert miscounted_batches(connection, company_ids=[uuid4()]) == []
        assert miscounted_batches(connection, first_day=today + timedelta(days=1)) == []
        assert len(miscounted_batches(connection, company_ids=[company_id], last_day=today)) == bool(note)


@pytest.mark.parametrize("end", [End(output=all_answered, output_is_gone=True), End()], ids=["deleted", "never made"])
def test_without_an_output_file_the_costs_are_unknown_and_all_is_sent_again(
    batches: Batches, server: BatchServer, company_id: UUID, end: End
):
    server.ends = [end]
    batches.sessions(company_id, 3)

    report = batches.run(company_id)

    assert (report.completed, report.failed) == (0, 3)
    assert batches.outcomes() == {"unknown": 3}
    batches.records.backoff_is_over()
    assert batches.run(company_id).completed == 3
    assert batches.outcomes() == {"unknown": 3, "answered": 3}


def test_a_full_queue_at_the_server_makes_batches_smaller_and_later(
    batches: Batches, server: BatchServer, company_id: UUID
):
    server.ends = [End("failed", codes=("token_limit_exceeded",))]
    batches.sessions(company_id, 6)

    report = batches.run(company_id)
    assert (report.released, report.incidents) == (6, [])
    assert batches.run(company_id).claimed == 0  # later
    batches.records.backoff_is_over()
    assert batches.run(company_id).completed == 6

    assert [len(server.requests_of(key)) for key in server.batches] == [6, 3, 3]
    assert batches.outcomes() == {"rejected": 6, "answered": 6}
    batches.assert_paid_for(server)


def test_a_batch_that_is_refused_as_a_whole_stops_its_company_and_costs_no_attempt(
    batches: Batches, server: BatchServer, records: Records, company_id: UUID
):
    server.ends = [End("failed", codes=("model_mismatch", "<b>", "model_mismatch"))]
    batches.sessions(company_id, 3)
    other = records.company("Globex")
    batches.sessions(other, 2)

    report = batches.run(company_id, other)

    assert (report.released, report.completed) == (3, 2)
    assert [str(incident) for incident in report.incidents] == batches.incidents()
    assert batches.incidents()[0].endswith(f"refused a batch for '{MODEL}' as a whole: model_mismatch")
    assert {row.attempts for row in rows(batches) if row.status == "PENDING"} == {0}


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [
        ("POST /files", 404, "has no batch API; have the company analysed one by one"),
        ("POST /files", 413, "did not take a batch (413)"),
        ("POST /files", 401, "refuses the API key"),
        ("POST /files", 503, "is busy or out of order (503)"),
        ("POST /batches", 403, "forbids the use"),
        ("POST /batches", 404, "has no batch API"),
    ],
)
def test_sessions_that_could_not_be_sent_are_released_with_one_incident(
    batches: Batches, server: BatchServer, company_id: UUID, where: str, status: int, words: str
):
    server.refuses = {where: (status, {"error": {"message": "no"}})}
    batches.sessions(company_id, 3)

    report = batches.run(company_id)

    assert report.released == 3
    assert words in str(report.incidents[0])
    assert batches.outcomes() == {"rejected": 3}
    assert {(row.status, row.attempts) for row in rows(batches)} == {("PENDING", 0)}
    assert batches.leases() == 0
    assert server.files == {}


def test_a_submission_without_an_answer_is_searched_for_before_it_is_repeated(
    batches: Batches, server: BatchServer, company_id: UUID
):
    server.refuses = {"POST /batches": (502, {})}
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
    assert batches.batches()[0].status == "uploaded"
    server.refuses = {}

    assert batches.run(company_id).completed == 2
    assert (server.seen["POST /files"], server.seen["GET /batches"], len(server.batches)) == (1, 1, 1)


def test_an_unreachable_server_is_polled_again(batches: Batches, server: BatchServer, company_id: UUID):
    server.ends = [End(output=all_answered, looks=3)]
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
        server.refuses = {"GET /batches/ID": (503, {})}
        assert len(runner.poll()) == 1
        server.refuses = {}
    assert batches.run().completed == 2


def test_a_key_that_is_refused_while_a_batch_is_in_progress_keeps_the_batch(
    batches: Batches, server: BatchServer, company_id: UUID
):
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
        server.refuses = {"GET /batches/ID": (401, {})}
        assert runner.poll() == []
    assert batches.statuses() == {"IN_PROGRESS": 2}
    assert len(batches.incidents()) == 1
    server.refuses = {}

    assert batches.run().completed == 2
    assert batches.incidents() == []


def test_a_batch_that_cannot_be_polled_for_a_week_is_abandoned(batches: Batches, server: BatchServer, company_id: UUID):
    batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
    with batches.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.ai_batch SET created_at = now() - interval '8 days'"))
    server.refuses = {"GET /batches/ID": (404, {})}

    report = batches.run()

    assert "does not know the batch" in str(report.incidents[0])
    assert batches.outcomes() == {"unknown": 2}
    assert batches.statuses() == {"PENDING": 2}


def test_a_session_that_is_imported_again_meanwhile_does_not_get_the_old_result(
    batches: Batches, server: BatchServer, company_id: UUID
):
    server.ends = [End(output=lambda asked: [line(one["custom_id"], completion("no JSON")) for one in asked])]
    ids = batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
    with batches.engine.begin() as connection:
        ProcessingStatusManager(connection).reopen(STAGE, ids[:1])

    assert batches.run().completed == 1
    assert server.seen["POST /chat/completions"] == 1  # nor is it repaired

    assert {row.status for row in rows(batches)} == {"PENDING", "COMPLETED"}
    batches.assert_paid_for(server)  # it is paid all the same


def test_the_result_of_an_erased_session_is_billed_and_not_stored(
    batches: Batches, server: BatchServer, company_id: UUID
):
    erased, kept = batches.sessions(company_id, 2)
    with batches.runner() as runner:
        runner.submit([company_id])
    erase_session(batches.engine, erased, batches.stages)

    assert batches.run().completed == 1

    assert [row.session_id for row in batches.query("SELECT session_id FROM livedash.session_analysis")] == [kept]
    assert batches.result(erased).summary is None
    assert batches.outcomes() == {"answered": 2}
    assert batches.leases() == 0
    batches.assert_paid_for(server)


def test_a_result_is_stored_under_the_model_and_the_prompt_of_its_request(batches: Batches, company_id: UUID):
    (session_id,) = batches.sessions(company_id, 1)
    with batches.runner() as runner:
        runner.submit([company_id])
    with batches.engine.begin() as connection:
        connection.execute(
            text("UPDATE livedash.company SET model = 'gpt-4o', analyzer = 'offline', mode = 'realtime'")
        )
        connection.execute(text("UPDATE livedash.ai_processing_request SET prompt_version = 'of old'"))

    batches.run()

    ((model, version, analyzer),) = batches.query(
        "SELECT model, prompt_version, analyzer FROM livedash.session_analysis WHERE session_id = :id", id=session_id
    )
    assert (model, version, analyzer) == (MODEL, "of old", "openai")


def test_a_stop_before_anything_is_sent_releases_all_sessions(batches: Batches, server: BatchServer, company_id: UUID):
    batches.sessions(company_id, 3)
    with batches.runner() as runner:
        runner.stop()
        runner.submit([company_id])
    assert batches.statuses() == {"PENDING": 3}
    assert server.seen.total() == 0


def test_a_stop_while_a_batch_is_collected_leaves_the_rest_to_the_next_run(
    batches: Batches, server: BatchServer, company_id: UUID
):
    batches.sessions(company_id, 3)
    with batches.runner() as runner:
        runner.submit([company_id])
        server.on_look = lambda _key: runner.stop()
        runner.poll()
    server.on_look = None
    assert batches.batches()[0].status == "submitted"

    assert batches.run().completed == 3
    batches.assert_paid_for(server)


@pytest.mark.parametrize("moment", ["POST /files", "POST /batches", "GET /batches/ID", "GET /files/ID/content"])
def test_cancelling_the_run_cancels_its_batches(engine: Engine, server: BatchServer, company_id: UUID, moment: str):
    batches = Batches(engine, server.url, batch_requests=4)
    server.ends = [End(output=all_answered, looks=9 if moment == "GET /batches/ID" else 0), End(looks=9)]
    batches.sessions(company_id, 8 if moment == "GET /files/ID/content" else 4)

    with batches.runner(dag_run="livedash_ai_analysis/manual") as runner:
        server.meanwhile[moment] = runner.cancel
        runner.submit([company_id])
        runner.poll()
        runner.detach()

    server.ends = []
    if moment == "POST /files":
        assert (server.batches, server.files) == ({}, {})
        assert batches.statuses() == {"PENDING": 4}
    else:
        assert [batch["status"] for batch in server.batches.values()][-1] == "cancelling"
        # The next run need not wait for anybody: it collects what was done. The one after it sends the rest.
        batches.run(company_id)
        batches.run(company_id)
        assert set(batches.statuses()) == {"COMPLETED"}
        assert set(server.billed.values()) == {1}
        batches.assert_paid_for(server)


def rows(batches: Batches) -> list:
    return batches.query("SELECT * FROM livedash.session_processing_status WHERE stage = :stage", stage=STAGE)
