"""Slots bound the concurrent calls, not the calls that the ledger opens or closes."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from livedash_core.analysis.contract import Turn
from livedash_core.errors import SystemicError, UnavailableError
from livedash_core.outcomes import Deferred
from tests.unit.analysis.openai.conftest import MakeAnalyzer, RecordingLedger
from tests.unit.analysis.openai.scripted_server import VALID_REPLY, ScriptedServer, request_of

SPOKEN = Turn("User", "How do I request leave?")


async def test_a_call_that_is_cancelled_while_it_waits_leaves_no_trace(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def think(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server.answers += [think, think]
    analyzer = make_analyzer(server.url, slots=asyncio.Semaphore(1))
    first, second = (asyncio.create_task(analyzer.analyze(request_of(SPOKEN))) for _ in range(2))
    await asked.wait()
    assert ledger.history == ["opened"]  # the first call finds out whether the server works
    assert len(server.posted) == 1

    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    answer.set()

    assert ledger.history == ["opened", "unknown"]
    assert len(server.posted) == 1


async def test_calls_waiting_for_a_slot_are_not_sent_after_a_systemic_error(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    server.says({"error": {"code": "invalid_api_key"}}, status="401 No")
    server.completes(json.dumps(VALID_REPLY))
    analyzer = make_analyzer(server.url, slots=asyncio.Semaphore(1))

    ends = await asyncio.gather(*(analyzer.analyze(request_of(SPOKEN)) for _ in range(3)), return_exceptions=True)

    assert [type(end) for end in ends] == [SystemicError] * 3
    assert len(server.posted) == 1
    assert ledger.history == ["opened", "rejected"]


async def test_calls_waiting_for_a_slot_are_deferred_after_a_rate_limit(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    server.says({"error": {}}, status="429 Too Many Requests", headers=("Retry-After: 600",))
    server.completes(json.dumps(VALID_REPLY))
    analyzer = make_analyzer(server.url, slots=asyncio.Semaphore(1))

    ends = await asyncio.gather(*(analyzer.analyze(request_of(SPOKEN)) for _ in range(3)), return_exceptions=True)

    assert [isinstance(end, Deferred) and end.retry_after_seconds for end in ends] == [600] * 3
    assert len(server.posted) == 1
    assert ledger.history == ["opened", "rejected"]
    await analyzer.analyze(request_of(SPOKEN))  # when its turn comes is the ledger's to say
    assert len(server.posted) == 2


async def test_concurrent_calls_are_not_retried_and_their_client_is_closed(
    server: ScriptedServer, make_analyzer: MakeAnalyzer, ledger: RecordingLedger
) -> None:
    all_here = asyncio.Barrier(3)

    async def busy(writer: asyncio.StreamWriter) -> None:
        await all_here.wait()
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    analyzer = make_analyzer(server.url)
    for _ in range(3):  # so that three calls are made at a time
        server.completes(json.dumps(VALID_REPLY))
        await analyzer.analyze(request_of(SPOKEN))
    server.answers += [busy] * 3
    server.says({}, status="503 Busy")
    ends = await asyncio.gather(*(analyzer.analyze(request_of(SPOKEN)) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [UnavailableError] * 3
    assert len(server.posted) == 3 + 3 + 1
    await analyzer.close()
    assert analyzer._chat_client.is_closed()
    assert analyzer._client.is_closed()
