"""Bodies with status 200 that are no plain completion: errors, event streams, lines of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livedash_core.analysis.contract import AnalysisRequest
from livedash_core.analysis.openai.completion import Completion
from livedash_core.costs.ledger import Usage
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError, UnavailableError
from livedash_core.outcomes import Deferred
from tests.unit.analysis.openai.conftest import MakeAnalyzer, RecordingLedger
from tests.unit.analysis.openai.scripted_server import VALID_REPLY, ScriptedServer

REPLY = json.dumps(VALID_REPLY)


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (
            {"error": "Unexpected endpoint or method. (POST /chat/completions)"},
            SystemicError,
            "check the base URL, and",
        ),
        ({"error": {"message": "Incorrect API key provided", "code": 401}}, SystemicError, "refuses the API key"),
        ({"error": {"message": "no", "type": "authentication_error"}}, SystemicError, "refuses the API key"),
        ([{"error": {"code": 401, "status": "UNAUTHENTICATED"}}], SystemicError, "refuses the API key"),
        ({"code": 401, "message": "token invalid"}, SystemicError, "refuses the API key"),
        ({"error": {"code": "insufficient_quota", "message": "top up"}}, SystemicError, "refuses the API key"),
        ({"error": {"message": "model 'x' not found"}}, SystemicError, "has no model"),
        ({"error": {"message": "overloaded"}}, UnavailableError, "busy or out of order"),
        ({"error": {"code": "502", "message": "bad gateway"}}, UnavailableError, r"\(502"),
        ({"error": "something odd"}, UnavailableError, r"\(500"),
        (
            {"object": "error", "message": "HarmonyError", "type": "BadRequestError", "code": 400},
            SystemicError,
            "does not take our requests",
        ),
        (
            {"error": {"code": 400, "message": "maximum context length is 4096 tokens"}},
            SystemicError,
            r"takes too few tokens for any conversation with 'small-model' \(4,096\)",
        ),
        ({"error": True, "message": "the API key is invalid"}, SystemicError, "refuses the API key"),
        ({"success": False, "errors": [{"code": 7009, "message": "Upstream error"}]}, UnavailableError, "out of order"),
        ({"status": "failure", "message": "no reason"}, UnavailableError, "out of order"),
        (
            {"base_resp": {"status_code": 1004, "status_msg": "login fail: carry the API secret key"}, "choices": None},
            SystemicError,
            "refuses the API key",
        ),
        ({"error_code": 110, "error_msg": "Access token invalid"}, SystemicError, "refuses the API key"),
        (
            {"choices": [{"error": {"code": 402, "message": "credits"}}], "usage": {"prompt_tokens": 0}},
            SystemicError,
            "refuses the API key",
        ),
        ({"error": {"code": "content_filter", "message": "flagged"}}, PermanentError, "the model refused"),
        ({"detail": "Unauthorized"}, SystemicError, "refuses the API key"),
        (
            {"choices": [{"error": {"code": 502, "message": "provider"}, "message": {"content": ""}}]},
            UnavailableError,
            "502",
        ),
        ({"choices": None, "error": {"code": 503, "message": "no"}}, UnavailableError, "503"),
        (
            b'data: {"error": {"message": "no such model", "code": 401}}\n\ndata: [DONE]\n\n',
            SystemicError,
            "refuses the",
        ),
        (
            b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n',
            UnavailableError,
            "overloaded",
        ),
    ],
)
async def test_an_error_with_status_200_is_read_as_that_error(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    body: Any,
    kind: type[ProcessingError],
    says: str,
) -> None:
    for _ in range(12):  # the question that decides whose error it is gets the same answer
        server.says(body)
    with pytest.raises(kind, match=says):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert all(row.error_message for row in ledger.rows.values())


async def test_a_rate_limit_with_status_200_defers_the_session(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    server.says({"error": {"message": "Rate limit exceeded", "code": 429}}, headers=("Retry-After: 7",))
    deferred = await make_analyzer(server.url).analyze(request_to_analyse)
    assert isinstance(deferred, Deferred)
    assert deferred.retry_after_seconds == 7
    assert ledger.history == ["opened", "rejected"]


async def test_an_error_after_a_part_of_the_reply_is_billed_and_no_repair_is_paid(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger, request_to_analyse: AnalysisRequest
) -> None:
    choice = {"finish_reason": "error", "error": {"code": 502, "message": "upstream"}, "message": {"content": '{"summ'}}
    server.says({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 9}})
    with pytest.raises(TransientError, match="502"):
        await make_analyzer(server.url).analyze(request_to_analyse)
    assert ledger.history == ["opened", "answered"]


async def test_a_complete_reply_beside_an_error_is_read(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, request_to_analyse: AnalysisRequest
) -> None:
    server.completes(REPLY, error={"message": "could not log the request", "code": 500})
    assert await make_analyzer(server.url).analyze(request_to_analyse)


def chunk(**delta: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": None}]
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "model": "m-1", "choices": choices}).encode()


USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}'
END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}'
PLAIN = json.dumps(
    {"choices": [{"message": {"content": REPLY}}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
)


@pytest.mark.parametrize(
    "body",
    [
        b"\n\n".join([chunk(role="assistant"), chunk(content=REPLY[:30]), chunk(content=REPLY[30:]), END, USAGE]),
        b"\n\n".join([chunk(content=REPLY), END, USAGE, b"data: [DONE]", b""]),
        b"\r\n\r\n".join([b": keep-alive", b"event: message\r\n" + chunk(content=REPLY), USAGE]),
        b"\n".join(line.removeprefix(b"data: ") for line in (chunk(content=REPLY), END, USAGE)),
        b"\n\n".join(
            [
                chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "a", "arguments": REPLY[:9]}}]),
                chunk(tool_calls=[{"index": 0, "function": {"arguments": REPLY[9:]}}]),
                USAGE,
            ]
        ),
        b"data: " + PLAIN.encode(),
        b": PROCESSING\n\n: PROCESSING\n\n" + json.dumps(json.loads(PLAIN), indent=1).encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        b"\n  \n" + PLAIN.encode() + b"\n",
        b"[" + PLAIN.encode() + b"]",
        json.dumps(PLAIN).encode(),
        b'{"code": 0, "msg": "ok", "data": ' + PLAIN.encode() + b"}",
        json.dumps({"statusCode": 200, "body": PLAIN}).encode(),
    ],
)
async def test_a_stream_or_a_body_behind_comments_is_the_completion_in_it(
    server: ScriptedServer,
    make_analyzer: MakeAnalyzer,
    ledger: RecordingLedger,
    request_to_analyse: AnalysisRequest,
    body: bytes,
) -> None:
    server.says(body, headers=("Content-Type: text/event-stream",))
    analysis = await make_analyzer(server.url).analyze(request_to_analyse)
    assert analysis.summary == VALID_REPLY["summary"]
    assert ledger.only.end
    assert ledger.only.end.usage == Usage(prompt_tokens=7, completion_tokens=3)


def test_a_stream_of_reasoning_and_content_keeps_them_apart() -> None:
    body = b"\n\n".join([chunk(reasoning_content="So "), chunk(reasoning_content="{"), chunk(content=REPLY), END])
    reply = Completion.read(body).reply
    assert reply
    assert (reply.reasoning, reply.content) == ("So {", REPLY)
