"""The batches of an analyzer that is not OpenAI's: the stage knows nothing but the contract (``analysis.batches``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO
from uuid import UUID

import pytest
from sqlalchemy import Engine, update

from livedash_core.analysis.batches import BatchAnalyzer, BatchRequest, BatchResult, RemoteBatch
from livedash_core.analysis.contract import Analysis, AnalysisRequest
from livedash_core.analysis.registry import AnalyzerRegistry, ResolvedAnalyzer
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.models import Company
from livedash_core.outcomes import Deferred
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.batch.selection import plan_analysis
from livedash_core.status import Scope
from tests.integration.records import Records
from tests.integration.stages.batches import MODEL, Batches


class InMemoryBatches:
    """A provider whose batches end at the first poll; a request is its session's id, and so is its reply."""

    server = "memory"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.closed = False

    def request_line(self, call_id: UUID, body: bytes) -> bytes:
        return f"{call_id} ".encode() + body + b"\n"

    def read_result(self, line: bytes) -> BatchResult | None:
        call_id, _, body = line.decode().partition(" ")
        return BatchResult(UUID(call_id), CallEnd("answered", usage=Usage(10, 0, 0, 5, 0)), body.strip().encode())

    async def upload(self, key: str, content: IO[bytes]) -> str:
        self.files[key] = content.read()
        return key

    async def submit(self, key: str, file_id: str) -> str:
        return f"batch of {file_id}"

    async def find_batch(self, key: str, since: float) -> str | None:
        raise AssertionError("nothing crashed")

    async def find_file(self, key: str, since: float) -> str | None:
        raise AssertionError("nothing crashed")

    async def poll(self, batch_id: str) -> RemoteBatch:
        return RemoteBatch(batch_id, "completed", "finished", len(self.files), tuple(self.files))

    async def download(self, file_id: str, into: IO[bytes]) -> None:
        into.write(self.files[file_id])

    async def cancel(self, batch_ids: Iterable[str]) -> None:
        raise AssertionError("nothing is cancelled")

    async def delete_file(self, file_id: str) -> None:
        self.files.pop(file_id, None)

    async def close(self) -> None:
        self.closed = True


class InMemoryAnalyzer:
    """Has no analysis but that of a batch."""

    name = "memory"
    prompt_version = "memory-1"

    def __init__(self, adapter: InMemoryBatches) -> None:
        self.adapter = adapter

    async def analyze(self, request: AnalysisRequest) -> Analysis | Deferred:
        raise AssertionError(f"{request.session_id} is analysed in a batch")

    def batch_request(self, request: AnalysisRequest) -> BatchRequest:
        call = PlannedCall(request.session_id, request.company_id, MODEL, self.prompt_version, 10, 5, "batch")
        return BatchRequest(call, str(request.session_id).encode())

    async def analyze_result(
        self, request: AnalysisRequest, result: BatchResult, prompt_version: str
    ) -> Analysis | Deferred:
        assert result.body.decode() == str(request.session_id)
        return Analysis(
            language="nl",
            sentiment="NEUTRAL",
            escalated=False,
            forwarded_hr=False,
            category="LEAVE_VACATION",
            summary="Wil verlof aanvragen.",
            analyzer=self.name,
            model=MODEL,
            prompt_version=prompt_version,
        )

    def batch_adapter(self, company_id: UUID) -> InMemoryBatches:
        return self.adapter

    async def close(self) -> None:
        """See ``Analyzer``."""


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> InMemoryBatches:
    adapter = InMemoryBatches()
    analyzer = InMemoryAnalyzer(adapter)
    monkeypatch.setattr(
        AnalyzerRegistry, "resolve", lambda _self, _choice, model, _company_id: ResolvedAnalyzer(analyzer, model)
    )
    return adapter


def test_batches_of_any_analyzer_are_submitted_polled_and_collected(
    engine: Engine, company_id: UUID, adapter: InMemoryBatches
):
    assert isinstance(InMemoryAnalyzer(adapter), BatchAnalyzer)
    batches = Batches(engine, "http://unused.invalid")
    ids = batches.sessions(company_id, 3)

    report = batches.run(company_id)

    assert (report.completed, report.incidents) == (3, [])
    assert {batches.result(session_id).analyzer for session_id in ids} == {"memory"}
    (batch,) = batches.batches()
    assert (batch.analyzer, batch.status, batch.remote_status, batch.requests) == ("memory", "closed", "finished", 3)
    assert adapter.files == {}


def test_one_plan_says_what_is_analysed_at_once_and_what_in_batches(engine: Engine, records: Records):
    realtime = records.company("Acme", analyzer="openai")
    batched = records.company("Globex", analyzer="openai", mode="batch")
    offline = records.company("Rules", analyzer="offline", mode="batch")
    settings = Settings(batch_requests=10)

    def plan(scope: Scope = Scope(), **options: object) -> tuple[tuple[UUID, ...] | None, tuple[UUID, ...], bool]:  # noqa: B008 - frozen
        with engine.connect() as connection:
            found = plan_analysis(connection, settings, scope, **options)
        return found.at_once and found.at_once.company_ids, found.send, found.has_batches

    assert plan() == ((realtime, offline), (batched,), True)
    assert plan(mode="realtime") == (None, (), False)
    assert plan(mode="batch") == ((offline,), (realtime, batched), True)
    assert plan(Scope(company_ids=(batched,))) == (None, (batched,), True)
    assert plan(analyzer="offline") == (None, (), False)
    assert plan(mode="batch", analyzer="not installed") == (None, (), False)
    # Nothing is due, so there is no batch to wait for.
    assert plan(wait_for_full_batches=True) == ((realtime, offline), (), False)
    Batches(engine, "http://unused.invalid").sessions(batched, 1)
    assert plan(wait_for_full_batches=True) == ((realtime, offline), (batched,), True)
    with engine.begin() as connection:
        connection.execute(update(Company).where(Company.id == batched).values(status="SUSPENDED"))
    assert plan() == (None, (), False)
