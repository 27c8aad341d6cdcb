"""Takes a batch through its statuses: prepared, uploaded, submitted, closed. Each is stored before the next step.

After a crash, the next process searches the provider for what the interrupted step may have left there before it sends
anything again. A step may only be taken while the batch's ``advisory_lock`` is held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from opentelemetry.trace import Span
from sqlalchemy import Connection, Engine

from livedash_core.analysis.batches import BatchAnalyzer, RemoteBatch
from livedash_core.costs.ledger import CallEnd
from livedash_core.costs.ledger_store import close_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.models.ai import MISCOUNTED
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.batch.collector import ResultCollector
from livedash_core.stages.ai_analysis.stage import AiAnalysis, AnalysisResult, Conversation
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.tracing import span

HOUR = timedelta(hours=1)

log = logging.getLogger(__name__)

#: After so long the sessions are due again whose batch could not be uploaded, or did not fit into the queue.
_UPLOAD_FAILED_SECONDS, _QUEUE_FULL_SECONDS = 60, 900


class BatchLifecycle:
    """The steps of one batch. Raises ``TransientError`` and ``SystemicError``; what was reached by then is stored."""

    def __init__(
        self,
        settler: ClaimSettler[Conversation, AnalysisResult],
        stage: AiAnalysis,
        loop: asyncio.Runner,
        row: rows.BatchRow,
        analyzer: BatchAnalyzer,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._adapter = analyzer.batch_adapter(row.company_id)
        self.collector = ResultCollector(settler, stage, loop, row, analyzer, self._adapter)
        self._settler = settler
        self._engine: Engine = settler.engine
        self._loop = loop
        self._row = row
        self._is_cancelled = is_cancelled

    def send(self, content: IO[bytes]) -> None:
        """Upload the request file of a batch that has just been built, and submit the batch."""
        with self._span("submit"):
            self._send(content)

    def _send(self, content: IO[bytes]) -> None:
        try:
            file_id = self._loop.run(self._adapter.upload(self._row.key, content))
        except (SystemicError, TransientError) as error:
            pause = (error.retry_after_seconds or _UPLOAD_FAILED_SECONDS) if isinstance(error, TransientError) else 0
            self.return_claims(str(error), pause)
            # One incident for all its sessions, instead of a failed attempt of each.
            raise SystemicError(str(error), company_id=getattr(error, "company_id", self._row.company_id)) from error
        self._update(status="uploaded", input_file_id=file_id)
        self._submit(file_id)

    def advance(self) -> None:
        """Poll the batch and take the next step; resumes after any step."""
        remote_id = self._row.remote_id or self._adopt()
        if remote_id is None:
            return
        remote = self._loop.run(self._adapter.poll(remote_id))
        self._update(remote_status=remote.status[:50], requests_done=remote.requests_done)
        if remote.state == "refused":
            self._handle_refusal(remote)
        elif remote.state != "in_progress":
            self._collect(remote)
        elif (age := datetime.now(UTC) - self._row.created_at) > rows.OVERDUE:
            sent = f"{self._row.created_at.astimezone(UTC):%Y-%m-%d %H:%MZ}"
            raise SystemicError(
                f"a batch of {self._row.requests:,} sessions, sent {sent},"
                f" has not ended after {age / HOUR:.0f} hours: {self._adapter.server} says {remote.status[:50]!r}. "
                "Cancel it there, or wait: it is given up after a week, and its sessions are sent again",
                company_id=self._row.company_id,
            )

    def return_claims(self, why: str, delay_seconds: float = 0) -> None:
        """Close a batch of which nothing was sent or accepted: nothing is paid, and its sessions are due again."""
        self._end(CallEnd("rejected", why), why, delay_seconds)

    def abandon(self, why: str) -> None:
        """Close a batch whose state cannot be found out: it may have been paid, and its sessions are due again."""
        self._end(CallEnd("unknown", why), why, 0)

    def _submit(self, file_id: str) -> None:
        if self._is_cancelled():
            self.return_claims("cancelled before it was sent")
            self._loop.run(self._adapter.delete_file(file_id))
            return
        try:
            remote_id = self._loop.run(self._adapter.submit(self._row.key, file_id))
        except SystemicError as error:
            self.return_claims(str(error))
            self._loop.run(self._adapter.delete_file(file_id))
            raise
        # After a TransientError the batch may exist or not; the next poll finds out.
        log.info("%s: %d sessions were sent as batch %s", self._row.company, self._row.requests, remote_id)
        self._set_submitted(remote_id)

    def _set_submitted(self, remote_id: str) -> None:
        self._update(status="submitted", remote_id=remote_id)
        if self._is_cancelled():  # cancel() cannot have known the id of this batch
            self._loop.run(self._adapter.cancel([remote_id]))

    def _adopt(self) -> str | None:
        """Find the batch at the provider after a crash; submit it if only its file is found. Returns its id."""
        since = self._row.created_at.timestamp()
        if (remote_id := self._loop.run(self._adapter.find_batch(self._row.key, since))) is not None:
            log.info("%s: found batch %s, which was sent before a crash", self._row.company, remote_id)
            self._set_submitted(remote_id)
            return remote_id
        file_id = self._row.input_file_id or self._loop.run(self._adapter.find_file(self._row.key, since))
        if file_id is None:
            self.return_claims("never sent: the process that built it was stopped")
            return None
        self._update(status="uploaded", input_file_id=file_id)
        self._submit(file_id)
        return None

    def _handle_refusal(self, remote: RemoteBatch) -> None:
        """Close a batch that the provider refused as a whole."""
        if self._row.input_file_id:
            self._loop.run(self._adapter.delete_file(self._row.input_file_id))
        if remote.is_queue_full and self._row.requests > 1:
            self.return_claims(rows.QUEUE_FULL, _QUEUE_FULL_SECONDS)
            log.info("%s: %s; the next one is half as large", self._row.company, rows.QUEUE_FULL)
            return
        codes = ", ".join(remote.error_codes) or "it does not say why"
        why = f"{self._adapter.server} refused a batch for {self._row.model!r} as a whole: {codes}"
        self.return_claims(why)
        raise SystemicError(why, company_id=self._row.company_id)

    def _span(self, step: str) -> AbstractContextManager[Span]:
        attributes: dict[str, str | int] = {
            "livedash.company_id": str(self._row.company_id),
            "livedash.batch_id": str(self._row.id),
            "livedash.requests": self._row.requests,
            "gen_ai.request.model": self._row.model,
        }
        return span(f"livedash.batch.{step}", attributes)

    def _collect(self, remote: RemoteBatch) -> None:
        with self._span("collect"):
            self._collect_results(remote)

    def _collect_results(self, remote: RemoteBatch) -> None:
        if not self.collector.collect(remote):
            return
        # The files contain conversations, and are not needed any more.
        for file_id in (self._row.input_file_id, *remote.result_files):
            if file_id:
                self._loop.run(self._adapter.delete_file(file_id))

        def close(connection: Connection) -> str | None:
            self._settler.manager(connection).release(self._row.lease_token)
            difference = self._difference(connection, remote)
            rows.close(connection, self._row.id, difference)
            return difference

        difference = in_transaction(self._engine, close)
        log.info("%s: batch %s is collected (%s)", self._row.company, remote.id, remote.status)
        if difference:
            log.warning("%s: batch %s: %s", self._row.company, remote.id, difference)

    def _difference(self, connection: Connection, remote: RemoteBatch) -> str | None:
        """How the provider's token counts differ from the sum of its lines, for a comparison with the bill."""
        theirs, ours = remote.tokens, rows.tokens_of(connection, self._row.id)
        if theirs is None or theirs == ours:
            return None
        return f"{MISCOUNTED}: {theirs[0]:,} in and {theirs[1]:,} out; the ledger has {ours[0]:,} and {ours[1]:,}"

    def _end(self, end: CallEnd, why: str, delay_seconds: float) -> None:
        def close(connection: Connection) -> int:
            calls = rows.open_calls_of(connection, self._row.id)
            close_calls(connection, dict.fromkeys(calls, end), load_prices(connection))
            rows.close(connection, self._row.id, why)
            return len(self._settler.manager(connection).release(self._row.lease_token, delay_seconds=delay_seconds))

        self._settler.report.released += in_transaction(self._engine, close)

    def _update(self, **columns: Any) -> None:
        in_transaction(self._engine, lambda connection: rows.update_batch(connection, self._row.id, **columns))
