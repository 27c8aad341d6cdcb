"""Settles the sessions of a batch that has ended from the lines of its result files.

Lines are matched by the id of their call, in any order. A call is closed in the ledger before its reply is analysed;
sessions without a result are released, or fail and are tried again. Collecting a batch twice changes nothing: a closed
call stays as it is, and a settled session is not held any more.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.analysis.batches import BatchAdapter, BatchAnalyzer, BatchResult, RemoteBatch, ResultFileGone
from livedash_core.costs.ledger import CallEnd
from livedash_core.costs.ledger_store import close_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.outcomes import Outcome
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.stage import AiAnalysis, AnalysisResult, Conversation
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.worker_pool import Handled, WorkerPool
from livedash_core.status import Failure

log = logging.getLogger(__name__)

#: Lines in memory at a time.
CHUNK_LINES = 250


class _ReceivedResult(NamedTuple):
    """A session of the batch, with its result and the prompt version of its request."""

    conversation: Conversation
    result: BatchResult
    prompt_version: str

    @property
    def session_id(self) -> UUID:
        return self.conversation.session_id

    @property
    def company_id(self) -> UUID:
        return self.conversation.company_id


class ResultCollector:
    """Collects one batch. ``stop()`` interrupts it; what is left can be collected later."""

    def __init__(
        self,
        settler: ClaimSettler[Conversation, AnalysisResult],
        stage: AiAnalysis,
        loop: asyncio.Runner,
        row: rows.BatchRow,
        analyzer: BatchAnalyzer,
        adapter: BatchAdapter,
    ) -> None:
        self._settler = settler
        self._stage = stage
        self._loop = loop
        self._row = row
        self._analyzer = analyzer
        self._adapter = adapter
        self._held: set[UUID] = set()
        self._unusable_lines: Counter[str] = Counter()
        self._pool: WorkerPool[_ReceivedResult, AnalysisResult] | None = None
        self._stop_requested = False

    def stop(self) -> None:
        """May be called from a signal handler or another thread."""
        self._stop_requested = True
        if (pool := self._pool) is not None:
            pool.cancel()

    def collect(self, remote: RemoteBatch) -> bool:
        """Settle the sessions of the batch; False if ``stop`` interrupted it.

        Raises ``TransientError`` or ``SystemicError`` when the result files cannot be downloaded now.
        """
        with self._settler.engine.connect() as connection:
            self._held = set(self._settler.manager(connection).held(self._row.lease_token))
        gone = [file_id for file_id in remote.result_files if not self._collect_file(file_id)]
        if self._stop_requested:
            return False
        self._settle_missing(remote, gone)
        if self._unusable_lines:
            log.warning(
                "%s: a batch had unusable lines: %s",
                self._row.company,
                ", ".join(f"{count} {kind}" for kind, count in self._unusable_lines.items()),
            )
        return True

    def _collect_file(self, file_id: str) -> bool:
        """Download and collect a result file; False if the provider does not have it any more."""
        with tempfile.TemporaryFile() as content:  # a file without a name, because it contains conversations
            try:
                self._loop.run(self._adapter.download(file_id, content))
            except ResultFileGone as error:
                log.warning("%s: %s", self._row.company, error)
                return False
            content.seek(0)
            # A binary file is split at line feeds only; JSON may contain other line separators.
            while not self._stop_requested and (lines := list(islice(content, CHUNK_LINES))):
                self._collect_lines(lines)
        return True

    def _collect_lines(self, lines: Sequence[bytes]) -> None:
        read = [self._adapter.read_result(line) for line in lines if line.strip()]
        self._unusable_lines["malformed"] += read.count(None)
        # Of two results for one request the first counts.
        results = {result.call_id: result for result in reversed(read) if result is not None}
        calls = self._close_calls(results)
        self._unusable_lines["for requests that are not in the batch"] += len(results) - len(calls)
        self._unusable_lines = +self._unusable_lines
        # A session whose lease was lost may be held by another claim; the cost of its call is in the ledger.
        held = {
            session_id: (results[call_id], prompt_version)
            for call_id, (session_id, prompt_version) in calls.items()
            if session_id in self._held
        }
        if not_run := [session_id for session_id, (result, _) in held.items() if not result.has_run]:
            self._settler.release(self._row.lease_token, not_run)
        self._analyse({session_id: pair for session_id, pair in held.items() if pair[0].has_run})
        self._held -= held.keys()

    def _close_calls(self, results: dict[UUID, BatchResult]) -> dict[UUID, tuple[UUID, str]]:
        """Close the calls of these results in the ledger; session id and prompt version by call id."""

        def close(connection: Connection) -> dict[UUID, tuple[UUID, str]]:
            calls = rows.calls_of(connection, self._row.id, results)
            close_calls(connection, {call_id: results[call_id].end for call_id in calls}, load_prices(connection))
            return calls

        return in_transaction(self._settler.engine, close)

    def _analyse(self, received: dict[UUID, tuple[BatchResult, str]]) -> None:
        """Handle the sessions like the stage does, with their results instead of calls."""
        token = self._row.lease_token
        items: dict[UUID, Conversation] = {}
        for loaded in self._settler.load(token, received):
            # The analyzer and model that made the request; the company may have chosen others since.
            items[loaded.session_id] = loaded._replace(analyzer=self._row.analyzer, model=self._row.model)
        handler = _ResultHandler(self._stage, self._analyzer)
        queue = [_ReceivedResult(item, *received[session_id]) for session_id, item in items.items()]
        handled = self._loop.run(self._handle(handler, queue))
        if handler.systemic:
            self._settler.note_systemic(next(iter(handler.systemic.values())))
        outcomes = {key: outcome for key, outcome in handled.outcomes.items() if key not in handler.systemic}
        self._settler.settle(token, items, outcomes)
        self._settler.release(token, list(handler.systemic))
        self._settler.postpone(token, items, handled.postponed)

    async def _handle(self, handler: _ResultHandler, items: list[_ReceivedResult]) -> Handled[AnalysisResult]:
        async with WorkerPool(handler) as pool:
            self._pool = pool
            if self._stop_requested:  # stop() was called before there was a pool to cancel
                pool.cancel()
            return await pool.run(items)

    def _settle_missing(self, remote: RemoteBatch, gone: Sequence[str]) -> None:
        """Settle the sessions that have no line in any result file."""
        cut_short = remote.state == "cut_short"
        # The complete result files of such a batch name every request that has run.
        if cut_short and not gone and not self._unusable_lines["malformed"]:
            end = CallEnd("rejected", "its turn in the batch never came")
        else:
            why = "whose file is gone" if gone else "without an answer to it"
            end = CallEnd("unknown", f"the batch ended, {why}")

        def close(connection: Connection) -> None:
            missing = rows.open_calls_of(connection, self._row.id)
            close_calls(connection, dict.fromkeys(missing, end), load_prices(connection))

        in_transaction(self._settler.engine, close)
        token = self._row.lease_token
        if cut_short:
            self._settler.release(token, self._held)
        else:
            message = f"{end.error_message}; it is sent again"
            self._settler.fail(token, [Failure(session_id, TransientError.kind, message) for session_id in self._held])


class _ResultHandler:
    """Handles results that are there already: unlike in the stage, a systemic error does not stop the others.

    ``systemic`` has the sessions whose reply was unusable and that cannot be repaired with a call now.
    """

    def __init__(self, stage: AiAnalysis, analyzer: BatchAnalyzer) -> None:
        self.concurrency = stage.concurrency
        self.systemic: dict[UUID, SystemicError] = {}
        self._stage = stage
        self._analyzer = analyzer

    async def handle(self, item: _ReceivedResult) -> Outcome[AnalysisResult]:
        try:
            return await self._stage.handle_batch_result(
                item.conversation, self._analyzer, item.result, item.prompt_version
            )
        except SystemicError as error:
            self.systemic[item.session_id] = error
            raise TransientError(str(error)) from error
