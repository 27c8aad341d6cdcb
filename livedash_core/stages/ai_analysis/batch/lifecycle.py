"""The steps of one batch, each written down before the next: prepared, uploaded, submitted, closed.

Whoever comes after a crash looks at the model server for what the last step may have left there, before anything is
sent a second time. Only who holds ``advisory_lock`` for a batch may take a step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import IO, Any

from sqlalchemy import Connection, Engine

from livedash_core.analysis.openai.batch_api import BatchApi, RemoteBatch
from livedash_core.costs.ledger import CallEnd
from livedash_core.costs.ledger_store import close_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.models.ai import MISCOUNTED
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.batch.collector import ResultCollector
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.execution.claim_settler import ClaimSettler

log = logging.getLogger(__name__)

#: How long sessions wait whose batch could not be uploaded, or had no place in the server's queue.
_PAUSE_SECONDS, _QUEUE_FULL_SECONDS = 60, 900


class BatchLifecycle:
    """One batch on its way. Raises ``TransientError`` and ``SystemicError``; whatever was reached stays."""

    def __init__(
        self,
        settling: ClaimSettler,
        stage: AiAnalysis,
        loop: asyncio.Runner,
        row: rows.BatchRow,
        api: BatchApi,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self.collecting = ResultCollector(settling, stage, loop, api, row)
        self._settling = settling
        self._engine: Engine = settling.engine
        self._loop = loop
        self._row = row
        self._api = api
        self._is_cancelled = is_cancelled

    def send(self, content: IO[bytes]) -> None:
        """Upload a batch that has just been prepared, and have it processed."""
        try:
            file_id = self._loop.run(self._api.upload(self._row.key, content))
        except (SystemicError, TransientError) as error:
            pause = (error.retry_after_seconds or _PAUSE_SECONDS) if isinstance(error, TransientError) else 0
            self.return_claims(str(error), pause)
            # One sentence for all its sessions, instead of a failed attempt for each.
            raise SystemicError(str(error), company_id=getattr(error, "company_id", self._row.company_id)) from error
        self._note(status="uploaded", input_file_id=file_id)
        self._create(file_id)

    def advance(self) -> None:
        """Take the next step from wherever the last one ended."""
        remote_id = self._row.remote_id or self._adopted()
        if remote_id is None:
            return
        remote = self._loop.run(self._api.look(remote_id))
        self._note(remote_status=remote.status[:50], requests_done=remote.done)
        if remote.status == "failed":
            self._refused(remote)
        elif remote.has_ended:
            self._collect(remote)

    def return_claims(self, why: str, delay_seconds: float = 0) -> None:
        """Nothing was sent, or nothing of it accepted: nothing is paid, and the sessions are due again."""
        self._end(CallEnd("rejected", why), why, delay_seconds)

    def abandon(self, why: str) -> None:
        """Nobody can say any more what became of it: perhaps it was paid, and the sessions are due again."""
        self._end(CallEnd("unknown", why), why, 0)

    def _create(self, file_id: str) -> None:
        if self._is_cancelled():
            self.return_claims("cancelled before it was sent")
            self._loop.run(self._api.forget(file_id))
            return
        try:
            remote_id = self._loop.run(self._api.create(self._row.key, file_id))
        except SystemicError as error:
            self.return_claims(str(error))
            self._loop.run(self._api.forget(file_id))
            raise
        # A TransientError leaves it open whether there is a batch now. The next look finds out.
        log.info("%s: %d sessions were sent as batch %s", self._row.company, self._row.requests, remote_id)
        self._submitted(remote_id)

    def _submitted(self, remote_id: str) -> None:
        self._note(status="submitted", remote_id=remote_id)
        if self._is_cancelled():  # before that: nobody else could know of this one
            self._loop.run(self._api.cancel_all([remote_id]))

    def _adopted(self) -> str | None:
        """The batch, or its file, that a crash hid from us; a file without a batch gets one."""
        since = self._row.created_at.timestamp()
        if (remote_id := self._loop.run(self._api.find_batch(self._row.key, since))) is not None:
            log.info("%s: found batch %s, which was sent before a crash", self._row.company, remote_id)
            self._submitted(remote_id)
            return remote_id
        file_id = self._row.input_file_id or self._loop.run(self._api.find_file(self._row.key, since))
        if file_id is None:
            self.return_claims("never sent: whoever prepared it was stopped")
            return None
        self._note(status="uploaded", input_file_id=file_id)
        self._create(file_id)
        return None

    def _refused(self, remote: RemoteBatch) -> None:
        """The file as a whole did not pass."""
        if self._row.input_file_id:
            self._loop.run(self._api.forget(self._row.input_file_id))
        if "token_limit_exceeded" in remote.error_codes and self._row.requests > 1:
            self.return_claims(rows.QUEUE_FULL, _QUEUE_FULL_SECONDS)
            log.info("%s: %s; the next one is half as large", self._row.company, rows.QUEUE_FULL)
            return
        codes = ", ".join(remote.error_codes) or "it does not say why"
        why = f"{self._api.call.server} refused a batch for {self._row.model!r} as a whole: {codes}"
        self.return_claims(why)
        raise SystemicError(why, company_id=self._row.company_id)

    def _collect(self, remote: RemoteBatch) -> None:
        if not self.collecting.collect(remote):
            return
        # They hold conversations, and are of no more use.
        for file_id in (self._row.input_file_id, remote.output_file_id, remote.error_file_id):
            if file_id:
                self._loop.run(self._api.forget(file_id))

        def close(connection: Connection) -> str | None:
            self._settling.manager(connection).release(self._row.lease_token)
            difference = self._difference(connection, remote)
            rows.close(connection, self._row.id, difference)
            return difference

        difference = in_transaction(self._engine, close)
        log.info("%s: batch %s is collected (%s)", self._row.company, remote.id, remote.status)
        if difference:
            log.warning("%s: batch %s: %s", self._row.company, remote.id, difference)

    def _difference(self, connection: Connection, remote: RemoteBatch) -> str | None:
        """What somebody who compares the bill should know: the server's own sum is not that of its lines."""
        theirs, ours = remote.tokens, rows.tokens_of(connection, self._row.id)
        if theirs is None or theirs == ours:
            return None
        return f"{MISCOUNTED}: {theirs[0]:,} in and {theirs[1]:,} out; the ledger has {ours[0]:,} and {ours[1]:,}"

    def _end(self, end: CallEnd, why: str, delay_seconds: float) -> None:
        def close(connection: Connection) -> int:
            calls = rows.open_calls_of(connection, self._row.id)
            close_calls(connection, dict.fromkeys(calls, end), load_prices(connection))
            rows.close(connection, self._row.id, why)
            return len(self._settling.manager(connection).release(self._row.lease_token, delay_seconds=delay_seconds))

        self._settling.report.released += in_transaction(self._engine, close)

    def _note(self, **columns: Any) -> None:
        in_transaction(self._engine, lambda connection: rows.note(connection, self._row.id, **columns))
