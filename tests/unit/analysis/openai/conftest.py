"""Fixtures: the analyzer, a ledger in memory and a scripted model server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from livedash_core.analysis.contract import AnalysisRequest, Turn
from livedash_core.analysis.openai import OpenAIAnalyzer
from livedash_core.analysis.stored_analyses import StoredAnalysis
from livedash_core.costs.ledger import CallEnd, PlannedCall
from tests.unit.analysis.openai.scripted_server import SECRET, ScriptedServer, request_of, scripted_server


@dataclass
class Row:
    """A row of the ledger: what it was opened with, and its state after each step."""

    session_id: UUID
    model: str
    prompt_version: str
    end: CallEnd | None = None
    stored: StoredAnalysis | None = None

    @property
    def error_message(self) -> str | None:
        return self.end and self.end.error_message


@dataclass
class RecordingLedger:
    """A ``Ledger`` in memory. ``history`` has the operations in their order."""

    rows: dict[UUID, Row] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    async def open_call(self, call: PlannedCall) -> UUID:
        row = uuid4()
        self.rows[row] = Row(call.session_id, call.model, call.prompt_version)
        self.history.append("opened")
        return row

    async def close_call(self, row: UUID, end: CallEnd, stored: StoredAnalysis | None = None) -> None:
        assert self.rows[row].end is None, "a row is closed once"
        self.rows[row].end = end
        self.rows[row].stored = stored
        self.history.append(end.outcome)

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        raise AssertionError("a realtime call is closed with its error message")

    @property
    def sent(self) -> int:
        """The number of calls that were sent."""
        unsent = ("not sent: ", "stopped before it was sent")
        return sum(not (row.end and (row.end.error_message or "").startswith(unsent)) for row in self.rows.values())

    @property
    def only(self) -> Row:
        (row,) = self.rows.values()
        return row


class MakeAnalyzer(Protocol):
    def __call__(self, base_url: str | None, **options: Any) -> OpenAIAnalyzer: ...


@pytest.fixture
def ledger() -> RecordingLedger:
    return RecordingLedger()


@pytest.fixture
async def make_analyzer(ledger: RecordingLedger) -> AsyncIterator[MakeAnalyzer]:
    made: list[OpenAIAnalyzer] = []

    def make(base_url: str | None, **options: Any) -> OpenAIAnalyzer:
        settings = {"api_key": "sk-very-secret", "model": "small-model", "ledger": ledger, "timeout_seconds": 20}
        made.append(OpenAIAnalyzer(base_url=base_url, **{**settings, **options}))
        return made[-1]

    yield make
    for analyzer in made:
        await analyzer.close()


@pytest.fixture
def request_to_analyse() -> AnalysisRequest:
    return request_of(Turn("User", f"Hoe vraag ik verlof aan? {SECRET}"), Turn("Assistant", "In de app."))


@pytest.fixture
async def server(ledger: RecordingLedger) -> AsyncIterator[ScriptedServer]:
    """A scripted server; after each test the number of its requests equals the number of sent calls in the ledger."""
    async with scripted_server() as server:
        yield server
    assert len(server.posted) == ledger.sent
