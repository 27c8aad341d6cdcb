"""What livedash-node got wrong, and what may happen to a session on its way to an analysis: each post is counted."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert, text, update

from livedash_core.models import Company, Message
from tests.integration.records import NOON
from tests.integration.stages.llmock_companies import ANALYSIS, LlmockCompanies
from tests.integration.stages.model_server import Model
from tests.unit.analysis.openai.scripted_server import VALID_REPLY

QUESTIONS = "QUESTION_EXTRACTION"


def test_without_a_user_message_there_is_no_call_and_no_ledger_row(companies: LlmockCompanies) -> None:
    acme = companies.records.company("Acme", model="small")
    silent, alone = companies.records.sessions(acme, 2, completed_stages=3)
    companies.say(acme, [silent, alone], "Can I help you?")
    with companies.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.message SET role = 'Assistant'"))
        connection.execute(text("DELETE FROM livedash.message WHERE session_id = :id"), {"id": silent})
        connection.execute(text("UPDATE livedash.session SET language = 'nl'"))

    assert companies.run().skipped == 2

    assert (companies.posts(), companies.costs().requests) == (0, 0)
    reasons = [companies.records.row(each, ANALYSIS).metadata["reason"] for each in (silent, alone)]
    assert reasons == ["there are no messages", "the user said nothing"]
    assert {row.language for row in companies.pipeline.query("SELECT language FROM livedash.session")} == {"nl"}
    assert companies.pipeline.run(QUESTIONS).skipped == 2


def test_a_long_conversation_is_cut_to_what_the_operator_allows(companies: LlmockCompanies) -> None:
    _, (session_id,) = companies.company("Acme", 1)
    with companies.engine.begin() as connection:
        more = {"session_id": session_id, "role": "Assistant", "content": "woord " * 100, "sent_at": NOON}
        connection.execute(insert(Message), [{**more, "position": position} for position in range(2, 100)])

    assert companies.run(transcript_tokens=2_000).completed == 1

    assert len(json.dumps(companies.llmock.requests[0].body)) < 15_000
    assert companies.records.row(session_id, ANALYSIS).metadata["messages_omitted"] > 80


def test_equal_and_too_many_questions_cost_neither_the_reply_nor_the_stage(companies: LlmockCompanies) -> None:
    _, (session_id,) = companies.company("Acme", 1)
    asked = ["Who pays?", " who pays ", "When?", 7, None, "", *(f"Number {number}?" for number in range(8))]
    companies.llmock.reply(json.dumps(VALID_REPLY | {"questions": asked, "language": "nl-NL", "summary": "word " * 99}))

    assert (companies.run().completed, companies.posts()) == (1, 1)
    assert companies.pipeline.run(QUESTIONS).completed == 1

    kept = companies.pipeline.query("SELECT raw_text FROM livedash.session_question ORDER BY position")
    assert [row.raw_text for row in kept] == ["Who pays?", "When?", "Number 0?", "Number 1?", "Number 2?"]
    assert companies.records.row(session_id, ANALYSIS).metadata["questions_dropped"] == len(asked) - 5


def test_questions_that_cannot_be_stored_leave_the_analysis_as_it_is(companies: LlmockCompanies) -> None:
    _, (session_id,) = companies.company("Acme", 1)
    companies.run()
    with companies.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.session_analysis SET result = result - 'questions'"))

    assert companies.pipeline.run(QUESTIONS).failed == 1

    companies.records.assert_stage(session_id, QUESTIONS, "FAILED")
    companies.records.assert_stage(session_id, ANALYSIS, "COMPLETED")
    assert companies.posts() == 1


def test_calls_that_may_have_been_billed_are_limited_by_the_attempts(
    companies: LlmockCompanies,
) -> None:
    _, (session_id,) = companies.company("Acme", 1)
    with Model() as model:  # a 200 with nothing in it
        for _ in range(5):
            companies.run(openai_base_url=model.url, max_attempts=3)
            companies.records.backoff_is_over()
        assert model.posts == 3
    companies.records.assert_stage(session_id, ANALYSIS, "FAILED")
    total = companies.costs()
    assert (total.requests, total.unknown) == (3, 3)
    assert total.uncertain_usd > 0


def test_the_servers_own_check_of_our_retries_finds_no_fault(
    companies: LlmockCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It tells a retry by its body, which ours never repeat.
    monkeypatch.setattr("livedash_core.analysis.openai.prompt.secrets.token_hex", lambda _bytes: "a fence")
    _, (session_id,) = companies.company("Acme", 1)
    companies.llmock.rate_limit(times=2, retry_after=1).fail(500)
    for _ in range(5):
        companies.run()
        companies.records.backoff_is_over()  # the sessions' own; a server's limits are waited for all the same
    companies.records.assert_stage(session_id, ANALYSIS, "COMPLETED")

    _, (refused,) = companies.company("Other", 1)
    companies.llmock.fail(400, code="content_filter", times=None)
    for _ in range(2):
        companies.run()
        companies.records.backoff_is_over()
    companies.records.assert_stage(refused, ANALYSIS, "FAILED")

    verdict = companies.llmock.verdict()
    # The third call is the harmless question after the 500.
    assert ([len(call.attempts) for call in verdict.calls], companies.posts()) == ([4, 1, 1], 6)
    verdict.assert_ok(strict=True)


@pytest.mark.parametrize("status", ["SUSPENDED", "ARCHIVED"])
def test_replies_for_a_company_that_is_stopped_meanwhile_are_stored_and_no_more_calls_made(
    companies: LlmockCompanies, status: str
) -> None:
    companies.company("Acme", 3)

    def stop() -> None:
        with companies.engine.begin() as connection:
            connection.execute(update(Company).values(status=status))

    with Model(on_post=stop) as model:
        model.body = json.dumps(
            {"choices": [{"message": {"content": json.dumps(VALID_REPLY)}, "finish_reason": "stop"}]}
        ).encode()
        report = companies.run(openai_base_url=model.url, analysis_concurrency=1)
        posts = model.posts
        companies.run(openai_base_url=model.url)
        assert model.posts == posts
    assert 1 <= posts == report.completed == companies.costs().answered
    assert companies.pipeline.statuses(ANALYSIS)["COMPLETED"] == posts
    assert "FAILED" not in companies.pipeline.statuses(ANALYSIS)


def test_a_new_prompt_version_makes_a_new_call_and_supersedes_the_old_analysis(companies: LlmockCompanies) -> None:
    _, (session_id,) = companies.company("Acme", 1)
    companies.run()
    with companies.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.session_analysis SET prompt_version = 'of old'"))
    assert (companies.run().claimed, companies.posts()) == (0, 1)  # a new prompt version alone costs nothing

    companies.do_again(session_id)
    assert (companies.run().completed, companies.posts()) == (1, 2)

    kept = companies.pipeline.query("SELECT id, prompt_version FROM livedash.session_analysis ORDER BY id")
    (session,) = companies.pipeline.query("SELECT analysis_id, prompt_version FROM livedash.session")
    assert kept[0].prompt_version == "of old"
    assert (session.analysis_id, session.prompt_version) == tuple(kept[1])
