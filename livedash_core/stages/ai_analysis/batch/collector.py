"""From a batch that has ended to settled sessions.

Its lines are joined by ``custom_id`` in whatever order they come. Whatever was answered is on the ledger before it is
analysed; unanswered requests go back, or are tried again. Collecting twice changes nothing: a closed row of the ledger
stays as it is, and a settled session is not held any more.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import cast
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.analysis.contract import BatchReply
from livedash_core.analysis.openai.batch_api import BatchApi, FileGone, RemoteBatch
from livedash_core.analysis.openai.batch_lines import AnsweredLine, read_line
from livedash_core.costs.ledger import CallEnd
from livedash_core.costs.ledger_store import close_calls
from livedash_core.costs.prices import load_prices
from livedash_core.db import in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.stage import AiAnalysis, Conversation
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.worker_pool import Handled, WorkerPool
from livedash_core.stages.stage import Item, Outcome
from livedash_core.status import Failure

log = logging.getLogger(__name__)

#: Lines in memory at once.
AT_ONCE = 250
#: These end before all their requests had their turn; a line that is missing then is no failure of its session.
_CUT_SHORT = ("expired", "cancelled")


class ResultCollector:
    """Collects one batch. ``stop()`` gives up what is under way; what is left is collected another time."""

    def __init__(
        self, settling: ClaimSettler, stage: AiAnalysis, loop: asyncio.Runner, api: BatchApi, row: rows.BatchRow
    ) -> None:
        self._settling = settling
        self._stage = stage
        self._loop = loop
        self._api = api
        self._row = row
        self._held: set[UUID] = set()
        self._odd: Counter[str] = Counter()
        self._handling: WorkerPool | None = None
        self._stopping = False

    def stop(self) -> None:
        """May be called from a signal handler or another thread."""
        self._stopping = True
        if (handling := self._handling) is not None:
            handling.cancel()

    def collect(self, remote: RemoteBatch) -> bool:
        """Settle what the batch brought; whether that is all, so that it can be closed.

        Raises ``TransientError`` or ``SystemicError`` when its files cannot be fetched now.
        """
        with self._settling.engine.connect() as connection:
            self._held = set(self._settling.manager(connection).held(self._row.lease_token))
        gone = [
            file_id
            for file_id in (remote.output_file_id, remote.error_file_id)
            if file_id is not None and not self._collect_file(file_id)
        ]
        if self._stopping:
            return False
        self._settle_missing(remote, gone)
        if self._odd:
            log.warning(
                "%s: a batch had lines of no use: %s",
                self._row.company,
                ", ".join(f"{count} {what}" for what, count in self._odd.items()),
            )
        return True

    def _collect_file(self, file_id: str) -> bool:
        """Whether the server still had it."""
        with tempfile.TemporaryFile() as content:  # conversations are in it: it has no name
            try:
                self._loop.run(self._api.fetch(file_id, content))
            except FileGone as error:
                log.warning("%s: %s", self._row.company, error)
                return False
            content.seek(0)
            # By line feeds only: JSON may hold other characters that end a line elsewhere.
            while not self._stopping and (lines := list(islice(content, AT_ONCE))):
                self._collect_lines(lines)
        return True

    def _collect_lines(self, lines: Sequence[bytes]) -> None:
        read = [read_line(line, self._api.call) for line in lines if line.strip()]
        self._odd["malformed"] += read.count(None)
        # Of two answers to one request the first counts.
        answered = {line.row: line for line in reversed(read) if line is not None}
        known = self._closed(answered)
        self._odd["of requests that are not ours"] += len(answered) - len(known)
        self._odd = +self._odd
        # A session whose lease was lost is somebody else's now; what its answer cost is on the ledger.
        ours = {
            session_id: (answered[row], version)
            for row, (session_id, version) in known.items()
            if session_id in self._held
        }
        if never_run := [session_id for session_id, (line, _) in ours.items() if not line.has_run]:
            self._settling.release(self._row.lease_token, never_run)
        self._analyse({session_id: pair for session_id, pair in ours.items() if pair[0].has_run})
        self._held -= ours.keys()

    def _closed(self, answered: dict[UUID, AnsweredLine]) -> dict[UUID, tuple[UUID, str]]:
        def close(connection: Connection) -> dict[UUID, tuple[UUID, str]]:
            known = rows.calls_of(connection, self._row.id, answered)
            close_calls(connection, {row: answered[row].end for row in known}, load_prices(connection))
            return known

        return in_transaction(self._settling.engine, close)

    def _analyse(self, brought: dict[UUID, tuple[AnsweredLine, str]]) -> None:
        """Through the stage, as if each had been called for."""
        token = self._row.lease_token
        items: dict[UUID, Item] = {}
        for item in cast("list[Conversation]", self._settling.load(token, brought)):
            line, version = brought[item.session_id]
            reply = BatchReply(line.row, version, line.body, line.error)
            # Who was asked, not who would be now.
            items[item.session_id] = item._replace(analyzer="openai", model=self._row.model, reply=reply)
        replies = Replies(self._stage)
        handled = self._loop.run(self._handle(replies, list(items.values())))
        if replies.systemic:
            self._settling.note_systemic(next(iter(replies.systemic.values())))
        self._settling.settle(
            token, items, {key: outcome for key, outcome in handled.outcomes.items() if key not in replies.systemic}
        )
        self._settling.release(token, list(replies.systemic))
        self._settling.postpone(token, items, handled.postponed)

    async def _handle(self, replies: Replies, items: list[Item]) -> Handled:
        async with WorkerPool(replies) as self._handling:
            if self._stopping:  # the signal came while we loaded
                self._handling.cancel()
            return await self._handling.run(items)

    def _settle_missing(self, remote: RemoteBatch, gone: Sequence[str]) -> None:
        """Whoever has no line in any file."""
        cut_short = remote.status in _CUT_SHORT
        # Of a batch that was cut short, whole files name all that was answered.
        if cut_short and not gone and not self._odd["malformed"]:
            end = CallEnd("rejected", "its turn in the batch never came")
        else:
            why = "whose file is gone" if gone else "without an answer to it"
            end = CallEnd("unknown", f"the batch ended, {why}")

        def close(connection: Connection) -> None:
            missing = rows.open_calls_of(connection, self._row.id)
            close_calls(connection, dict.fromkeys(missing, end), load_prices(connection))

        in_transaction(self._settling.engine, close)
        token = self._row.lease_token
        if cut_short:
            self._settling.release(token, self._held)
        else:
            message = f"{end.error_message}; it is sent again"
            self._settling.fail(token, [Failure(session_id, TransientError.kind, message) for session_id in self._held])


class Replies:
    """The stage's ``handle`` for replies that are there: a systemic error stops nobody else's from being read.

    ``systemic`` are the sessions whose reply was of no use and for whom nobody can be asked again now.
    """

    def __init__(self, stage: AiAnalysis) -> None:
        self.concurrency = stage.concurrency
        self.systemic: dict[UUID, SystemicError] = {}
        self._stage = stage

    async def handle(self, item: Conversation) -> Outcome:
        """See ``Stage.handle``."""
        try:
            return await self._stage.handle(item)
        except SystemicError as error:
            self.systemic[item.session_id] = error
            raise TransientError(str(error)) from error
