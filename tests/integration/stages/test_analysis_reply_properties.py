"""Whatever a model server answers, its session ends in exactly one way, and each call is accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from livedash_core.models import Message, Session
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.stage import StageContext
from livedash_core.status import Scope
from tests.integration.records import NOON, Records
from tests.integration.stages.model_server import Model
from tests.integration.stages.stage_runs import Pipeline
from tests.unit.analysis.openai.scripted_server import VALID_REPLY

STAGE = "AI_ANALYSIS"
#: One call, and one more for each thing that a second try may mend (``OpenAIAnalyzer.analyze``).
MOST_CALLS = 4

# Lone surrogates and NUL too: JSON can spell what PostgreSQL cannot keep.
TEXT = st.text(st.characters(), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nine times in ten what is usual, else anything."""
    return st.integers(1, 10).flatmap(lambda number: usual if number < 10 else JSON)


#: A analysis in which some fields are anything, as JSON, perhaps with something around it.
NEARLY = st.tuples(
    st.sampled_from(["{}", "```json\n{}\n```", "<think>hm</think>{}", "{} Is that what you want?", "{"]),
    st.fixed_dictionaries({name: mostly(st.just(value)) for name, value in VALID_REPLY.items()}).map(json.dumps),
).map(lambda parts: parts[0].replace("{}", parts[1]))
CHOICE = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {"content": st.one_of(NEARLY, NEARLY, TEXT, JSON)}, optional={"refusal": TEXT}
        ),
        "finish_reason": st.sampled_from(["stop", "stop", "stop", "length", "content_filter", None, 7]),
    }
)
COMPLETION = st.fixed_dictionaries(
    {"choices": mostly(st.lists(CHOICE, min_size=1, max_size=2))},
    optional={
        "usage": mostly(st.just({"prompt_tokens": 900, "completion_tokens": 120})),
        "model": mostly(st.just("small-model-2026")),
        "service_tier": mostly(st.just("default")),
        "error": JSON,
    },
)
BODY = mostly(COMPLETION).map(json.dumps).map(str.encode) | st.binary(max_size=80)
STATUS = st.sampled_from([200] * 8 + [400, 401, 404, 500])


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as model:
        yield model


def spoken(records: Records, company_id: UUID) -> UUID:
    """A session that waits to be analysed."""
    (session_id,) = records.sessions(company_id, 1, completed_stages=3)
    times = {"started_at": NOON, "ended_at": NOON + timedelta(minutes=1)}
    said = {"session_id": session_id, "position": 0, "role": "User", "content": "How do I request leave?"}
    with records.engine.begin() as connection:
        connection.execute(insert(Session).values(id=session_id, company_id=company_id, **times))
        connection.execute(insert(Message).values(**said, sent_at=NOON))
    return session_id


def test_any_reply_leads_to_exactly_one_status_and_a_closed_call(
    engine: Engine, records: Records, company_id: UUID, pipeline: Pipeline, model: Model
) -> None:
    tools = StageContext(
        engine,
        Settings(analyzer="openai", model="small-model", openai_api_key=SecretStr("sk-1"), openai_base_url=model.url),
    )

    def analysed(session_id: UUID) -> set[str]:
        """The ways in which the session ended."""
        report = Runner(engine, AiAnalysis(tools), BUILT_IN, scope=Scope(session_ids=(session_id,))).run()
        row = records.row(session_id, STAGE)
        stored = pipeline.query("SELECT FROM livedash.session_analysis WHERE session_id = :id", id=session_id)
        return {
            way
            for way, so in {
                "stored": row.status == "COMPLETED" and len(stored) == 1,
                "session error": (row.status, row.error_kind, stored) == ("FAILED", "permanent", []),
                "transient": (row.status, row.error_kind, row.attempts, stored) == ("PENDING", "transient", 1, []),
                "systemic": (row.status, row.attempts, stored, len(report.incidents)) == ("PENDING", 0, [], 1),
            }.items()
            if so
        }

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(body=BODY, status=STATUS)
    def check(body: bytes, status: int) -> None:
        model.body, model.status, model.posts = body, status, 0
        session_id = spoken(records, company_id)

        ways = analysed(session_id)

        assert len(ways) == 1, ways
        seen.update(ways)
        ledger = pipeline.query("SELECT * FROM livedash.ai_processing_request WHERE session_id = :id", id=session_id)
        assert 1 <= len(ledger) == model.posts <= MOST_CALLS
        assert {call.outcome for call in ledger} <= {"answered", "rejected", "unknown"}
        if ways == {"stored"}:
            assert ledger[-1].outcome == "answered"

    seen: set[str] = set()
    check()
    assert seen == {"stored", "session error", "transient", "systemic"}  # else the strategies say too little
    records.assert_counts_equal_rows()
