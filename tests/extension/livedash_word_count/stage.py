"""The stage: what it loads, how it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_core import Completed, Skipped, Stage
from livedash_core.models import Message, SessionImport


class Conversation(NamedTuple):
    session_id: UUID
    company_id: UUID
    text: str | None


class WordCount(Stage):
    name = "WORD_COUNT"

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> Sequence[Conversation]:
        rows = connection.execute(
            select(SessionImport.id, SessionImport.company_id, func.string_agg(Message.content, " "))
            .outerjoin(Message, Message.session_id == SessionImport.id)
            .where(SessionImport.id.in_(session_ids))
            .group_by(SessionImport.id, SessionImport.company_id)
        )
        return [Conversation(*row) for row in rows]

    async def handle(self, item: Conversation) -> Completed | Skipped:
        if item.text is None:
            return Skipped("no messages")
        return Completed(None, metadata={"words": len(item.text.split())})

    def store(self, connection: Connection, results: Mapping[UUID, Any]) -> None:
        """Nothing: the count is metadata of the stage's status."""
