"""TRANSCRIPT_FETCH: from the URL in the CSV row to the text."""

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
from livedash_core.parsing.text import clean
from livedash_core.parsing.transcript import not_a_transcript
from livedash_core.stages.sources import Sources
from livedash_core.stages.stage import Completed, Outcome, Skipped, Stage, StageContext


class Link(NamedTuple):
    """Where a session's transcript is said to be."""

    session_id: UUID
    company_id: UUID
    url: str | None
    company: Any


class TranscriptFetch(Stage):
    """Many slow requests at once.

    A batch is four rounds of them, in which the database is done with the batch before, and a crash repeats little. It
    holds all its transcripts at once, of up to 2 MiB each.
    """

    name = "TRANSCRIPT_FETCH"

    def __init__(self, tools: StageContext) -> None:
        super().__init__(tools)
        self.concurrency = tools.settings.fetch_concurrency
        self.batch_size = 4 * self.concurrency
        self._fetcher = Fetcher(per_origin=tools.settings.fetch_per_origin)
        self._sources = Sources(tools.credentials)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Link]:
        """Each row's URL with its company."""
        columns = (SessionImport.id, SessionImport.company_id, SessionImport.full_transcript_url)
        rows = connection.execute(select(*columns).where(SessionImport.id.in_(session_ids))).all()
        # Apart: a company's networks take longer to read than all else, and a batch is mostly of one company.
        company_ids = {row.company_id for row in rows}
        companies = {
            company.company_id: company
            for company in connection.execute(select(*Sources.COLUMNS).where(Company.id.in_(company_ids)))
        }
        return [Link(*row, companies[row.company_id]) for row in rows]

    async def handle(self, item: Link) -> Outcome:
        """Fetch the text. No URL, or nothing behind it, is a reason to skip; the rest is the client's to analyse."""
        if not item.url:
            return Skipped("the CSV row has no transcript URL", "")
        fetched = await self._fetcher.text(item.url, self._sources.of(item.company))
        content = clean(fetched.content)
        counts = {"characters_replaced": fetched.replaced, "nul_characters": fetched.content.count("\0")}
        notes = {name: count for name, count in counts.items() if count}
        if not content.strip():
            return Skipped("the transcript is empty", "", notes)
        if problem := not_a_transcript(content):
            raise PermanentError(f"{item.company.company_name}: what is at the row's transcript URL {problem}")
        return Completed(content, {"characters": len(content), "encoding": fetched.encoding, **notes})

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        """Keep the text. A newer one replaces it, and so does that there is none any more."""
        gone = [session_id for session_id, content in results.items() if not content]
        if gone:
            connection.execute(delete(SessionTranscript).where(SessionTranscript.session_id.in_(gone)))
        now = datetime.now(UTC)
        rows = [
            {"session_id": session_id, "content": content, "fetched_at": now}
            for session_id, content in results.items()
            if content
        ]
        upsert(connection, SessionTranscript, rows, key=["session_id"], update=["content", "fetched_at"])

    async def close(self) -> None:
        """End the connections."""
        await self._fetcher.__aexit__(None, None, None)
