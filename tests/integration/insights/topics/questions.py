"""Sessions with questions, topics made of them, and a model that answers as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, text

from livedash_core.insights import counted_sessions
from livedash_core.insights.counting import counted_questions
from livedash_core.insights.topics import encoder
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.models import Session
from livedash_core.operations.topics import Grouped, group_questions
from livedash_core.parsing.questions import normal_form
from livedash_core.settings import Settings
from livedash_core.stages.question_extraction import link_questions
from tests.integration.records import NOON, Records
from tests.integration.stages.loopback_server import LoopbackServer

Asked = tuple[str, str]
needs_encoder = pytest.mark.skipif(not encoder.is_installed(), reason="the extra topics is not installed")


class Desk:
    """A company whose employees ask questions."""

    def __init__(self, records: Records, name: str = "Acme", **columns: Any) -> None:
        self.engine: Engine = records.engine
        self.records = records
        self.name = name
        self.company_id: UUID = records.company(name, **columns)

    def ask(self, *questions: Asked, sessions: int = 1, **columns: Any) -> list[UUID]:
        """So many sessions, each with all of these questions: (language, text)."""
        ids = self.records.sessions(self.company_id, sessions, started_at=columns.get("started_at", NOON))
        values = {"company_id": self.company_id, "started_at": NOON, "ended_at": NOON, "analyzer": "offline", **columns}
        asked = [
            {
                "session_id": each,
                "company_id": self.company_id,
                "position": position,
                "raw_text": question,
                "normal_form": normal_form(question),
                "language": language,
            }
            for each in ids
            for position, (language, question) in enumerate(questions, start=1)
        ]
        with self.engine.begin() as connection, counted_sessions(connection, ids):
            connection.execute(insert(Session), [{"id": each, **values} for each in ids])
            with counted_questions(connection, ids):
                link_questions(connection, asked)
        return ids

    def group(self, *, with_model: bool = False, **settings: Any) -> Grouped:
        ((_, grouped),) = group_questions(self.engine, Settings(**settings), self.company_id, with_model=with_model)
        return grouped

    def topics(self) -> list[list[str]]:
        """The questions of each topic, in the order of their ids."""
        return [row.questions for row in self.query("""
            SELECT array_agg(content ORDER BY question.id) AS questions FROM livedash.topic_member
            JOIN livedash.question ON question.id = question_id
            WHERE topic_member.company_id = :company_id AND topic_id IS NOT NULL
            GROUP BY topic_id ORDER BY min(question.id)""")]  # fmt: skip

    def query(self, sql: str, **parameters: Any) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(text(sql), {"company_id": self.company_id, **parameters}).all()

    def topic_of(self, question: str) -> int:
        ((topic_id,),) = self.query(
            "SELECT topic_id FROM livedash.topic_member JOIN livedash.question ON question.id = question_id "
            "WHERE content = :question AND question.company_id = :company_id",
            question=question,
        )
        return int(topic_id)

    def question_id(self, question: str) -> int:
        ((found,),) = self.query(
            "SELECT id FROM livedash.question WHERE content = :question AND company_id = :company_id",
            question=question,
        )
        return int(found)

    def counts(self) -> list[Any]:
        """Everything that is counted of topics that have questions."""
        totals = self.query("""
            SELECT id, questions, sessions, unresolved, handed_over, category FROM livedash.topic
            WHERE company_id = :company_id ORDER BY id""")
        members = self.query("""
            SELECT question_id, sessions FROM livedash.topic_member
            WHERE company_id = :company_id AND topic_id IS NOT NULL ORDER BY 1""")
        days = self.query("""
            SELECT topic_id, day, count.sessions, count.unresolved, count.handed_over
            FROM livedash.topic_day_count AS count
            JOIN livedash.topic ON topic.id = topic_id WHERE company_id = :company_id ORDER BY 1, 2""")
        return [tuple(row) for row in (*totals, *members, *days)]

    def assert_counts_equal_a_recount(self) -> None:
        stored = self.counts()
        with self.engine.connect() as connection:
            connection.execute(
                text("DELETE FROM livedash.topic_day_count USING livedash.topic WHERE topic.id = topic_id")
            )
            connection.execute(text("UPDATE livedash.topic_member SET sessions = -1"))
            connection.execute(
                text("UPDATE livedash.topic SET questions = -1, sessions = -1, unresolved = -1, handed_over = -1")
            )
            refresh_counts(connection, self.company_id)
            connection.commit()
        assert self.counts() == stored


class TopicModel(LoopbackServer):
    """A chat completions server: ``is_same`` decides about a pair of questions, ``name`` names a group."""

    def __init__(
        self, is_same: Callable[[str, str], bool], name: Callable[[list[str]], str] = lambda group: group[0]
    ) -> None:
        self.is_same, self.name = is_same, name
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.raw_reply: str | None = None
        self.on_post: Callable[[], object] = lambda: None

    def reply(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        if "questions" in lines[0]:
            return {"names": [{"group": line["group"], "name": self.name(line["questions"])} for line in lines]}
        self.asked += [(line["a"], line["b"]) for line in lines]
        return {"same": [line["pair"] for line in lines if self.is_same(line["a"], line["b"])]}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.on_post()
                content = sent["messages"][-1]["content"]
                model.bodies.append(content)
                lines = [json.loads(line) for line in content.splitlines()[1:-1]]
                said = model.raw_reply if model.raw_reply is not None else json.dumps(model.reply(lines))
                body = json.dumps(
                    {
                        "id": "x",
                        "object": "chat.completion",
                        "model": "m",
                        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
                        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
                """Log nothing."""

        return Handler

    def settings(self) -> dict[str, Any]:
        return {"analyzer": "openai", "openai_base_url": self.url, "openai_api_key": "sk-test", "model": "m"}
