"""SESSION_CREATION: makes a session with messages from its imported row and its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Connection, Uuid, any_, bindparam, select, text

from livedash_core.bulk_insert import copy_into, upsert
from livedash_core.enums import DayOrder, Role
from livedash_core.errors import PermanentError
from livedash_core.full_text import index_messages
from livedash_core.insights import counted_questions, counted_sessions
from livedash_core.models import Company, Session, SessionImport, SessionTranscript
from livedash_core.outcomes import Completed, Outcome, Skipped
from livedash_core.parsing.transcript import ParsedMessage, message_count_differs, parse_transcript
from livedash_core.stages.row_columns import following_columns, unread_cells
from livedash_core.stages.stage import Stage

#: Columns that come from the CSV row; a second pass does not touch those that the analysis adds later.
_FROM_IMPORT = (
    "company_id",
    "started_at",
    "ended_at",
    "country",
    "language",
    "messages_sent",
    "avg_response_time_seconds",
    "tokens",
    "tokens_eur",
    "initial_message",
)


CLAIM_SIZE = 500
#: Of the transcripts of a claim, in UTF-8. The runner holds two claims, and each text as it came and as messages.
CLAIM_BYTES = 16 * 2**20

#: Settings of a company that say how its transcripts are read.
_SETTINGS = (Company.timezone, Company.speaker_roles, Company.date_order)


class ImportedSession(NamedTuple):
    """An imported row, its transcript if there is one, and the settings that it is read by."""

    session_id: UUID
    company_id: UUID
    row: Any
    transcript: str | None
    zone: ZoneInfo
    speaker_roles: Mapping[str, Role]
    date_order: DayOrder | None


class NewSession(NamedTuple):
    """The session's columns and its messages."""

    columns: dict[str, Any]
    messages: list[ParsedMessage]


class SessionCreation(Stage[ImportedSession, NewSession]):
    """Parsing only. Claims are large, because each takes two dozen statements, and bounded by their transcripts."""

    name = "SESSION_CREATION"
    claim_size = CLAIM_SIZE

    def within_memory(self, connection: Connection, session_ids: Sequence[UUID]) -> list[UUID]:
        """Return sessions whose transcripts have at most ``CLAIM_BYTES`` together, or the first one alone."""
        fitting = list(connection.scalars(_FITTING, {"session_ids": list(session_ids), "most": CLAIM_BYTES}))
        # Few sessions are claimed in vain while transcripts are long.
        is_too_much = len(fitting) < len(session_ids)
        self.claim_size = max(1, len(fitting)) if is_too_much else min(CLAIM_SIZE, 2 * self.claim_size)
        return fitting

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[ImportedSession]:
        """Read the rows with their transcripts."""
        rows = connection.execute(
            select(SessionImport.__table__, SessionTranscript.content, *_SETTINGS)
            .join(Company, Company.id == SessionImport.company_id)
            .join(SessionTranscript, SessionTranscript.session_id == SessionImport.id, isouter=True)
            .where(SessionImport.id == any_(bindparam("session_ids", list(session_ids), ARRAY(Uuid))))
        )
        return [
            ImportedSession(
                row.id, row.company_id, row, row.content, ZoneInfo(row.timezone), row.speaker_roles, row.date_order
            )
            for row in rows
        ]

    async def handle(self, item: ImportedSession) -> Outcome[NewSession]:
        """Parse the transcript. A session without messages is stored with the columns of its row, and skipped."""
        row = item.row
        columns = {
            "id": item.session_id,
            "company_id": item.company_id,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            **following_columns(row),
        }
        notes = unread_cells(row, columns)
        if item.transcript is None:
            return Skipped("there is no transcript", NewSession(columns, []), notes)
        messages_sent = columns["messages_sent"]
        read = parse_transcript(
            item.transcript,
            started_at=row.started_at,
            ended_at=row.ended_at,
            zone=item.zone,
            speaker_roles=item.speaker_roles,
            messages_sent=messages_sent,
            date_order=item.date_order,
        )
        notes |= read.notes
        if not read.messages:
            return Skipped("the transcript has no messages", NewSession(columns, []), notes)
        if read.problem:
            raise PermanentError(f"the transcript {read.problem}")
        if message_count_differs(read.messages, messages_sent):
            notes["message_count_differs"] = messages_sent
        if read.format != "text":
            notes["format"] = read.format
        return Completed(NewSession(columns, read.messages), {"messages": len(read.messages), **notes})

    def store(self, connection: Connection, results: Mapping[UUID, NewSession]) -> None:
        """Write sessions and messages; those of an earlier pass are replaced."""
        rows = [new.columns for new in results.values()]
        # A session that is made again may have moved to another day, and its questions with it. The counts are written
        # last, because two lanes that change the same counts wait for each other.
        with counted_sessions(connection, results), counted_questions(connection, results, adds=False):
            upsert(connection, Session, rows, key=["id"], update=_FROM_IMPORT)
            connection.execute(_FORGET_MESSAGES, {"session_ids": list(results)})
            copy_into(
                connection,
                "livedash.message",
                ("session_id", "position", "role", "content", "sent_at"),
                (
                    (session_id, position, message.role, message.content, message.sent_at)
                    for session_id, session in results.items()
                    for position, message in enumerate(session.messages, start=1)
                ),
                ("uuid", "int4", "text", "text", "timestamptz"),
            )
            index_messages(
                connection,
                results,
                {
                    session_id: [message.content for message in session.messages]
                    for session_id, session in results.items()
                    if session.columns["language"] is None
                },
            )


# octet_length does not read the text. A transcript that is missing has no length.
_FITTING = text(
    """
    SELECT id FROM (
        SELECT id, row_number() OVER so_far AS position,
               sum(octet_length(content)) OVER so_far AS bytes
        FROM unnest(CAST(:session_ids AS uuid[])) AS claimed (id)
        LEFT JOIN livedash.session_transcript ON session_id = id
        WINDOW so_far AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
    ) AS summed
    WHERE position = 1 OR coalesce(bytes, 0) <= :most
    ORDER BY id
    """
)
# An array instead of a parameter per session: one statement text, prepared once.
_FORGET_MESSAGES = text("DELETE FROM livedash.message WHERE session_id = ANY (CAST(:session_ids AS uuid[]))")
