"""Sessions that wait to be analysed, batches that analyse them, and what that left behind.

As a program (``python -m tests.integration.stages.batches DATABASE_URL SERVER_URL``): one run of the batches, for
tests that kill it.
"""

from __future__ import annotations

import sys
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Engine, insert, select, text

from livedash_core.costs.ledger_store import recount
from livedash_core.costs.prices import import_price_catalogue
from livedash_core.db import make_engine
from livedash_core.models import Message, Session
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.batch.runner import BatchRunner
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext, create_stage
from tests.integration.records import NOON, Records

STAGE = "AI_ANALYSIS"
MODEL = "gpt-4o-mini"
#: USD per token in a batch (half of the price list), and one by one: genai-prices, gpt-4o-mini.
BATCH_INPUT, BATCH_OUTPUT = Decimal("0.000000075"), Decimal("0.0000003")


class Batches:
    """Runs batches on one database against one server."""

    def __init__(self, engine: Engine, base_url: str, **settings: Any) -> None:
        self.engine = engine
        self.records = Records(engine)
        self.stages = BUILT_IN
        key = None if settings.pop("without_key", False) else SecretStr("sk-test")
        chosen = {"analyzer": "openai", "model": MODEL, "batch_requests": 100, "openai_prices": True} | settings
        self.settings = Settings(openai_base_url=base_url, openai_api_key=key, **chosen)
        self.context = StageContext(engine, self.settings)

    def sessions(self, company_id: UUID, number: int, *turns: tuple[str, str]) -> list[UUID]:
        """Sessions with a conversation each, their stages before the analysis done."""
        ids = self.records.sessions(company_id, number, completed_stages=3)
        times = {"started_at": NOON, "ended_at": NOON}
        with self.engine.begin() as connection:
            import_price_catalogue(connection)
            connection.execute(insert(Session), [{"id": one, "company_id": company_id, **times} for one in ids])
            connection.execute(
                insert(Message),
                [
                    {"session_id": one, "position": position, "role": role, "content": content, "sent_at": NOON}
                    for one in ids
                    for position, (role, content) in enumerate(
                        turns or [("User", f"Hoe vraag ik verlof aan? ({one})"), ("Assistant", "In de app.")], start=1
                    )
                ],
            )
        return ids

    def runner(self, **options: Any) -> BatchRunner:
        stage = create_stage(self.stages.stage(STAGE), self.context)
        assert isinstance(stage, AiAnalysis)
        return BatchRunner(self.engine, stage, self.stages, **options)

    def run(self, *company_ids: UUID, max_polls: int = 20, **options: Any) -> StageReport:
        """Poll what is there, submit what is due, poll until nothing is in progress."""
        with self.runner(**options) as runner:
            runner.poll()
            runner.submit(company_ids)
            for _ in range(max_polls):
                if not runner.poll():
                    return runner.report
        raise AssertionError(f"still in progress after {max_polls} polls")

    # --- what there is now

    def statuses(self) -> Counter[str]:
        query = "SELECT status FROM livedash.session_processing_status WHERE stage = :stage"
        return Counter(status for (status,) in self.query(query, stage=STAGE))

    def calls(self) -> list[Any]:
        return self.query("SELECT * FROM livedash.ai_processing_request ORDER BY requested_at, id")

    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome for call in self.calls())

    def batches(self) -> list[Any]:
        return self.query("SELECT * FROM livedash.ai_batch ORDER BY id")

    def leases(self) -> int:
        return len(self.query("SELECT FROM livedash.session_processing_lease"))

    def incidents(self) -> list[str]:
        return [message for (message,) in self.query("SELECT message FROM livedash.systemic_incident ORDER BY id")]

    def query(self, sql: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), parameters))

    def result(self, session_id: UUID) -> Any:
        table = Session.__table__
        with self.engine.connect() as connection:
            return connection.execute(select(table).where(table.c.id == session_id)).one()

    def assert_paid_for(self, server: Any) -> None:
        """The ledger counts what the server does: calls, tokens, money; and its sums by day what its rows do."""
        answered = [call for call in self.calls() if call.outcome == "answered"]
        assert len(answered) == server.billed.total()
        for kind in ("prompt_tokens", "completion_tokens"):
            assert sum(getattr(call, kind) for call in answered) == server.tokens[kind]
        for call in answered:
            times = 1 if call.mode == "batch" else 2
            cost = times * (call.prompt_tokens * BATCH_INPUT + call.completion_tokens * BATCH_OUTPUT)
            assert call.cost == cost
        assert "sent" not in self.outcomes()
        with self.engine.connect() as connection:
            sums = [row for row in recount(connection) if row["outcome"] == "answered"]
            held = connection.scalar(text("SELECT sum(cost) FROM livedash.ai_cost_daily"))
        assert sum(row["cost"] for row in sums) == (held or 0)
        self.records.assert_counts_equal_rows()


if __name__ == "__main__":
    batches = Batches(make_engine(sys.argv[1]), sys.argv[2])
    batches.run(*(company_id for (company_id,) in batches.query("SELECT id FROM livedash.company ORDER BY id")))
