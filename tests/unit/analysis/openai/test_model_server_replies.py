"""What llmock cannot do: answers that are no completions, refusals, broken connections, odd bills."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from uuid import uuid4

import pytest

from livedash_core.analysis.batches import BatchResult
from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn
from livedash_core.analysis.openai import analyzer
from livedash_core.costs.ledger import CallEnd, Usage
from livedash_core.errors import ConfigurationError, PermanentError, SystemicError, TransientError
from livedash_core.outcomes import Deferred
from tests.unit.analysis.openai.conftest import MakeAnalyzer, RecordingLedger
from tests.unit.analysis.openai.scripted_server import SECRET, VALID_REPLY, ScriptedServer, request_of

REPLY = json.dumps(VALID_REPLY)


async def test_all_usage_fields_are_recorded(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    usage = {
        "prompt_tokens": 900,
        "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 640, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 250},
    }
    server.completes(REPLY, usage=usage, service_tier="flex", headers=("x-request-id: req_1",))
    analysis = await make_analyzer(server.url).analyze(request_to_analyse)
    assert analysis.model == "small-model-2026"
    assert ledger.only.end == CallEnd(
        "answered",
        model_answered="small-model-2026",
        provider_request_id="req_1",
        service_tier="flex",
        usage=Usage(900, 640, 100, 300, 250),
    )


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "free",
        [],
        {"prompt_tokens": -1, "completion_tokens": 2**31},
        {
            "prompt_tokens": "a dozen",
            "prompt_tokens_details": 7,
            "completion_tokens_details": {"reasoning_tokens": True},
        },
    ],
)
async def test_missing_or_invalid_usage_is_none_and_no_failure(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    usage: Any,
) -> None:
    server.completes(REPLY, usage=usage, model=7)
    analysis = await make_analyzer(server.url).analyze(request_to_analyse)
    assert analysis.model == "small-model"
    assert ledger.only.end == CallEnd("answered")


async def test_only_standard_parameters_are_sent(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    server.completes(REPLY)
    await make_analyzer(server.url).analyze(request_to_analyse)
    (posted,) = server.posted
    assert sorted(posted) == ["max_completion_tokens", "messages", "model", "response_format"]
    assert str(request_to_analyse.session_id) not in json.dumps(posted)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>Please log in</html>", ("Content-Type: text/html",)),
        (b"<html>Please log in</html>", ()),
        (b"[" * 100_000, ()),
        ([], ()),
        ({"message": "The server is running"}, ()),
        ({"status": "ok", "models": ["m"]}, ()),
    ],
)
async def test_a_200_without_a_completion_names_the_base_url(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    body: Any,
    headers: tuple[str, ...],
) -> None:
    for _ in range(3):
        server.says(body, headers=headers)
    with pytest.raises(SystemicError, match="answered 200 without a completion; check the base URL, and its /v1"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "unknown"] * 3


async def test_an_empty_body_is_a_broken_connection(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.says(b"  ")
    with pytest.raises(TransientError, match="broke the connection"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "unknown"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"choices": []}, "unknown"),
        ({"choices": None, "model": "m"}, "unknown"),
        ({"object": "chat.completion", "id": "c-1"}, "unknown"),
        ({"choices": [], "usage": {"prompt_tokens": 5}}, "answered"),
        ({"choices": [{"finish_reason": "stop", "index": 0}], "usage": {"completion_tokens": 60}}, "answered"),
        ({"choices": [{"message": None}]}, "answered"),
        ({"choices": [{"message": {"content": None}}, {"message": {"content": "   "}}]}, "answered"),
        ({"choices": ["text", 7]}, "answered"),
    ],
)
async def test_a_completion_without_content_is_paid_for_at_most_twice(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    body: Any,
    outcome: str,
) -> None:
    server.says(body)
    server.says(body)
    with pytest.raises(PermanentError, match="the model's reply is unusable: it has no content"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", outcome] * 2


async def test_different_replies_without_content_are_paid_for_at_most_twice(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    server.completes("", finish_reason="length")
    server.completes(None)
    with pytest.raises(PermanentError, match="unusable"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert len(server.posted) == 2


@pytest.mark.parametrize(
    "reply",
    [
        {"content": None, "message": {"refusal": SECRET}},
        {"content": REPLY, "message": {"refusal": SECRET}},
        {"content": None, "finish_reason": "content_filter"},
    ],
)
async def test_a_refusal_is_billed_not_repaired_and_fails_the_session(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    reply: dict[str, Any],
) -> None:
    server.completes(**reply, usage={"prompt_tokens": 5})
    with pytest.raises(PermanentError, match="the model refused to analyse this conversation") as raised:
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert SECRET not in str(raised.value)
    assert len(server.posted) == 1
    assert ledger.history == ["opened", "answered"]
    assert ledger.only.error_message == str(raised.value)


async def test_an_internal_error_on_a_reply_keeps_its_usage(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_arguments: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(analyzer, "read_completion", read)
    server.completes(REPLY, usage={"prompt_tokens": 5})
    with pytest.raises(KeyError):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "answered"]
    assert ledger.only.end
    assert ledger.only.end.usage.prompt_tokens == 5
    assert ledger.only.error_message == "internal error: KeyError"


async def test_an_analysis_is_stored_with_the_call_that_produced_it_only(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.completes("no JSON")
    server.completes(REPLY)
    analyzer = make_analyzer(server.url)
    analysis = await analyzer.analyze(replace(request_to_analyse, input_hash="of these words"))
    wasted, useful = ledger.rows.values()
    assert wasted.stored is None
    key = (request_to_analyse.session_id, "of these words", "openai", "small-model", analyzer.prompt_version)
    assert useful.stored
    assert useful.stored[:5] == key
    assert useful.stored.result["summary"] == analysis.summary
    assert useful.stored.result["model"] == "small-model-2026"


async def test_an_outcome_that_was_asked_for_and_not_said_is_unknown_but_an_older_prompt_did_not_ask(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    said = {name: value for name, value in VALID_REPLY.items() if name not in ("outcome", "outcome_reason", "missing")}
    server.completes(json.dumps(said))
    analyzer = make_analyzer(server.url)
    now = await analyzer.analyze(request_to_analyse)
    assert isinstance(now, Analysis)
    assert (now.outcome, now.notes) == ("UNKNOWN", {"outcome": "not said"})

    body = json.dumps({"choices": [{"message": {"content": json.dumps(said)}}]}).encode()
    late = await analyzer.analyze_result(
        request_to_analyse, BatchResult(uuid4(), CallEnd("answered"), body), "2026-11-5"
    )
    assert isinstance(late, Analysis)
    assert (late.outcome, late.prompt_version, late.notes) == (None, "2026-11-5", {})


async def test_a_reply_cut_off_is_requested_once_with_twice_the_tokens(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.completes("", finish_reason="length")
    server.completes(REPLY)
    analysis = await make_analyzer(server.url, max_completion_tokens=500).analyze(request_to_analyse)
    assert [posted["max_completion_tokens"] for posted in server.posted] == [500, 1_000]
    assert analysis.notes == {"calls_wasted": 1}
    assert ledger.history == ["opened", "answered", "opened", "answered"]


async def test_a_reply_cut_off_twice_fails_the_session(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    server.completes("", finish_reason="length")
    server.completes("", finish_reason="length")
    with pytest.raises(PermanentError, match="exceeds its maximum tokens"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert len(server.posted) == 2


async def test_two_corrections_and_a_valid_reply_are_three_calls_and_three_rows(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.completes("", finish_reason="length")
    server.completes([{"type": "text", "text": "a list of parts"}])
    server.completes(REPLY)
    analysis = await make_analyzer(server.url).analyze(request_to_analyse)
    assert analysis.notes == {"calls_wasted": 2}
    assert [row.error_message is None for row in ledger.rows.values()] == [False, False, True]
    assert server.posted[2]["messages"][2]["content"] == "a list of parts"


async def test_a_dropped_connection_closes_the_call_as_unknown(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.answers.append(b"")
    with pytest.raises(TransientError, match="broke the connection"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert len(server.posted) == 1
    assert ledger.history == ["opened", "unknown"]


async def test_a_truncated_response_closes_the_call_as_unknown(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.answers.append(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices"')
    with pytest.raises(TransientError, match="broke the connection"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "unknown"]


async def test_the_timeout_bounds_a_slowly_dripping_response(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(500):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)  # the fault itself: no pause is long, all of them are

    server.answers.append(drip)
    with pytest.raises(TransientError, match=r"did not answer within 0\.3 seconds"):
        await make_analyzer(server.url, timeout_seconds=0.3).analyze(request_to_analyse)
    assert ledger.history == ["opened", "unknown"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        # llama.cpp
        ({"error": {"code": 400, "type": "exceed_context_size_error", "message": "the request", "n_ctx": 64}}, "long"),
        # vLLM
        ({"object": "error", "type": "BadRequestError", "message": "maximum context length is 64 tokens."}, "too long"),
        # Azure
        ({"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "refused"),
    ],
)
async def test_a_400_that_says_that_it_is_about_the_conversation_fails_the_session(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest, body: Any, says: str
) -> None:
    server.says(body, status="400 Bad Request")
    server.completes("At nine.")  # to the question that decides whose fault it is
    with pytest.raises(PermanentError, match=says):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert len(server.posted) == (1 if says == "refused" else 2)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"param": "messages[1].content", "message": "Invalid"}},
        b"<html>Bad Request</html>",
        {"error": "just text"},
        {"error": {"code": {"nested": 1}, "type": ["x"], "param": 3}},
        {"detail": [{"loc": ["body", {}], "msg": 7}]},
        b"[" * 10_000,
        b"",
        {"error": {"message": "x" * 400 + " the model was not found, response_format, context length"}},
    ],
)
async def test_any_other_400_is_compared_with_a_harmless_question(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest, body: Any
) -> None:
    for answer in ("completes", "says"):
        analyzer = make_analyzer(server.url)
        before = len(server.posted)
        server.says(body, status="400 Bad Request")
        if answer == "completes":
            server.completes(REPLY)
            with pytest.raises(PermanentError, match="refused this conversation"):
                await analyzer.analyze(request_to_analyse)
            assert len(server.posted) - before == 2
            assert SECRET not in json.dumps(server.posted[-1])
        else:
            server.says(body, status="400 Bad Request")
            server.says(body, status="400 Bad Request")
            with pytest.raises(SystemicError, match=r"does not take our requests|has no model"):
                await analyzer.analyze(request_to_analyse)
            assert len(server.posted) - before == 3


async def test_the_request_id_of_a_refused_call_is_recorded(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.says({}, status="504 Gateway Timeout", headers=("x-request-id: req_2",))
    with pytest.raises(TransientError):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.only.end
    assert ledger.only.end.provider_request_id == "req_2"


async def test_ollamas_404_names_the_missing_model(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    for _ in range(3):
        server.says({"error": {"message": "model 'x' not found, try pulling it first"}}, status="404 Not Found")
    with pytest.raises(SystemicError, match="has no model 'small-model'"):
        await make_analyzer(server.url).analyze(request_to_analyse)


@pytest.mark.parametrize("code", [SECRET, "x" * 200, "line\nbreak"])
async def test_an_error_code_that_is_free_text_is_not_quoted(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest, code: str
) -> None:
    server.says({"error": {"code": code, "message": code}}, status="504 Gateway Timeout")
    with pytest.raises(TransientError, match=r"\(504\)$"):
        await make_analyzer(server.url).analyze(request_to_analyse)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 20", 20),
        ("Retry-After: 0", 0),
        ("Retry-After: 99999999", 86_400),
        (f"Retry-After: {formatdate(0, usegmt=True)}", 0),
        ("Retry-After: soon", 5),
        ("Retry-After: nan", 5),
        ("retry-after-ms: 1500\r\nRetry-After: 9", 1.5),
        ("retry-after-ms: inf\r\nRetry-After: 9", 9),
    ],
)
async def test_retry_after_is_read_or_ignored(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    request_to_analyse: AnalysisRequest,
    header: str,
    seconds: float,
) -> None:
    server.says({"error": {}}, status="429 Too Many Requests", headers=(header,))
    deferred = await make_analyzer(server.url).analyze(request_to_analyse)
    assert isinstance(deferred, Deferred)
    assert deferred.retry_after_seconds == seconds
    assert len(server.posted) == 1


async def test_lone_surrogates_and_nuls_do_not_fail_a_session(
    server: ScriptedServer, make_analyzer: MakeAnalyzer
) -> None:
    server.says(b'{"model": "m\\u0000\\ud83d", "choices": [{"message": {"content": "half \\ud83d"}}]}')
    server.completes(REPLY)
    await make_analyzer(server.url).analyze(request_of(Turn("User", "half \ud83d, nul \0")))
    assert server.posted[1]["messages"][2]["content"] == "half \ufffd"


@pytest.mark.parametrize("api_key", ["", "  ", "sk-\nx", "sk-é", "two words"])
def test_an_invalid_key_is_refused_without_quoting_it(make_analyzer: MakeAnalyzer, api_key: str) -> None:
    with pytest.raises(ConfigurationError, match="the OpenAI API key is empty or invalid; check OPENAI_API_KEY"):
        make_analyzer("http://127.0.0.1/v1", api_key=api_key)


@pytest.mark.parametrize("base_url", ["api.openai.com", "ftp://host/v1", "http://", "http://host:x/v1", "http://h/a b"])
def test_an_invalid_base_url_is_refused(make_analyzer: MakeAnalyzer, base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="check OPENAI_BASE_URL"):
        make_analyzer(base_url)


async def test_the_base_url_is_not_read_from_the_environment(
    make_analyzer: MakeAnalyzer, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    analyzer = make_analyzer(None)
    assert str(analyzer._client.base_url) == "https://api.openai.com/v1/"


async def test_limits_are_reported_once_and_an_exhausted_limit_each_time(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    limits = ("x-ratelimit-limit-requests: 500", "x-ratelimit-limit-tokens: 30000")
    server.completes(REPLY)
    server.completes(REPLY, headers=limits)
    server.completes(REPLY, headers=(*limits, "x-ratelimit-remaining-requests: 17"))
    server.completes(REPLY, headers=(*limits, "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 1m0.5s"))
    server.says({"error": {}}, status="429 Too Many Requests", headers=(*limits, "retry-after: 3"))
    server.completes(REPLY, headers=limits)
    analyzer = make_analyzer(server.url)
    for number in range(6):
        analysis = await analyzer.analyze(request_to_analyse)
        assert isinstance(analysis, Deferred) == (number == 4)
    news = [row.end.rate_limit for row in ledger.rows.values() if row.end]
    told = [pace and (pace.requests_per_minute, pace.retry_after_seconds, pace.refused) for pace in news]
    assert told == [None, (500, None, False), None, (500, 60.5, False), (500, 3, True), (500, None, False)]
    assert {pace.tokens_per_minute for pace in news if pace} == {30_000}


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h0m1.5s", 3601.5), ("9999h", 86_400), ("soon", None), ("", None)],
)
async def test_a_reset_is_read_or_ignored(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    reset: str,
    seconds: float | None,
) -> None:
    headers = ("x-ratelimit-remaining-requests: 0", f"x-ratelimit-reset-requests: {reset}")
    server.completes(REPLY, headers=headers)
    await make_analyzer(server.url).analyze(request_to_analyse)
    pace = ledger.only.end and ledger.only.end.rate_limit
    assert (pace and pace.retry_after_seconds) == seconds


async def test_the_connection_in_the_ledger_differs_by_key_and_does_not_contain_it(make_analyzer: MakeAnalyzer) -> None:
    made = [make_analyzer("http://127.0.0.1/v1", api_key=key)._connection for key in ("sk-one", "sk-one", "sk-two")]
    assert made[0] == made[1] != made[2]
    assert len(made[0]) == 16
