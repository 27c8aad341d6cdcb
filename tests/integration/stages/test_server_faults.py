"""A fault of the model server is one fact; a refusal of one conversation is that session's alone.

Each case has eight sessions. The requests per conversation, the ledger and every session's end are asserted.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.integration.stages.faulty_server import OWN, Answer, Asked, FaultyServer, good
from tests.integration.stages.llmock_companies import LlmockCompanies
from tests.integration.stages.server_sessions import SESSIONS, Sessions, error

WEB_PAGE = {"Content-Type": "text/html"}


#: What servers say to every request, whatever its code; and what the sentence must contain.
FOR_EVERYONE: dict[str, tuple[Answer, str]] = {
    "Gemini, wrong key": (
        Answer(400, [{"error": {"code": 400, "message": "This API key is not one of ours.", "status": "INVALID"}}]),
        "This API key is not one of ours",
    ),
    "Anthropic, no credit": (
        Answer(400, {"type": "error", **error("Your balance is used up; buy credits.", type="invalid_request_error")}),
        "buy credits",
    ),
    "xAI, wrong key": (
        Answer(400, {"code": "invalid argument", "error": "Incorrect API key: sk-test. Get one at the console."}),
        "Incorrect API key: ***",
    ),
    "LiteLLM, unknown model": (Answer(400, error("Invalid model name passed in model=small", code="400")), "small"),
    "OpenRouter, unknown model": (Answer(400, error("small is not a valid model ID", code=400)), "not a valid model"),
    "Azure, no deployment": (
        Answer(404, error("The API deployment for this resource does not exist.", code="DeploymentNotFound")),
        "no model 'small'",
    ),
    "LM Studio, no /v1": (
        Answer(200, {"error": "Unexpected endpoint or method. (POST /chat)"}),
        "base URL, and its /v1",
    ),
    "a country": (Answer(403, error("Your region is not served.")), "Your region is not served"),
    "words in no list": (Answer(400, error("Nope, the moon is in the wrong house.")), "the moon is in the wrong house"),
    "another status": (Answer(451, error("For legal reasons.")), "For legal reasons"),
    "FastAPI": (Answer(422, {"detail": [{"loc": ["body", "tenant"], "msg": "Field required"}]}), "Field required"),
    "a page": (Answer(404, b"<html>Not Found</html>", WEB_PAGE), "base URL, and its /v1"),
    "nothing": (Answer(405, b""), "base URL, and its /v1"),
}


@pytest.mark.parametrize("case", FOR_EVERYONE)
def test_a_refusal_of_every_request_fails_no_session_and_ends_with_its_cause(
    sessions: Sessions, faulty: FaultyServer, case: str
) -> None:
    answer, words = FOR_EVERYONE[case]
    faulty.answer = lambda _asked: answer

    report = sessions.run()

    assert sessions.ends() == {"PENDING": SESSIONS}
    assert {sessions.end_of(number)[2] for number in range(SESSIONS)} == {0}
    assert len(report.incidents) == 1
    assert words in str(report.incidents[0])
    assert sessions.incidents() == [str(report.incidents[0])]
    assert len(faulty.asked) <= 3
    assert sessions.ledger() == {"rejected": len(faulty.asked)}

    faulty.answer = lambda _asked: good()
    assert sessions.run_again().completed == SESSIONS
    assert sessions.incidents() == []


def test_a_context_that_is_too_small_for_any_conversation_is_one_incident(
    sessions: Sessions, faulty: FaultyServer
) -> None:
    refusal = error("This model's maximum context length is 512 tokens.", code="context_length_exceeded")
    faulty.answer = lambda _asked: Answer(400, refusal)
    report = sessions.run()
    assert sessions.ends() == {"PENDING": SESSIONS}
    assert "takes too few tokens for any conversation with 'small' (512)" in str(report.incidents[0])
    assert len(report.incidents) == 1
    assert len(faulty.asked) <= 4

    faulty.answer = lambda _asked: good()
    assert sessions.run_again().completed == SESSIONS
    assert sessions.incidents() == []


def test_an_outage_is_told_in_the_servers_own_words(sessions: Sessions, faulty: FaultyServer) -> None:
    words = "model requires more system memory (8.4 GiB) than is available (5.5 GiB), sk-test"
    faulty.answer = lambda _asked: Answer(500, error(words, type="api_error"))
    report = sessions.run()
    assert words.replace("sk-test", "***") in str(report.incidents[0])
    assert sessions.ends() == {"PENDING": SESSIONS}

    faulty.answer = lambda asked: Answer(500, error(f"crash over {asked.body}")) if asked.about == "3" else good()
    assert sessions.run_again().incidents == []
    assert "crash over" not in str(sessions.end_of(3)[1])


#: Answers that break HTTP's rules.
BROKEN_HTTP = {
    "a body after 204": Answer(204, {}),
    "two lengths": Answer(200, {}, {"content-length": "7"}),
    "a long header": Answer(200, {}, {"X-Trace": "x" * 100_000}),
    "a header of two lines": Answer(200, {}, {"X-Trace": "x\r\n : y"}),
}


@pytest.mark.parametrize("case", BROKEN_HTTP)
def test_an_answer_that_breaks_the_rules_of_http_is_an_outage(
    sessions: Sessions, faulty: FaultyServer, case: str
) -> None:
    faulty.answer = lambda _asked: BROKEN_HTTP[case]
    report = sessions.run()
    assert len(report.incidents) == 1, sessions.end_of(0)
    assert sessions.ends() == {"PENDING": SESSIONS}

    faulty.answer = lambda _asked: good()
    assert sessions.run_again().incidents == []


#: What servers say to one conversation, and the beginning of the session's error.
FOR_ONE: dict[str, Answer] = {
    "OpenRouter, flagged": Answer(403, error("small requires moderation. Your input was flagged.", code=403)),
    "validation": Answer(422, error("Input should be a valid string", param="messages")),
    "Azure": Answer(400, error("filtered", code="content_filter")),
    "words in no list": Answer(400, error("I would rather not.")),
    "a firewall": Answer(403, b"<html>Request blocked</html>", WEB_PAGE),
    "another status": Answer(451, error("For legal reasons.")),
    "a missing route": Answer(404, error("no route for this input")),
}


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("case", FOR_ONE)
def test_a_refusal_of_one_conversation_fails_it_alone_and_it_is_not_sent_again(
    sessions: Sessions, faulty: FaultyServer, case: str, place: int
) -> None:
    faulty.answer = lambda asked: FOR_ONE[case] if asked.about == str(place) else good()

    report = sessions.run()

    assert report.incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 1, "FAILED": 1}
    assert sessions.end_of(place)[0] == "FAILED"
    assert faulty.posts.pop(OWN, 0) <= 1
    assert {count for about, count in faulty.posts.items() if about != OWN} == {1}
    asked = len(faulty.asked)
    sessions.run_again()
    assert len(faulty.asked) == asked


def test_three_flagged_conversations_in_a_row_do_not_stop_the_others(sessions: Sessions, faulty: FaultyServer) -> None:
    flagged = Answer(403, error("flagged"))
    faulty.answer = lambda asked: flagged if asked.about in ("0", "1", "2") else good()
    assert sessions.run().incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 3, "FAILED": 3}


def test_a_key_that_is_revoked_in_the_middle_fails_no_session(companies: LlmockCompanies, faulty: FaultyServer) -> None:
    sessions = Sessions(companies, faulty, 40)
    revoked = Answer(400, error("That key was revoked."), seconds=0.01)
    faulty.answer = lambda asked: good()._replace(seconds=0.03) if asked.number <= 15 else revoked

    assert len(sessions.run().incidents) == 1

    assert sessions.ends() == {"COMPLETED": 15, "PENDING": 25}
    assert len(faulty.asked) <= 15 + 16 + 1


def test_twice_the_tokens_that_are_too_many_fail_the_one_session(sessions: Sessions, faulty: FaultyServer) -> None:
    cut_off = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "{"}}

    def answer(asked: Asked) -> Answer:
        if asked.body["max_completion_tokens"] > 4_096:
            refusal = "max_tokens is too large: 8192. This model supports at most 4096 completion tokens."
            return Answer(400, error(refusal, param="max_tokens"))
        return good(choices=[cut_off]) if asked.about == "3" else good()

    faulty.answer = answer
    assert sessions.run().incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 1, "FAILED": 1}
    assert "maximum tokens" in str(sessions.end_of(3)[1])
    assert faulty.posts["3"] == 2
    asked = len(faulty.asked)
    sessions.run_again()
    assert len(faulty.asked) == asked


#: An outage. All but the last are not billed.
OUTAGES: dict[str, Answer] = {
    "nginx": Answer(502, b"<html>502 Bad Gateway nginx</html>", WEB_PAGE),
    "overloaded": Answer(503, error("overloaded")),
    "Cloudflare 520": Answer(520, b"<html>Web server is returning an unknown error</html>", WEB_PAGE),
    "Cloudflare 521": Answer(521, b"", WEB_PAGE),
    "Cloudflare 525": Answer(525, b"error code: 525"),
    "Anthropic": Answer(529, error("Overloaded", type="overloaded_error")),
    "an internal error": Answer(500, error("internal error")),
    "LM Studio": Answer(400, {"error": "The model has crashed without additional information. (Exit code: 139)"}),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_an_outage_is_one_incident_that_ends_by_itself(sessions: Sessions, faulty: FaultyServer, case: str) -> None:
    faulty.answer = lambda _asked: OUTAGES[case]

    for number in (1, 2):
        report = sessions.run_again()
        assert sessions.ends() == {"PENDING": SESSIONS}
        assert {sessions.end_of(number)[2] for number in range(SESSIONS)} == {0}
        assert len(report.incidents) == 1
        assert "127.0.0.1" in str(report.incidents[0])
        assert "wait without losing an attempt" in str(report.incidents[0])
        assert sessions.incidents() == [str(report.incidents[0])]
        assert len(faulty.asked) <= 3 * number
    assert sessions.ledger() == {"rejected": len(faulty.asked)}

    faulty.answer = lambda _asked: good()
    assert sessions.run_again().completed == SESSIONS
    assert sessions.incidents() == []


@pytest.mark.parametrize("address", ["closed", "no-such-host.invalid", "tls"])
def test_a_server_that_cannot_be_reached_is_an_outage(sessions: Sessions, faulty: FaultyServer, address: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening, so that no other process gets the port
        urls = {"closed": f"http://127.0.0.1:{closed.getsockname()[1]}/v1", "tls": faulty.url.replace("http", "https")}
        report = sessions.run(openai_base_url=urls.get(address, f"http://{address}/v1"))

    assert len(report.incidents) == 1
    assert "no connection to" in str(report.incidents[0])
    assert sessions.ends() == {"PENDING": SESSIONS}
    assert sessions.ledger()["rejected"] <= 2
    assert sessions.run_again().completed == SESSIONS
    assert sessions.incidents() == []


@pytest.mark.parametrize("status", [408, 504, 524])
def test_calls_that_a_gateway_gave_up_are_few_and_bounded_by_the_attempts(
    sessions: Sessions, faulty: FaultyServer, status: int
) -> None:
    faulty.answer = lambda _asked: Answer(status, b"timeout")
    report = sessions.run()
    assert len(faulty.asked) == 2
    assert sessions.ledger() == {"unknown": 2}
    assert sessions.ends() == {"PENDING": SESSIONS}
    assert len(report.incidents) == 1


def test_a_conversation_that_breaks_the_server_loses_its_own_attempts(sessions: Sessions, faulty: FaultyServer) -> None:
    faulty.answer = lambda asked: Answer(500, error("crash")) if asked.about == "0" else good()
    for _ in range(6):
        assert sessions.run_again(max_attempts=3).incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 1, "FAILED": 1}
    assert faulty.posts["0"] == 3


RATE_LIMITS: dict[str, dict[str, Any]] = {
    "Bedrock": error("BedrockException: Too many tokens, please wait before trying again.", code="429"),
    "context": error("Rate limit reached: the tokens per minute for this context window are used up."),
    "a prompt": error("Too many input tokens in the last minute; your prompt is too long for what is left."),
    "model": error("The model is not available at this rate."),
}


@pytest.mark.parametrize("case", RATE_LIMITS)
def test_a_429_is_a_rate_limit_whatever_it_says(sessions: Sessions, faulty: FaultyServer, case: str) -> None:
    faulty.answer = lambda _asked: Answer(429, RATE_LIMITS[case], {"Retry-After": "600"})
    report = sessions.run()
    assert (report.failed, report.incidents) == (0, [])
    assert sessions.ends() == {"PENDING": SESSIONS}
    assert {sessions.end_of(number)[2] for number in range(SESSIONS)} == {0}
    assert len(faulty.asked) == 1
