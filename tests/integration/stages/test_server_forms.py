"""What a server does not accept is found out with one call, and a small context by asking for less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from livedash_core.costs import list_traits
from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.status.incidents import list_incidents
from tests.integration.stages.faulty_server import OWN, Answer, Asked, FaultyServer, good
from tests.integration.stages.server_sessions import SESSIONS, Sessions, error


def role(asked: Asked) -> str:
    return str(asked.body["messages"][0]["role"])


def format_of(asked: Asked) -> str | None:
    return asked.body.get("response_format", {}).get("type")


Condition = Callable[[Asked], bool]
#: When a server refuses a request, how, and how many more calls it takes to find out.
FORMS: dict[str, tuple[Condition, Answer, int]] = {
    "DeepSeek": (
        lambda asked: format_of(asked) == "json_schema",
        Answer(400, error("This response_format type is unavailable now", code="invalid_request_error")),
        1,
    ),
    "OpenAI, an old model": (
        lambda asked: format_of(asked) == "json_schema",
        Answer(400, error("Invalid parameter", param="response_format", type="invalid_request_error")),
        1,
    ),
    "no JSON mode at all": (
        lambda asked: "response_format" in asked.body,
        Answer(422, {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}),
        2,
    ),
    "Mistral": (
        lambda asked: "max_completion_tokens" in asked.body,
        Answer(422, error({"detail": [{"loc": ["body", "max_completion_tokens"], "msg": "Extra", "input": 4096}]})),
        1,
    ),
    "Azure, an old version": (
        lambda asked: "max_completion_tokens" in asked.body,
        Answer(400, error("Unrecognized request argument supplied: max_completion_tokens", code=None)),
        1,
    ),
    "o1": (
        lambda asked: role(asked) == "system",
        Answer(400, error("'messages[0].role' does not support 'system' with this model.", param="messages[0].role")),
        1,
    ),
    "Gemma's template": (
        lambda asked: role(asked) != "user",
        Answer(400, error("System role not supported")),
        2,
    ),
    "Mixtral's template": (
        lambda asked: role(asked) != "user",
        Answer(400, error("Conversation roles must alternate user/assistant/user/assistant/...")),
        2,
    ),
    # The harmless question is refused too; then the simplest form is answered, and the session is asked again.
    "words in no list": (
        lambda asked: "response_format" in asked.body,
        Answer(400, error("Unexpected keyword argument")),
        3,
    ),
    "a crash": (lambda asked: "response_format" in asked.body, Answer(500, error("NoneType has no attribute")), 3),
    "two parts": (
        lambda asked: format_of(asked) == "json_schema" or "max_completion_tokens" in asked.body,
        Answer(400, error("Unsupported: response_format, max_completion_tokens")),
        2,
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_what_a_server_does_not_accept_is_found_out_once(sessions: Sessions, faulty: FaultyServer, case: str) -> None:
    refuses, refusal, extra = FORMS[case]
    if case == "two parts":

        def answer(asked: Asked) -> Answer:
            if format_of(asked) == "json_schema":
                return Answer(400, error("unsupported", param="response_format"))
            return refusal if "max_completion_tokens" in asked.body else good()

        refusal = Answer(400, error("Unsupported parameter", param="max_completion_tokens"))
        faulty.answer = answer
    else:
        faulty.answer = lambda asked: refusal if refuses(asked) else good()

    report = sessions.run()

    assert (report.completed, report.incidents) == (SESSIONS, [])
    assert len(faulty.asked) == SESSIONS + extra
    answered = SESSIONS + (1 if extra == 3 else 0)
    assert sessions.ledger() == {"answered": answered, "rejected": len(faulty.asked) - answered}


def test_json_that_the_server_could_not_generate_is_asked_for_again_once(
    sessions: Sessions, faulty: FaultyServer
) -> None:
    fault = error("Failed to generate JSON.", code="json_validate_failed", failed_generation='{"summ')
    faulty.answer = lambda asked: Answer(400, fault) if faulty.posts["2"] == 1 and asked.about == "2" else good()
    assert sessions.run().completed == SESSIONS
    assert faulty.posts["2"] == 2
    assert faulty.posts[OWN] == 0


def words(tokens: int) -> str:
    return "woord " * (tokens * 33 // 60)


#: How servers word that a request is too large: the context, the prompt's tokens and those asked for.
WORDINGS: dict[str, Callable[[int, int, int], Any]] = {
    "vLLM": lambda context, prompt, reply: {
        "object": "error",
        "message": f"This model's maximum context length is {context} tokens. However, you requested {prompt + reply} "
        f"tokens ({prompt} in the messages, {reply} in the completion). Please reduce the length.",
        "code": 400,
    },
    "newer vLLM": lambda context, prompt, reply: error(
        f"'max_tokens' or 'max_completion_tokens' is too large: {reply}. This model's maximum context length is "
        f"{context} tokens and your request has {prompt} input tokens ({reply} > {context} - {prompt})."
    ),
    "SGLang": lambda context, prompt, reply: error(
        f"Requested token count exceeds the model's maximum context length of {context} tokens. You requested a total "
        f"of {prompt + reply} tokens: {prompt} tokens from the input messages and {reply} tokens for the completion."
    ),
    "TGI": lambda context, prompt, reply: error(
        f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {context}. Given: {prompt} `inputs` "
        f"tokens and {reply} `max_new_tokens`"
    ),
    "no numbers": lambda _context, _prompt, _reply: error("The prompt is too long.", code="context_length_exceeded"),
    "only the context": lambda context, _prompt, _reply: error(f"input is longer than the context length {context:,}"),
}


@pytest.mark.parametrize(("context", "tokens"), [(4_096, 50), (4_096, 40_000), (8_192, 5_000)])
@pytest.mark.parametrize("wording", WORDINGS)
def test_a_small_context_is_respected(
    sessions: Sessions, faulty: FaultyServer, wording: str, context: int, tokens: int
) -> None:
    for number in range(SESSIONS):
        sessions.say(number, words(tokens))

    def answer(asked: Asked) -> Answer:
        prompt = sum(len(message["content"]) for message in asked.body["messages"]) * 10 // 33 + 20
        reply = asked.body["max_completion_tokens"]
        return good() if prompt + reply <= context else Answer(400, WORDINGS[wording](context, prompt, reply))

    faulty.answer = answer
    report = sessions.run()

    assert (report.completed, report.failed, report.incidents) == (SESSIONS, 0, [])
    *others, first = sorted(faulty.posts.values())
    assert first <= 8
    assert set(others) == {1} or wording == "no numbers"
    cut = ["messages_shortened" in sessions.metadata(number) for number in range(SESSIONS)]
    assert set(cut) == {tokens > 8_192}


def test_a_limit_of_the_reply_is_learnt(sessions: Sessions, faulty: FaultyServer) -> None:
    refusal = "max_tokens is too large: 4096. This model supports at most 2048 completion tokens."
    faulty.answer = lambda asked: (
        good() if asked.body["max_completion_tokens"] <= 2048 else Answer(400, error(refusal, param="max_tokens"))
    )
    assert sessions.run().completed == SESSIONS
    assert len(faulty.asked) == SESSIONS + 1
    assert faulty.asked[-1].body["max_completion_tokens"] == 2048


def test_a_form_is_remembered_for_a_day_and_shown(sessions: Sessions, faulty: FaultyServer) -> None:
    refusal = Answer(400, error("This response_format type is unavailable now"))
    faulty.answer = lambda asked: refusal if format_of(asked) == "json_schema" else good()
    sessions.run()
    assert len(faulty.asked) == SESSIONS + 1
    said = f"{faulty.url} does not accept response_format json_schema (json_object is sent instead) for 'small'"
    with sessions.companies.engine.connect() as connection:
        findings = {finding.check: finding.message for finding in examine(connection, BUILT_IN)}
    assert findings["model server"].startswith(said)

    sessions.companies.do_again(*sessions.ids)
    sessions.forget_analyses()
    sessions.run()
    assert len(faulty.asked) == 2 * SESSIONS + 1  # another process makes no call to find out

    faulty.answer = lambda _asked: good()
    sessions.companies.do_again(*sessions.ids)
    sessions.forget_analyses()
    sessions.execute("UPDATE livedash.model_server SET found_at = now() - interval '25 hours'")
    sessions.run()
    assert format_of(faulty.asked[-1]) == "json_schema"
    with sessions.companies.engine.connect() as connection:
        assert list_traits(connection) == []


def test_a_limit_is_remembered_too(sessions: Sessions, faulty: FaultyServer) -> None:
    refusal = Answer(400, error("This model's maximum context length is 4096 tokens. You requested 4996 tokens."))
    faulty.answer = lambda asked: refusal if asked.body["max_completion_tokens"] > 3_400 else good()
    assert sessions.run().completed == SESSIONS
    with sessions.companies.engine.connect() as connection:
        (traits,) = list_traits(connection)
    assert traits.context_tokens == 4_096
    assert "has a context of 4,096 tokens for 'small'" in traits.sentence


#: What a person writes as base URL after the host, and the path that is asked.
URLS = {
    "/v1": "/v1/chat/completions",
    "/v1/": "/v1/chat/completions",
    " /v1 ": "/v1/chat/completions",
    "/v1/chat/completions": "/v1/chat/completions",
    "/v1/responses": "/v1/chat/completions",
    "/openai/deployments/x?api-version=2024-10-21": "/openai/deployments/x/chat/completions?api-version=2024-10-21",
    "/openai/deployments/x/chat/completions?api-version=1": "/openai/deployments/x/chat/completions?api-version=1",
    "": "/chat/completions",
}


@pytest.mark.parametrize("written", URLS)
def test_a_base_url_is_read_as_people_write_it(sessions: Sessions, faulty: FaultyServer, written: str) -> None:
    host = faulty.url.removesuffix("/v1")
    written_url = f" {host}/v1 " if written == " /v1 " else host + written
    assert sessions.run(openai_base_url=written_url).completed == SESSIONS
    assert {asked.path for asked in faulty.asked} == {URLS[written]}


def test_a_server_of_ones_own_needs_no_key_and_gets_none(
    sessions: Sessions, faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin")
    report = sessions.run(analyzer="auto", openai_api_key=None)
    assert report.completed == SESSIONS
    assert {asked.headers["authorization"] for asked in faulty.asked} == {"Bearer no-key"}
    assert len(faulty.asked) == SESSIONS
    analyzers = sessions.companies.pipeline.query("SELECT DISTINCT analyzer FROM livedash.session")
    assert [row.analyzer for row in analyzers] == ["openai"]


def test_an_invalid_base_url_is_one_incident_with_the_right_spelling(sessions: Sessions) -> None:
    for written, meant in (
        ("localhost:11434/v1", "http://localhost:11434/v1"),
        ("api.example.com", "https://api.example.com/v1"),
        ("http:/models.example.com/v1", "https://models.example.com/v1"),
    ):
        report = sessions.run(openai_base_url=written)
        assert f"did you mean {meant}?" in str(report.incidents[0])
    assert sessions.ends() == {"PENDING": SESSIONS}


def test_a_prompt_that_was_read_in_part_is_noted_and_the_next_ones_are_shorter(
    sessions: Sessions, faulty: FaultyServer
) -> None:
    for number in range(SESSIONS):
        sessions.say(number, words(25_000))

    def answer(asked: Asked) -> Answer:
        sent = sum(len(message["content"]) for message in asked.body["messages"]) // 5
        read = min(sent, 2_051)
        return good(usage={"prompt_tokens": read, "completion_tokens": 60, "total_tokens": read + 60})

    faulty.answer = answer
    assert sessions.run(analysis_concurrency=1).completed == SESSIONS
    assert len(faulty.asked) == SESSIONS
    notes = [sessions.metadata(number).get("tokens_read") for number in range(SESSIONS)]
    assert sorted(map(str, notes)) == ["2051", *["None"] * (SESSIONS - 1)]
    (noted,) = [sessions.metadata(number) for number in range(SESSIONS) if notes[number]]
    assert noted["tokens_sent"] > 15_000
    with sessions.companies.engine.connect() as connection:
        (traits,) = list_traits(connection)
        (incident,) = list_incidents(connection)
        findings = [finding for finding in examine(connection, BUILT_IN) if finding.check == "partial"]
    assert "has a context of 2,651 tokens; read 2,051 of about" in traits.sentence
    assert incident.sentence.startswith("AI_ANALYSIS reads conversations in part since ")
    assert (
        f"{faulty.url} read 2051 of about {noted['tokens_sent']} tokens of a conversation for 'small'"
        in incident.message
    )
    assert findings[0].is_problem

    # After a day the whole is sent again. It is read in part, so the incident goes on; then it is read, and it ends.
    sessions.execute("UPDATE livedash.model_server SET found_at = now() - interval '25 hours'")
    assert sessions.incidents() == []
    sessions.companies.do_again(*sessions.ids)
    sessions.forget_analyses()
    sessions.run(analysis_concurrency=1)
    assert sessions.incidents() == [incident.message]
    sessions.execute("UPDATE livedash.model_server SET context_tokens = NULL")
    faulty.answer = lambda asked: good(usage={"prompt_tokens": 30_000, "completion_tokens": 60})
    sessions.companies.do_again(*sessions.ids)
    sessions.forget_analyses()
    sessions.run(analysis_concurrency=1)
    assert sessions.incidents() == []


def test_a_short_or_cached_prompt_is_not_said_to_be_read_in_part(sessions: Sessions, faulty: FaultyServer) -> None:
    sessions.say(0, words(25_000))
    cached = {"prompt_tokens": 3_000, "completion_tokens": 60, "prompt_tokens_details": {"cached_tokens": 2_900}}
    faulty.answer = lambda asked: good(usage=cached if asked.about == "0" else {"prompt_tokens": 101})
    assert sessions.run().completed == SESSIONS
    assert not any("tokens_read" in sessions.metadata(number) for number in range(SESSIONS))
