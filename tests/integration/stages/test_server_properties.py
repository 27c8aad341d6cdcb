"""Whatever a server answers, every session ends or waits with a reason, and no call is missing from the ledger."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.stages.faulty_server import OWN, Answer, Asked, FaultyServer, good
from tests.integration.stages.llmock_companies import LlmockCompanies
from tests.integration.stages.server_sessions import Sessions

WORDS = st.sampled_from(
    [
        "",
        "Invalid model name",
        "API key not valid",
        "This model's maximum context length is 700 tokens.",
        "maximum context length is 99999999999999999999 tokens",
        "max_tokens is too large: 4096. This model supports at most 20 completion tokens",
        "Unsupported parameter: response_format",
        "System role not supported",
        "Request too large: limit 3, requested 9",
        "Too many tokens, please wait",
        "overloaded, try again",
        "\0\ud83d",
        "x" * 5_000,
    ]
)
CODES = st.sampled_from(
    [None, 400, 429, "429", "content_filter", "invalid_api_key", "model_not_found", "json_validate_failed", "", [], {}]
)
PARAMS = st.sampled_from([None, "messages", "messages[0].role", "response_format", "max_tokens", 7, ["a"]])
DETAILS = st.fixed_dictionaries({"message": WORDS, "code": CODES, "type": CODES, "param": PARAMS})
JSON_BODIES = st.one_of(
    DETAILS.map(lambda error: {"error": error}),
    DETAILS,
    DETAILS.map(lambda error: [{"error": error}]),
    WORDS.map(lambda words: {"error": words}),
    st.builds(lambda words: {"detail": [{"loc": ["body", "max_completion_tokens"], "msg": words}]}, WORDS),
    st.sampled_from([None, True, 7, [], {}, {"choices": None}, {"choices": []}, {"choices": [{}]}, {"choices": [7]}]),
    st.builds(lambda error: {"choices": [{"error": error, "finish_reason": "error"}]}, DETAILS),
)
BODIES = st.one_of(
    JSON_BODIES.map(lambda body: json.dumps(body).encode()),
    st.sampled_from([b"", b"<html>", b"data: {}\n\ndata: [DONE]\n\n", b"\xff\xfe", b"[" * 5_000, b"null", b'"text"']),
    st.binary(max_size=20),
)
STATUSES = st.sampled_from(
    [
        *(200, 200, 201, 204, 302, 304, 400, 401, 402, 403, 404, 405, 408, 409, 413, 418, 422, 429, 429, 451, 499),
        *(500, 501, 502, 503, 504, 520, 524, 525, 529, 599),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens"]),
    st.sampled_from(["0", "-1", "soon", "99999999999", "nan", ""]),
    max_size=2,
)
ANSWERS = st.one_of(st.just(good()), st.builds(Answer, STATUSES, BODIES, HEADERS))

SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedash_core.analysis.openai.caller._OVERLOADED_SECONDS", 0.0)
    monkeypatch.setattr("livedash_core.costs.ledger_writer._MAX_WAIT_SECONDS", 0.0)


def start_again(sessions: Sessions) -> None:
    """Everything as before the first run."""
    sessions.companies.do_again(*sessions.ids)
    for table in ("ai_processing_request", "ai_cost_daily", "rate_limit_state", "model_server"):
        sessions.execute(f"DELETE FROM livedash.{table}")
    sessions.forget_analyses()
    sessions.execute("DELETE FROM livedash.systemic_incident")
    sessions.server.asked.clear()


@pytest.mark.usefixtures("no_pauses")
def test_every_session_ends_or_waits_with_a_reason(companies: LlmockCompanies) -> None:
    with FaultyServer() as server:
        sessions = Sessions(companies, server, 4)

        @SLOW
        @given(answers=st.lists(ANSWERS, min_size=1, max_size=6))
        def check(answers: list[Answer]) -> None:
            start_again(sessions)
            server.answer = lambda asked: answers[(asked.number - 1) % len(answers)]
            report = sessions.run(analysis_concurrency=2)

            ends = sessions.ends()
            assert set(ends) <= {"COMPLETED", "FAILED", "PENDING"}
            for number in range(4):
                status, message, _ = sessions.end_of(number)
                if status == "FAILED":
                    assert message
                    assert "bug" not in message, message
            if ends["PENDING"]:
                assert report.incidents or report.deferred or report.failed or report.released
            ledger = sessions.ledger()
            assert "sent" not in ledger
            assert ledger.total() == len(server.asked)

        check()


@pytest.mark.usefixtures("no_pauses")
def test_an_odd_answer_about_one_session_changes_no_other_s_end(companies: LlmockCompanies) -> None:
    certain = {200, 400, 403, 404, 405, 409, 413, 418, 422, 451, 500, 502, 520}
    with FaultyServer() as server:
        sessions = Sessions(companies, server, 4)

        @SLOW
        @given(answer=ANSWERS.filter(lambda answer: answer.status in certain))
        def check(answer: Answer) -> None:
            if any(code in str(answer.body) for code in ("invalid_api_key", "model_not_found", "DeploymentNotFound")):
                return  # an explicit code about the key or the model is believed at once
            start_again(sessions)

            def answered(asked: Asked) -> Answer:
                return answer if asked.about == "1" else good()

            server.answer = answered
            report = sessions.run(analysis_concurrency=2)
            others = Counter(sessions.end_of(number)[0] for number in (0, 2, 3))
            assert others == {"COMPLETED": 3}, sessions.incidents()
            assert report.incidents == []
            posts = server.posts
            assert posts.pop("1") <= 12
            assert posts.pop(OWN, 0) <= 6
            assert set(posts.values()) == {1}

        check()
