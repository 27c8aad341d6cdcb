"""TRANSCRIPT_FETCH: downloads the text at the transcript URL of the CSV row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, select

from livedash_core.bulk_insert import upsert
from livedash_core.clients.fetch import Fetcher
from livedash_core.errors import PermanentError
from livedash_core.models import Company, SessionImport, SessionTranscript
from livedash_core.outcomes import Completed, Outcome, Skipped
from livedash_core.parsing.text import clean, is_null
from livedash_core.parsing.transcript import not_a_transcript
from livedash_core.stages.late_transcripts import EMPTY
from livedash_core.stages.sources import Sources
from livedash_core.stages.stage import Stage, StageContext


class TranscriptLink(NamedTuple):
    """The transcript URL of a session's row, and the row of its company."""

    session_id: UUID
    company_id: UUID
    url: str | None
    company: Any


class TranscriptFetch(Stage[TranscriptLink, str]):
    """Many slow requests concurrently.

    A claim is four rounds of requests: long enough for the database to settle the one before, short enough that a crash
    repeats little. It holds all of its transcripts in memory, of up to 2 MiB each.
    """

    name = "TRANSCRIPT_FETCH"
    divided_limits = ("fetch_concurrency", "fetch_per_origin")

    def __init__(self, context: StageContext) -> None:
        super().__init__(context)
        self.concurrency = context.settings.fetch_concurrency
        self.claim_size = 4 * self.concurrency
        self._fetcher = Fetcher(per_origin=context.settings.fetch_per_origin)
        self._sources = Sources(context.credentials)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[TranscriptLink]:
        """Read each row's URL with its company."""
        columns = (SessionImport.id, SessionImport.company_id, SessionImport.full_transcript_url)
        rows = connection.execute(select(*columns).where(SessionImport.id.in_(session_ids))).all()
        # A second query: a company's networks take longest to read, and most sessions of a claim are of one company.
        company_ids = {row.company_id for row in rows}
        companies = {
            company.company_id: company
            for company in connection.execute(select(*Sources.COLUMNS).where(Company.id.in_(company_ids)))
        }
        return [TranscriptLink(*row, companies[row.company_id]) for row in rows]

    async def handle(self, item: TranscriptLink) -> Outcome[str]:
        """Fetch the text. A session without a URL or with an empty transcript is skipped."""
        if item.url is None or is_null(item.url):
            return Skipped("the CSV row has no transcript URL", "")
        fetched = await self._fetcher.text(item.url, self._sources.of(item.company))
        content = clean(fetched.content)
        counts = {"characters_replaced": fetched.replaced, "nul_characters": fetched.content.count("\0")}
        notes = {name: count for name, count in counts.items() if count}
        if not content.strip():
            return Skipped(EMPTY, "", notes)
        if problem := not_a_transcript(content):
            raise PermanentError(f"{item.company.company_name}: what is at the row's transcript URL {problem}")
        return Completed(content, {"characters": len(content), "encoding": fetched.encoding, **notes})

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        """Store the texts; an empty one deletes the text of an earlier pass."""
        empty = [session_id for session_id, content in results.items() if not content]
        if empty:
            connection.execute(delete(SessionTranscript).where(SessionTranscript.session_id.in_(empty)))
        now = datetime.now(UTC)
        rows = [
            {"session_id": session_id, "content": content, "fetched_at": now}
            for session_id, content in results.items()
            if content
        ]
        upsert(connection, SessionTranscript, rows, key=["session_id"], update=["content", "fetched_at"])

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.__aexit__(None, None, None)
