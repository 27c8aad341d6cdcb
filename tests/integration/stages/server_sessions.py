"""Sessions with numbered conversations, and runs that ask a faulty server about them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import insert
from sqlalchemy import text as sql

from livedash_core.models import Message
from livedash_core.stages.report import StageReport
from tests.integration.stages.faulty_server import FaultyServer
from tests.integration.stages.llmock_companies import ANALYSIS, LlmockCompanies

SESSIONS = 8


def error(message: Any, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


class Sessions:
    """Sessions whose conversations are numbered, and runs that ask the faulty server about them."""

    def __init__(self, companies: LlmockCompanies, server: FaultyServer, number: int = SESSIONS) -> None:
        self.companies, self.server = companies, server
        self.company_id, self.ids = companies.company("Acme", number)
        with companies.engine.begin() as connection:
            connection.execute(sql("DELETE FROM livedash.message"))
            said = {"position": 1, "role": "User", "sent_at": "2026-03-02 12:00Z"}
            connection.execute(
                insert(Message),
                [{"session_id": each, "content": f"conversation-{n}", **said} for n, each in enumerate(self.ids)],
            )

    def run(self, **settings: Any) -> StageReport:
        chosen: dict[str, Any] = {"openai_base_url": self.server.url, "analysis_concurrency": 16, **settings}
        return self.companies.run(**chosen)

    def run_again(self, **settings: Any) -> StageReport:
        self.companies.records.backoff_is_over()
        return self.run(**settings)

    def say(self, number: int, words: str) -> None:
        """Add words to a conversation, in one message."""
        with self.companies.engine.begin() as connection:
            connection.execute(
                sql("UPDATE livedash.message SET content = content || ' ' || :words WHERE session_id = :id"),
                {"words": words, "id": self.ids[number]},
            )

    def execute(self, statement: str) -> None:
        with self.companies.engine.begin() as connection:
            connection.execute(sql(statement))

    def forget_analyses(self) -> None:
        """So that sessions that are done again need a call again."""
        self.execute("UPDATE livedash.session_analysis SET prompt_version = gen_random_uuid()")

    def metadata(self, number: int) -> dict[str, Any]:
        return dict(self.companies.records.row(self.ids[number], ANALYSIS).metadata or {})

    def ends(self) -> Counter[str]:
        return self.companies.pipeline.statuses(ANALYSIS)

    def end_of(self, number: int) -> tuple[str, str | None, int]:
        row = self.companies.records.row(self.ids[number], ANALYSIS)
        return row.status, row.error_message, row.attempts

    def ledger(self) -> Counter[str]:
        rows = self.companies.pipeline.query(
            "SELECT outcome FROM livedash.ai_processing_request "
            "WHERE starts_with(error_message, 'not sent: ') IS NOT TRUE"
        )
        self.companies.costs()  # asserts that the totals equal the rows
        return Counter(row.outcome for row in rows)

    def incidents(self) -> list[str]:
        return [incident.message for incident in self.companies.pipeline.incidents()]
