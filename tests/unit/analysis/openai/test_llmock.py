"""Faults that a third-party server (llmock) injects; every test counts what was posted, for each post may be billed."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from llmock.pytest_plugin import LLMock

from livedash_core.analysis.contract import AnalysisRequest, Turn
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError, UnavailableError
from livedash_core.outcomes import Deferred
from tests.unit.analysis.openai.conftest import MakeAnalyzer, RecordingLedger
from tests.unit.analysis.openai.scripted_server import SECRET, VALID_REPLY, ScriptedServer, request_of


def posts(llmock: LLMock) -> int:
    return len(llmock.requests)


async def test_a_generated_reply_to_our_schema_is_an_analysis(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    analysis = await make_analyzer(llmock.base_url()).analyze(request_to_analyse)

    assert (analysis.analyzer, analysis.model) == ("openai", "small-model")
    assert (analysis.summary, analysis.sentiment, analysis.category) == ("mock-summary", "POSITIVE", "SCHEDULE_HOURS")
    assert analysis.escalated is True
    assert posts(llmock) == 1
    assert ledger.history == ["opened", "answered"]
    row = ledger.only
    assert (row.session_id, row.model, row.prompt_version) == (
        request_to_analyse.session_id,
        "small-model",
        analysis.prompt_version,
    )
    assert row.end
    assert row.end.usage.prompt_tokens
    assert row.end.usage.completion_tokens
    assert row.end.usage.cached_tokens is None  # llmock gives no details


async def test_the_fields_of_a_reply_are_in_the_analysis(
    llmock: LLMock, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    llmock.reply(json.dumps(VALID_REPLY))
    analysis = await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert (analysis.language, analysis.questions) == ("nl", ("How do I request leave?",))
    assert analysis.notes == {}


async def test_a_reply_without_json_is_repaired_once(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.reply("I would rather chat.").reply(json.dumps(VALID_REPLY))
    analysis = await make_analyzer(llmock.base_url()).analyze(request_to_analyse)

    assert analysis.category == "LEAVE_VACATION"
    assert analysis.notes == {"calls_wasted": 1}
    assert ledger.history == ["opened", "answered", "opened", "answered"]
    first, second = llmock.requests
    assert second.body["messages"][:2] == first.body["messages"]
    assert [message["role"] for message in second.body["messages"]] == ["system", "user", "assistant", "user"]
    assert second.body["messages"][2]["content"] == "I would rather chat."
    assert "no JSON object" in second.body["messages"][3]["content"]


async def test_a_second_unusable_reply_fails_the_session(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.reply(SECRET, times=None)
    with pytest.raises(PermanentError, match="the model's reply is unusable: it holds no JSON object") as raised:
        await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert SECRET not in str(raised.value)
    assert posts(llmock) == 2
    assert all(row.end and row.end.usage.completion_tokens and row.error_message for row in ledger.rows.values())


@pytest.mark.parametrize(
    ("status", "code", "kind", "says", "posted"),
    [
        # Certain at once: nothing in a conversation causes them.
        (401, None, SystemicError, "refuses the API key or its account", 1),
        (402, None, SystemicError, "check the key and its credit", 1),
        (403, "model_not_found", SystemicError, "has no model 'small-model'", 1),
        (404, "model_not_found", SystemicError, "has no model 'small-model'", 1),
        (429, "insufficient_quota", SystemicError, "429 insufficient_quota", 1),
        (429, "credit_balance_exhausted", SystemicError, "check the key and its credit", 1),
        (429, "billing_hard_limit_reached", SystemicError, "check the key and its credit", 1),
        (400, "content_filter", PermanentError, "the model refused", 1),
        (400, "invalid_prompt", PermanentError, "the model refused", 1),
        # A harmless question is refused as well, in the simplest form too.
        (403, None, SystemicError, "forbids the use of 'small-model'", 3),
        (404, None, SystemicError, "check the base URL", 3),
        (422, None, SystemicError, "does not take our requests", 3),
        (400, "unsupported_parameter", SystemicError, "does not take our requests", 3),
        (400, None, SystemicError, "does not take our requests", 3),
        (413, None, SystemicError, "takes too few tokens for any conversation", 3),
        # An outage: a harmless question fails as well, but is not sent if it might be billed.
        (408, None, TransientError, "busy or out of order", 1),
        (409, None, UnavailableError, "busy or out of order", 2),
        (500, None, UnavailableError, "busy or out of order", 3),
        (503, "server_is_overloaded", UnavailableError, "503 server_is_overloaded", 2),
    ],
)
async def test_an_error_status_has_its_error_kind(
    llmock: LLMock,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    status: int,
    code: str | None,
    kind: type[ProcessingError],
    says: str,
    posted: int,
) -> None:
    llmock.fail(status, code=code, times=None, message="the server's own words")
    with pytest.raises(kind, match=says) as raised:
        await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert "sk-very-secret" not in str(raised.value)
    assert ("the server's own words" in str(raised.value)) == (posted > 1 and status != 413)
    assert posts(llmock) == posted
    # A gateway's time limit does not tell whether the model behind it answered and is billed.
    assert ledger.history == ["opened", "unknown" if status == 408 else "rejected"] * posted


@pytest.mark.parametrize("status", [400, 403, 422, 500])
async def test_the_servers_words_about_a_conversation_are_not_quoted(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    status: int,
) -> None:
    server.says({"error": {"message": f"You wrote: {SECRET}"}}, status=f"{status} No")
    server.completes(json.dumps(VALID_REPLY))
    with pytest.raises((PermanentError, TransientError)) as raised:
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert SECRET not in str(raised.value)
    assert [row.error_message for row in ledger.rows.values()] == [
        str(raised.value),
        "a check whether the server works",
    ]


async def test_a_rate_limit_defers_without_quoting_the_server(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.fail(429, code="slow_down", times=None, message=f"You wrote: {SECRET}")
    deferred = await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert isinstance(deferred, Deferred)
    assert "busy or out of order (429 slow_down)" in deferred.message
    assert SECRET not in deferred.message
    assert posts(llmock) == 1
    assert ledger.history == ["opened", "rejected"]
    assert ledger.only.end
    assert ledger.only.end.error_message == deferred.message


@pytest.mark.parametrize(
    ("status", "code", "only_the_company"),
    [(401, None, False), (429, "insufficient_quota", False), (404, "model_not_found", True), (422, None, True)],
)
async def test_a_key_error_stops_all_companies_and_a_model_error_only_one(
    llmock: LLMock,
    make_analyzer: MakeAnalyzer,
    request_to_analyse: AnalysisRequest,
    status: int,
    code: str | None,
    only_the_company: bool,
) -> None:
    llmock.fail(status, code=code, times=None)
    with pytest.raises(SystemicError) as raised:
        await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert raised.value.company_id == (request_to_analyse.company_id if only_the_company else None)


@pytest.mark.parametrize("seconds", [0.25, 7, 600])
async def test_a_rate_limit_defers_the_session_until_retry_after(
    llmock: LLMock,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    seconds: float,
) -> None:
    llmock.rate_limit(retry_after=seconds)
    deferred = await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert isinstance(deferred, Deferred)
    assert (deferred.reason, deferred.retry_after_seconds, deferred.this_session) == ("rate limit", seconds, True)
    assert posts(llmock) == 1
    end = ledger.only.end
    assert end
    assert (end.outcome, end.rate_limit and end.rate_limit.refused) == ("rejected", True)
    assert end.rate_limit
    assert (end.rate_limit.retry_after_seconds or 0) >= seconds


async def test_a_500_is_not_retried_here_and_has_no_retry_after(
    llmock: LLMock, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    llmock.fail(500)  # the next request, a harmless question, is answered
    with pytest.raises(TransientError) as raised:
        await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert raised.value.retry_after_seconds is None
    assert posts(llmock) == 2


async def test_a_context_that_is_too_small_for_any_conversation_is_no_fault_of_a_session(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.limits(context_window=100)
    with pytest.raises(SystemicError, match=r"any conversation with 'small-model' \(100\); give the model a larger"):
        await make_analyzer(llmock.base_url()).analyze(request_to_analyse)
    assert posts(llmock) == 2
    assert ledger.history == ["opened", "rejected", "opened", "rejected"]


async def test_a_long_conversation_that_is_too_long_is_halved_once(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    llmock.limits(context_window=4_000)  # in llmock's tokens, of four characters
    turns = [Turn("User" if number % 2 else "Assistant", f"{number} " + "woord " * 50) for number in range(60)]
    analysis = await make_analyzer(llmock.base_url()).analyze(request_of(*turns))
    assert posts(llmock) == 2
    assert ledger.history == ["opened", "rejected", "opened", "answered"]
    assert analysis.notes["messages_omitted"] in range(25, 40)
    assert analysis.notes["calls_wasted"] == 1


async def test_no_smaller_request_is_made_if_not_even_the_instructions_fit(
    llmock: LLMock, make_analyzer: MakeAnalyzer
) -> None:
    llmock.limits(context_window=100)
    with pytest.raises(SystemicError, match="too few tokens"):
        await make_analyzer(llmock.base_url()).analyze(request_of(Turn("User", "woord " * 5_000)))
    assert posts(llmock) == 2


async def test_a_timeout_closes_the_call_as_unknown(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.delay(1)
    with pytest.raises(TransientError, match=r"did not answer within 0\.2 seconds"):
        await make_analyzer(llmock.base_url(), timeout_seconds=0.2).analyze(request_to_analyse)
    assert posts(llmock) == 1
    assert ledger.history == ["opened", "unknown"]


async def test_a_cancelled_task_closes_the_call_as_unknown(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    llmock.delay(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(make_analyzer(llmock.base_url()).analyze(request_to_analyse), 0.2)
    # Counting waits for the server to be done with it: else its thread draws from `random` while Hypothesis does.
    assert posts(llmock) == 1
    assert ledger.history == ["opened", "unknown"]


async def test_a_refused_connection_is_an_outage_and_not_billed(
    make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))  # bound but not listening, so that no other process gets the port
        url = f"http://127.0.0.1:{closed_port.getsockname()[1]}/v1"
        with pytest.raises(UnavailableError, match="no connection to 127"):
            await make_analyzer(url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "rejected"] * 2


async def test_many_sessions_share_one_analyzer_with_a_row_each(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    analyzer = make_analyzer(llmock.base_url())
    requests = [request_of(Turn("User", f"Vraag {number}?")) for number in range(20)]
    await asyncio.gather(*map(analyzer.analyze, requests))
    assert posts(llmock) == 20
    assert {row.session_id for row in ledger.rows.values()} == {request.session_id for request in requests}


@pytest.mark.parametrize(("status", "code"), [(401, None), (404, "model_not_found")])
async def test_after_a_systemic_error_no_call_is_sent_and_each_company_gets_the_error(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, status: int, code: str | None
) -> None:
    llmock.fail(status, code=code, times=None)
    analyzer = make_analyzer(llmock.base_url())
    first, second = request_of(Turn("User", "Hoi")), request_of(Turn("User", "Hallo"))
    raised = []
    for request in (first, second):
        with pytest.raises(SystemicError) as error:
            await analyzer.analyze(request)
        raised.append(error.value)
    assert posts(llmock) == 1
    assert ledger.history == ["opened", "rejected"]
    assert str(raised[0]) == str(raised[1])
    told = [None, None] if status == 401 else [first.company_id, second.company_id]
    assert [error.company_id for error in raised] == told


async def test_calls_in_progress_finish_after_a_systemic_error_of_another(
    llmock: LLMock, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    analyzer = make_analyzer(llmock.base_url())
    for _ in range(3):  # so that more than one call is made at a time
        await analyzer.analyze(request_of(Turn("User", "Hoi")))
    llmock.fail(429, code="insufficient_quota")  # the first of two; the other is answered
    requests = [request_of(Turn("User", f"Vraag {number}?")) for number in range(2)]
    results = await asyncio.gather(*map(analyzer.analyze, requests), return_exceptions=True)
    assert sum(isinstance(result, SystemicError) for result in results) == 1
    assert posts(llmock) == 5
    assert sorted(row.end.outcome for row in ledger.rows.values() if row.end) == [*["answered"] * 4, "rejected"]


async def test_a_request_above_the_limit_per_minute_is_halved_and_not_deferred(
    llmock: LLMock, make_analyzer: MakeAnalyzer
) -> None:
    llmock.fail(429, code="rate_limit_exceeded", message="Request too large for small-model on tokens per min")
    turns = [Turn("User", f"{number} " + "woord " * 50) for number in range(60)]
    analysis = await make_analyzer(llmock.base_url()).analyze(request_of(*turns))
    assert analysis.notes["calls_wasted"] == 1
    assert posts(llmock) == 2
