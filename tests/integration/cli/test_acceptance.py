"""From a company's own server to answered questions, with the model's place taken by a third party's server."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from llmock.pytest_plugin import LLMock
from sqlalchemy import Engine, func, select

from livedash_core.models import AiProcessingRequest, Message, Session, SessionImport, SessionQuestion
from livedash_core.pipeline import BUILT_IN
from tests.integration.cli.company_server import Chat, CompanyServer, conversation
from tests.integration.cli.conftest import CommandLine

SESSIONS = 200
ZURICH = ZoneInfo("Europe/Zurich")
ANALYSIS = {
    "summary": "Jemand fragte nach Ferien und erhielt Auskunft.",
    "questions": ["How many days of leave do I have?", "Who approves my expenses?"],
    "language": "de",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
}


def test_every_published_chat_is_analysed_once(livedash: CommandLine, engine: Engine, llmock: LLMock) -> None:
    llmock.reply(json.dumps(ANALYSIS), times=None)
    livedash = livedash.with_environment(
        {"OPENAI_API_KEY": "sk-not-a-real-key", "OPENAI_BASE_URL": llmock.base_url(), "LIVEDASH_MODEL": "small-model"}
    )
    chats = [conversation(number) for number in range(SESSIONS)]
    with CompanyServer(chats).serving() as server:
        where = ("--csv-url", server.csv_url.replace("127.0.0.1", "localhost"), "--allow-network", "127.0.0.0/8")
        server.url = server.url.replace("127.0.0.1", "localhost")
        livedash("company", "add", "Weiß & Söhne", *where, "--http-conn-id", "acme", "--timezone", "Europe/Zurich")
        reports = livedash.json("process")["stages"]
        again = livedash.json("process")["stages"]

    counts = {"claimed": SESSIONS, "completed": SESSIONS, "failed": 0, "skipped": 0, "released": 0}
    assert {stage: {**report, "seconds": None} for stage, report in reports.items()} == {
        stage: {**counts, "seconds": None} for stage in BUILT_IN.names
    }
    assert [report["claimed"] for report in again.values()] == [0] * len(BUILT_IN.names)
    zeros = dict.fromkeys(("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "SKIPPED"), 0)
    assert livedash.json("status") == {
        "total_sessions": SESSIONS,
        "stages": {stage: {**zeros, "COMPLETED": SESSIONS} for stage in BUILT_IN.names},
    }
    assert server.requests == {"csv": 2, "transcript": SESSIONS}
    assert stored_conversations(engine) == {chat.external_id: expected_messages(chat) for chat in chats}

    with engine.connect() as connection:
        analysed = connection.execute(
            select(Session.analyzer, Session.model, Session.language, Session.category, Session.summary).distinct()
        ).all()
        asked = connection.execute(
            select(SessionQuestion.position, SessionQuestion.raw_text, func.count())
            .group_by(SessionQuestion.position, SessionQuestion.raw_text)
            .order_by(SessionQuestion.position)
        ).all()
        paid = connection.execute(
            select(
                AiProcessingRequest.outcome, func.count(AiProcessingRequest.session_id.distinct()), func.count()
            ).group_by(AiProcessingRequest.outcome)
        ).all()
    assert analysed == [("openai", "small-model", "de", "LEAVE_VACATION", ANALYSIS["summary"])]
    assert asked == [(position, text, SESSIONS) for position, text in enumerate(ANALYSIS["questions"], start=1)]
    assert paid == [("answered", SESSIONS, SESSIONS)]
    # What the model was asked: every conversation, each once.
    prompts = [request.body["messages"][1]["content"] for request in llmock.requests]
    assert len(prompts) == SESSIONS
    assert all(sum(f"Frage {chat.number}:" in prompt for prompt in prompts) == 1 for chat in chats)


def expected_messages(chat: Chat) -> list[tuple[str, str]]:
    return [(role, content) for role, content in chat.messages]


def stored_conversations(engine: Engine) -> dict[str, list[tuple[str, str]]]:
    """By external id; on the way: the sessions' times and first words are those of their rows."""
    with engine.connect() as connection:
        rows: list[Any] = list(
            connection.execute(
                select(
                    SessionImport.external_session_id,
                    Session.started_at,
                    Session.initial_message,
                    Message.position,
                    Message.role,
                    Message.content,
                )
                .join(Session, Session.id == SessionImport.id)
                .join(Message, Message.session_id == Session.id)
                .order_by(SessionImport.external_session_id, Message.position)
            )
        )
    conversations: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        chat = conversation(int(row.external_session_id.removeprefix("chat-")))
        assert row.started_at == datetime.combine(chat.started.date(), chat.started.time(), ZURICH)
        assert row.initial_message == chat.messages[0][1]
        messages = conversations.setdefault(row.external_session_id, [])
        messages.append((row.role, row.content))
        assert row.position == len(messages)
    return conversations
