"""The committed rows of the ledger, as another connection sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert, select, text

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn
from livedash_core.analysis.openai import OpenAIAnalyzer
from livedash_core.analysis.stored_analyses import StoredAnalysis, store_analyses, stored_analysis_of
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.db import make_engine
from livedash_core.errors import SystemicError, TransientError
from livedash_core.models import AiProcessingRequest, Session, SessionAnalysis
from livedash_core.operations.erasure import erase_session
from livedash_core.pipeline import BUILT_IN
from tests.integration.records import NOON, Records
from tests.integration.stages.test_statements import statements
from tests.unit.analysis.openai.scripted_server import request_of, scripted_server


@pytest.fixture
async def ledger(engine: Engine) -> AsyncIterator[DatabaseLedger]:
    ledger = DatabaseLedger(engine, store_results=store_analyses)
    yield ledger
    await ledger.close()


@pytest.fixture
def sessions(engine: Engine, records: Records) -> list[UUID]:
    company_id = records.company("Acme")
    ids = records.sessions(company_id, 6, completed_stages=3)
    times = {"company_id": company_id, "started_at": NOON, "ended_at": NOON}
    with engine.begin() as connection:
        connection.execute(insert(Session), [{"id": each, **times} for each in ids])
    return ids


async def open_row(ledger: DatabaseLedger) -> UUID:
    return await ledger.open_call(PlannedCall(uuid4(), uuid4(), "small", "2026-11-1", 900, 500))


def stored(engine: Engine, row: UUID) -> Any:
    table = AiProcessingRequest.__table__
    with engine.connect() as connection:
        return connection.execute(select(table).where(table.c.id == row)).one()


async def test_a_call_is_recorded_before_it_is_made(engine: Engine, ledger: DatabaseLedger) -> None:
    session_id, company_id = uuid4(), uuid4()
    row = await ledger.open_call(PlannedCall(session_id, company_id, "small", "1", 900, 500))
    found = stored(engine, row)
    assert (found.session_id, found.company_id) == (session_id, company_id)
    assert (found.model_requested, found.prompt_version, found.mode) == ("small", "1", "realtime")
    assert (found.outcome, found.answered_at, found.cost) == ("sent", None, None)


async def test_a_call_in_progress_is_visible_to_other_connections(engine: Engine, ledger: DatabaseLedger) -> None:
    seen: list[str] = []

    async def think(writer: asyncio.StreamWriter) -> None:
        with engine.connect() as other_connection:
            seen.extend(other_connection.scalars(select(AiProcessingRequest.outcome)))
        writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with scripted_server() as server:
        server.answers.append(think)
        analyzer = OpenAIAnalyzer(api_key="sk-1", base_url=server.url, model="small", ledger=ledger)
        with pytest.raises(TransientError):
            await analyzer.analyze(request_of(Turn("User", "Hoi")))
        await analyzer.close()
    assert seen == ["sent"]
    with engine.connect() as connection:
        # The second call asks whether the server answers anything at all; this one does not.
        assert connection.scalars(select(AiProcessingRequest.outcome)).all() == ["rejected", "unknown"]


async def test_closing_a_call_stores_the_response_and_its_usage(engine: Engine, ledger: DatabaseLedger) -> None:
    row = await open_row(ledger)
    end = CallEnd("answered", None, "small-2026", "req_1", "flex", Usage(900, 640, 100, 300, 250))
    await ledger.close_call(row, end)
    found = stored(engine, row)
    assert (found.outcome, found.error_message) == ("answered", None)
    assert (found.model_answered, found.provider_request_id, found.service_tier) == ("small-2026", "req_1", "flex")
    assert (found.prompt_tokens, found.cached_tokens, found.cache_write_tokens) == (900, 640, 100)
    assert (found.completion_tokens, found.reasoning_tokens) == (300, 250)
    assert found.answered_at >= found.requested_at


@pytest.mark.parametrize("outcome", ["rejected", "unknown"])
async def test_a_call_without_an_answer_has_no_usage(engine: Engine, ledger: DatabaseLedger, outcome: Any) -> None:
    row = await open_row(ledger)
    await ledger.close_call(row, CallEnd(outcome, "the server is down"))
    found = stored(engine, row)
    assert (found.outcome, found.error_message, found.prompt_tokens) == (outcome, "the server is down", None)


async def test_an_unusable_reply_keeps_its_usage(engine: Engine, ledger: DatabaseLedger) -> None:
    row = await open_row(ledger)
    await ledger.close_call(row, CallEnd("answered", usage=Usage(prompt_tokens=900)))
    await ledger.mark_unusable(row, "not JSON")
    found = stored(engine, row)
    assert (found.outcome, found.prompt_tokens, found.error_message) == ("answered", 900, "not JSON")


async def test_a_closed_row_is_not_closed_again(engine: Engine, ledger: DatabaseLedger) -> None:
    row = await open_row(ledger)
    await ledger.close_call(row, CallEnd("answered", usage=Usage(prompt_tokens=900)))
    await ledger.close_call(row, CallEnd("unknown"))
    assert stored(engine, row).outcome == "answered"
    assert stored(engine, row).prompt_tokens == 900


async def test_closing_a_row_changes_no_other_row(engine: Engine, ledger: DatabaseLedger) -> None:
    row, other = await open_row(ledger), await open_row(ledger)
    await ledger.close_call(row, CallEnd("answered"))
    await ledger.mark_unusable(row, "not JSON")
    assert (stored(engine, other).outcome, stored(engine, other).error_message) == ("sent", None)


async def test_a_closed_call_survives_a_rollback_of_the_stage(engine: Engine, ledger: DatabaseLedger) -> None:
    with engine.connect() as stage:
        stage.execute(text("SELECT 1"))
        row = await open_row(ledger)
        await ledger.close_call(row, CallEnd("answered"))
        stage.rollback()
    assert stored(engine, row).outcome == "answered"


async def test_an_unreachable_database_is_a_systemic_error() -> None:
    engine = make_engine("postgresql://nobody:hidden@127.0.0.1:1/nowhere")
    with pytest.raises(SystemicError, match="the cost ledger cannot be written") as raised:
        await open_row(DatabaseLedger(engine, store_results=store_analyses))
    assert "hidden" not in str(raised.value)
    engine.dispose()


def analysis_to_store(session_id: UUID, **changes: Any) -> StoredAnalysis:
    analysis = Analysis("nl", "NEUTRAL", False, False, "LEAVE_VACATION", "How to request leave.", analyzer="openai")
    request = AnalysisRequest(session_id, uuid4(), (), input_hash="of its words")
    return stored_analysis_of(request, "small", analysis)._replace(**changes)


def stored_session_ids(engine: Engine) -> list[UUID]:
    with engine.connect() as connection:
        return list(connection.scalars(select(SessionAnalysis.session_id)))


async def test_the_analysis_is_stored_when_its_call_is_closed(
    engine: Engine, ledger: DatabaseLedger, sessions: list[UUID]
) -> None:
    rows = [await open_row(ledger) for _ in sessions]
    ends = [
        ledger.close_call(row, CallEnd("answered"), analysis_to_store(each))
        for row, each in zip(rows, sessions, strict=True)
    ]
    await asyncio.gather(*ends)
    assert sorted(stored_session_ids(engine)) == sorted(sessions)
    assert {stored(engine, row).outcome for row in rows} == {"answered"}


async def test_the_number_of_statements_does_not_depend_on_the_number_of_analyses(
    engine: Engine, ledger: DatabaseLedger, sessions: list[UUID]
) -> None:
    rows = [await open_row(ledger) for _ in sessions]
    counted = []
    for part in (slice(0, 1), slice(1, None)):
        ends = [
            ledger.close_call(row, CallEnd("answered"), analysis_to_store(each))
            for row, each in zip(rows[part], sessions[part], strict=True)
        ]
        with statements(engine) as seen:
            await asyncio.gather(*ends)
        counted.append(len(seen))
    assert counted[0] == counted[1]


async def test_a_refused_analysis_loses_neither_its_usage_nor_another_analysis(
    engine: Engine, ledger: DatabaseLedger, sessions: list[UUID]
) -> None:
    good, bad, gone = [await open_row(ledger) for _ in range(3)]
    usage = Usage(prompt_tokens=900)
    results = await asyncio.gather(
        ledger.close_call(good, CallEnd("answered", usage=usage), analysis_to_store(sessions[0])),
        ledger.close_call(bad, CallEnd("answered", usage=usage), analysis_to_store(sessions[1], input_hash="\0")),
        ledger.close_call(gone, CallEnd("answered", usage=usage), analysis_to_store(uuid4())),
        return_exceptions=True,
    )
    assert results[0] is None
    assert [isinstance(result, Exception) for result in results[1:]] == [True, True]
    assert stored_session_ids(engine) == sessions[:1]
    assert [stored(engine, row).prompt_tokens for row in (good, bad, gone)] == [900, 900, 900]
    assert {stored(engine, row).outcome for row in (good, bad, gone)} == {"answered"}


async def test_a_session_erased_during_its_call_keeps_the_usage_but_no_analysis(
    engine: Engine, ledger: DatabaseLedger, sessions: list[UUID]
) -> None:
    other, erased = [await open_row(ledger) for _ in range(2)]
    erase_session(engine, sessions[1], BUILT_IN)
    end = CallEnd("answered", usage=Usage(prompt_tokens=900))
    await asyncio.gather(
        ledger.close_call(other, end, analysis_to_store(sessions[0])),
        ledger.close_call(erased, end, analysis_to_store(sessions[1])),
    )
    assert stored_session_ids(engine) == sessions[:1]
    assert [stored(engine, row).prompt_tokens for row in (other, erased)] == [900, 900]
