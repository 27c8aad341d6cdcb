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


def test_where_the_user_said_nothing_nobody_is_asked_and_nothing_is_on_the_ledger(office: LlmockCompanies) -> None:
    acme = office.world.company("Acme", model="small")
    silent, alone = office.world.sessions(acme, 2, completed_stages=3)
    office.say(acme, [silent, alone], "Can I help you?")
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.message SET role = 'Assistant'"))
        connection.execute(text("DELETE FROM livedash.message WHERE session_id = :id"), {"id": silent})
        connection.execute(text("UPDATE livedash.session SET language = 'nl'"))

    assert office.run().skipped == 2

    assert (office.posts(), office.costs().requests) == (0, 0)
    reasons = [office.world.row(each, ANALYSIS).metadata["reason"] for each in (silent, alone)]
    assert reasons == ["there are no messages", "the user said nothing"]
    assert {row.language for row in office.pipeline.query("SELECT language FROM livedash.session")} == {"nl"}
    assert office.pipeline.run(QUESTIONS).skipped == 2


def test_a_long_conversation_is_cut_to_what_the_operator_allows(office: LlmockCompanies) -> None:
    _, (session_id,) = office.company("Acme", 1)
    with office.engine.begin() as connection:
        more = {"session_id": session_id, "role": "Assistant", "content": "woord " * 100, "sent_at": NOON}
        connection.execute(insert(Message), [{**more, "position": position} for position in range(2, 100)])

    assert office.run(transcript_tokens=2_000).completed == 1

    assert len(json.dumps(office.llmock.requests[0].body)) < 15_000
    assert office.world.row(session_id, ANALYSIS).metadata["messages_omitted"] > 80


def test_equal_and_too_many_questions_cost_neither_the_reply_nor_the_stage(office: LlmockCompanies) -> None:
    _, (session_id,) = office.company("Acme", 1)
    asked = ["Who pays?", " who pays ", "When?", 7, None, "", *(f"Number {number}?" for number in range(8))]
    office.llmock.reply(json.dumps(VALID_REPLY | {"questions": asked, "language": "nl-NL", "summary": "word " * 99}))

    assert (office.run().completed, office.posts()) == (1, 1)
    assert office.pipeline.run(QUESTIONS).completed == 1

    kept = office.pipeline.query("SELECT raw_text FROM livedash.session_question ORDER BY position")
    assert [row.raw_text for row in kept] == ["Who pays?", "When?", "Number 0?", "Number 1?", "Number 2?"]
    assert office.world.row(session_id, ANALYSIS).metadata["questions_dropped"] == len(asked) - 5


def test_questions_that_cannot_be_stored_leave_the_analysis_as_it_is(office: LlmockCompanies) -> None:
    _, (session_id,) = office.company("Acme", 1)
    office.run()
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.session_analysis SET result = result - 'questions'"))

    assert office.pipeline.run(QUESTIONS).failed == 1

    office.world.assert_stage(session_id, QUESTIONS, "FAILED")
    office.world.assert_stage(session_id, ANALYSIS, "COMPLETED")
    assert office.posts() == 1


def test_a_server_that_may_have_billed_is_asked_no_more_often_than_there_are_attempts(office: LlmockCompanies) -> None:
    _, (session_id,) = office.company("Acme", 1)
    with Model() as model:  # a 200 with nothing in it
        for _ in range(5):
            office.run(openai_base_url=model.url, max_attempts=3)
            office.world.backoff_is_over()
        assert model.posts == 3
    office.world.assert_stage(session_id, ANALYSIS, "FAILED")
    total = office.costs()
    assert (total.requests, total.unknown) == (3, 3)
    assert total.uncertain_usd > 0


def test_the_servers_own_verdict_on_how_we_try_again_finds_no_fault(
    office: LlmockCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It tells a retry by its body, which ours never repeat.
    monkeypatch.setattr("livedash_core.analysis.openai.prompt.secrets.token_hex", lambda _bytes: "a fence")
    _, (session_id,) = office.company("Acme", 1)
    office.llmock.rate_limit(times=2, retry_after=1).fail(500)
    for _ in range(5):
        office.run()
        office.world.backoff_is_over()  # the sessions' own; a server's limits are waited for all the same
    office.world.assert_stage(session_id, ANALYSIS, "COMPLETED")

    _, (refused,) = office.company("Other", 1)
    office.llmock.fail(400, code="content_filter", times=None)
    for _ in range(2):
        office.run()
        office.world.backoff_is_over()
    office.world.assert_stage(refused, ANALYSIS, "FAILED")

    verdict = office.llmock.verdict()
    assert ([len(call.attempts) for call in verdict.calls], office.posts()) == ([4, 1], 5)
    verdict.assert_ok(strict=True)


@pytest.mark.parametrize("status", ["SUSPENDED", "ARCHIVED"])
def test_what_is_answered_for_a_company_that_was_stopped_meanwhile_is_kept_and_no_more_is_asked(
    office: LlmockCompanies, status: str
) -> None:
    office.company("Acme", 3)

    def stop() -> None:
        with office.engine.begin() as connection:
            connection.execute(update(Company).values(status=status))

    with Model(on_post=stop) as model:
        model.body = json.dumps(
            {"choices": [{"message": {"content": json.dumps(VALID_REPLY)}, "finish_reason": "stop"}]}
        ).encode()
        report = office.run(openai_base_url=model.url, analysis_concurrency=1)
        posts = model.posts
        office.run(openai_base_url=model.url)
        assert model.posts == posts
    assert 1 <= posts == report.completed == office.costs().answered
    assert office.pipeline.statuses(ANALYSIS)["COMPLETED"] == posts
    assert "FAILED" not in office.pipeline.statuses(ANALYSIS)


def test_another_prompt_is_asked_anew_and_the_old_analysis_stays_superseded(office: LlmockCompanies) -> None:
    _, (session_id,) = office.company("Acme", 1)
    office.run()
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.session_analysis SET prompt_version = 'of old'"))
    assert (office.run().claimed, office.posts()) == (0, 1)  # a new prompt alone costs nobody anything

    office.do_again(session_id)
    assert (office.run().completed, office.posts()) == (1, 2)

    kept = office.pipeline.query("SELECT id, prompt_version FROM livedash.session_analysis ORDER BY id")
    (session,) = office.pipeline.query("SELECT analysis_id, prompt_version FROM livedash.session")
    assert kept[0].prompt_version == "of old"
    assert (session.analysis_id, session.prompt_version) == tuple(kept[1])
