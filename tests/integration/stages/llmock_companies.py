"""Companies whose sessions wait to be analysed, and a third party's model server (llmock) that analyses them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from llmock.pytest_plugin import LLMock
from sqlalchemy import Engine, insert

from livedash_core.costs.ledger_store import recount, stored_totals
from livedash_core.costs.prices import set_price
from livedash_core.costs.reports import CostLine, read_costs
from livedash_core.models import Message, Session
from livedash_core.settings import Settings
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext, create_stage
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import NOON, Records
from tests.integration.stages.stage_runs import Pipeline

ANALYSIS = "AI_ANALYSIS"


class LlmockCompanies:
    """Companies with conversations, and a pipeline that asks llmock about them."""

    def __init__(self, engine: Engine, records: Records, llmock: LLMock) -> None:
        self.engine, self.records, self.llmock = engine, records, llmock
        self.pipeline = Pipeline(engine)
        with engine.begin() as connection:
            long_ago = datetime(2020, 1, 1, tzinfo=UTC)
            set_price(connection, "small", valid_from=long_ago, input_=Decimal(1), output=Decimal(1))

    def company(self, name: str, sessions: int, **columns: Any) -> tuple[UUID, list[UUID]]:
        company_id = self.records.company(name, model="small", csv_url="https://example.com/x", **columns)
        ids = self.records.sessions(company_id, sessions, completed_stages=3)
        self.say(company_id, ids, "Hoe vraag ik verlof aan?")
        return company_id, ids

    def say(self, company_id: UUID, ids: Sequence[UUID], words: str) -> None:
        times = {"started_at": NOON, "ended_at": NOON}
        with self.engine.begin() as connection:
            connection.execute(insert(Session), [{"id": each, "company_id": company_id, **times} for each in ids])
            said = {"position": 1, "role": "User", "content": words, "sent_at": NOON}
            connection.execute(insert(Message), [{"session_id": each, **said} for each in ids])

    def run(self, **settings: Any) -> StageReport:
        url, key = self.llmock.base_url(), "sk-test"
        chosen = {"analyzer": "openai", "openai_base_url": url, "openai_api_key": key, "analysis_concurrency": 4}
        tools = StageContext(self.engine, Settings(**{**chosen, **settings}))
        return self.pipeline.run(create_stage(self.pipeline.stages.stage(ANALYSIS), tools))

    def do_again(self, *ids: UUID) -> None:
        """As "do again" on the form of a run does."""
        with self.engine.begin() as connection:
            ProcessingStatusManager(connection).reopen(ANALYSIS, ids)

    def posts(self) -> int:
        return len(self.llmock.requests)

    def costs(self, *companies: UUID) -> CostLine:
        with self.engine.connect() as connection:
            assert stored_totals(connection) == recount(connection)
            return read_costs(connection, company_ids=companies or None).total
