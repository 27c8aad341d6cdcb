"""From claimed sessions to a file of requests, each on the ledger, none of them sent.

What needs no model is settled on the way. A crash leaves a batch that has no file at the server: it was never sent,
so whoever finds it gives its sessions back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import IO, cast
from uuid import UUID

from sqlalchemy import Connection, insert, update

from livedash_core.analysis.openai import OpenAIAnalyzer
from livedash_core.analysis.openai.batch_lines import LINE_BYTES, request_line
from livedash_core.costs.ledger import PlannedCall
from livedash_core.costs.ledger_store import open_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import Deferred, ProcessingError, SystemicError, UnavailableError
from livedash_core.models import AiBatch, AiProcessingRequest
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.stage import AiAnalysis, Conversation, PendingAnalysis
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.status import Claim

#: Sessions in memory at once; a conversation may be long.
AT_ONCE = 250
_BYTES_PER_MEGABYTE = 1_000_000


class BatchBuilder:
    """Makes one batch, ``batch_id``, of what a claim holds."""

    def __init__(self, settling: ClaimSettler, stage: AiAnalysis, batch_id: UUID, dag_run: str | None) -> None:
        self.analyzer: OpenAIAnalyzer | None = None
        self._settling = settling
        self._stage = stage
        self._batch_id = batch_id
        self._dag_run = dag_run
        self._room = stage.tools.settings.batch_megabytes * _BYTES_PER_MEGABYTE
        self._taken: set[UUID] = set()

    def write(self, claim: Claim, content: IO[bytes]) -> None:
        """Write the lines into ``content`` and give back who has no place in it; ``analyzer`` is whom they are for.

        Without an ``analyzer`` nobody had to be asked, and there is no batch. Raises ``SystemicError`` when nobody can
        be asked; what was not settled is still held then.
        """
        sessions = iter(claim.attempts)
        fits = True
        while fits and (part := list(islice(sessions, AT_ONCE))):
            fits = self._write_part(claim, part, content)
        self._settling.release(claim.token, [session for session in claim.attempts if session not in self._taken])

    def _write_part(self, claim: Claim, part: Sequence[UUID], content: IO[bytes]) -> bool:
        """Whether all of ``part`` had a place."""
        unanalysed = self._looked_up(claim.token, part)
        chosen = []
        for one in unanalysed:
            assert isinstance(one.analyzer, OpenAIAnalyzer), "only companies that a model analyses are batched"
            call, body = one.analyzer.planned(one.request)
            if self.analyzer not in (None, one.analyzer) or LINE_BYTES + len(body) > self._room:
                break  # of another model, since a moment ago; or there is no more room
            self.analyzer = one.analyzer
            self._room -= LINE_BYTES + len(body)
            chosen.append((call, body))
        if chosen:
            calls = [call for call, _ in chosen]

            def open_them(connection: Connection) -> list[UUID | ProcessingError]:
                answers = open_calls(connection, calls, load_prices(connection))
                opened = [answer for answer in answers if isinstance(answer, UUID)]
                for answer in answers:
                    if isinstance(answer, SystemicError):
                        raise answer
                if opened:
                    self._note(connection, claim, calls[0], opened)
                return answers

            held: dict[UUID, UnavailableError] = {}
            for answer, (call, body) in zip(in_transaction(self._settling.engine, open_them), chosen, strict=True):
                if isinstance(answer, UUID):
                    content.write(request_line(answer, body))
                    self._taken.add(call.session_id)
                elif isinstance(answer, Deferred):
                    held[call.session_id] = answer
            if held:
                self._settling.postpone(claim.token, {one.request.session_id: one.request for one in unanalysed}, held)
                self.analyzer = self.analyzer if self._taken else None
                return False
        return len(chosen) == len(unanalysed)

    def _looked_up(self, token: UUID, part: Sequence[UUID]) -> list[PendingAnalysis]:
        items = {item.session_id: item for item in self._settling.load(token, part)}
        found = {session_id: self._stage.looked_up(cast(Conversation, item)) for session_id, item in items.items()}
        outcomes = {session_id: one for session_id, one in found.items() if not isinstance(one, PendingAnalysis)}
        self._settling.settle(token, items, outcomes)
        return [one for one in found.values() if isinstance(one, PendingAnalysis)]

    def _note(self, connection: Connection, claim: Claim, call: PlannedCall, opened: Sequence[UUID]) -> None:
        """Make the batch, if these are its first calls, and the calls part of it."""
        if not self._taken:
            connection.execute(
                insert(AiBatch).values(
                    id=self._batch_id,
                    company_id=call.company_id,
                    model=call.model,
                    lease_token=claim.token,
                    requests=0,
                    dag_run=self._dag_run,
                )
            )
        connection.execute(
            update(AiProcessingRequest).where(AiProcessingRequest.id.in_(opened)).values(batch_id=self._batch_id)
        )
        rows.note(connection, self._batch_id, requests=len(self._taken) + len(opened))
