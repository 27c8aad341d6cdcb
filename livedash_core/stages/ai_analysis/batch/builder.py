"""Builds the request file of a batch from claimed sessions, and records its calls in the ledger. Sends nothing.

Sessions that need no call are settled on the way. After a crash the batch has no file at the provider, so the process
that polls it next knows that it was never sent, and releases its sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import IO
from uuid import UUID

from sqlalchemy import Connection, insert, update

from livedash_core.analysis.batches import BatchAdapter, BatchAnalyzer, BatchRequest
from livedash_core.costs.ledger import PlannedCall
from livedash_core.costs.ledger_store import open_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import SystemicError
from livedash_core.models import AiBatch, AiProcessingRequest
from livedash_core.outcomes import Deferred
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.stage import AiAnalysis, AnalysisResult, Conversation, PendingAnalysis
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.status import Claim

#: Sessions in memory at a time; a conversation may be long.
CHUNK_SESSIONS = 250
_BYTES_PER_MEGABYTE = 1_000_000
_NO_CALL = UUID(int=0)


class BatchBuilder:
    """Builds one batch with the id ``batch_id`` from the sessions of a claim."""

    def __init__(
        self,
        settler: ClaimSettler[Conversation, AnalysisResult],
        stage: AiAnalysis,
        batch_id: UUID,
        dag_run: str | None,
    ) -> None:
        self._settler = settler
        self._stage = stage
        self._batch_id = batch_id
        self._dag_run = dag_run
        self._analyzer: BatchAnalyzer | None = None
        self._adapter: BatchAdapter | None = None
        self._free_bytes = stage.context.settings.batch_megabytes * _BYTES_PER_MEGABYTE
        self._included: set[UUID] = set()

    def write(self, claim: Claim, content: IO[bytes]) -> None:
        """Write the request lines to ``content``; release the sessions that have no place in the batch.

        Makes the batch's row, unless no session needs a call. Raises ``SystemicError`` when no call can be made; the
        sessions that were not settled are still held then.
        """
        sessions = iter(claim.attempts)
        has_room = True
        while has_room and (chunk := list(islice(sessions, CHUNK_SESSIONS))):
            has_room = self._write_chunk(claim, chunk, content)
        excluded = [session_id for session_id in claim.attempts if session_id not in self._included]
        self._settler.release(claim.token, excluded)

    def _write_chunk(self, claim: Claim, chunk: Sequence[UUID], content: IO[bytes]) -> bool:
        """Whether all sessions of the chunk had a place."""
        pending = self._settle_stored(claim.token, chunk)
        requests = self._take_fitting(pending)
        deferred: dict[UUID, Deferred] = {}
        for request, opened in zip(requests, self._open_calls(claim, requests), strict=True):
            session_id = request.call.session_id
            assert session_id is not None, "a batch analyses sessions"
            if isinstance(opened, Deferred):
                deferred[session_id] = opened
            else:
                content.write(self._line(request, opened))
                self._included.add(session_id)
        if deferred:
            self._settler.postpone(claim.token, {one.request.session_id: one.request for one in pending}, deferred)
        return not deferred and len(requests) == len(pending)

    def _settle_stored(self, token: UUID, chunk: Sequence[UUID]) -> list[PendingAnalysis]:
        """Settle the sessions that need no call, and return the others."""
        items = {item.session_id: item for item in self._settler.load(token, chunk)}
        found = {session_id: self._stage.find_stored(item) for session_id, item in items.items()}
        outcomes = {session_id: one for session_id, one in found.items() if not isinstance(one, PendingAnalysis)}
        self._settler.settle(token, items, outcomes)
        return [one for one in found.values() if isinstance(one, PendingAnalysis)]

    def _take_fitting(self, pending: Sequence[PendingAnalysis]) -> list[BatchRequest]:
        """The requests, up to the first one for which there is no room."""
        requests: list[BatchRequest] = []
        for one in pending:
            # The settings of the company may have changed since its batch was begun.
            if not isinstance(one.analyzer, BatchAnalyzer) or self._analyzer not in (None, one.analyzer):
                break
            if self._analyzer is None:
                self._analyzer = one.analyzer
                self._adapter = one.analyzer.batch_adapter(one.request.company_id)
            request = one.analyzer.batch_request(one.request)
            size = len(self._line(request, _NO_CALL))
            if size > self._free_bytes:
                break
            self._free_bytes -= size
            requests.append(request)
        return requests

    def _line(self, request: BatchRequest, call_id: UUID) -> bytes:
        if self._adapter is None:
            raise AssertionError("there is a request, hence an adapter")
        return self._adapter.request_line(call_id, request.body)

    def _open_calls(self, claim: Claim, requests: Sequence[BatchRequest]) -> list[UUID | Deferred]:
        """Record the calls in the ledger, as calls of the batch. Raises ``SystemicError`` if one must not be made."""
        calls = [request.call for request in requests]

        def record(connection: Connection) -> list[UUID | Deferred]:
            opened: list[UUID | Deferred] = []
            for answer in open_calls(connection, calls, load_prices(connection)):
                if isinstance(answer, SystemicError):
                    raise answer
                opened.append(answer)
            if call_ids := [call_id for call_id in opened if isinstance(call_id, UUID)]:
                self._add_to_batch(connection, claim, calls[0], call_ids)
            return opened

        return in_transaction(self._settler.engine, record) if calls else []

    def _add_to_batch(self, connection: Connection, claim: Claim, call: PlannedCall, call_ids: Sequence[UUID]) -> None:
        """Assign the calls to the batch, whose row is made with its first calls."""
        if self._analyzer is None:
            raise AssertionError("there is a call, hence an analyzer")
        if not self._included:
            connection.execute(
                insert(AiBatch).values(
                    id=self._batch_id,
                    company_id=call.company_id,
                    analyzer=self._analyzer.name,
                    model=call.model,
                    lease_token=claim.token,
                    requests=0,
                    dag_run=self._dag_run,
                )
            )
        connection.execute(
            update(AiProcessingRequest).where(AiProcessingRequest.id.in_(call_ids)).values(batch_id=self._batch_id)
        )
        rows.update_batch(connection, self._batch_id, requests=len(self._included) + len(call_ids))
