"""Migrates a chunk of sessions with their messages, questions, requests and statuses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.bulk_insert import copy_blocks_into
from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.full_text import index_messages, index_summaries
from livedash_core.insights import counted_sessions
from livedash_core.livedash_node_migration.candidates import Candidate, candidate, chunk_json, partition
from livedash_core.livedash_node_migration.checks import check
from livedash_core.livedash_node_migration.questions import copy_questions
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.requests import copy_requests
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.livedash_node_migration.states import (
    DONE,
    SESSION_CREATION,
    Facts,
    States,
    from_facts,
    from_rows,
    status_of,
)
from livedash_core.parsing.csv_rows import COLUMNS, MAX_ID_CHARACTERS
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ImportedHistory, ProcessingStatusManager

#: Analyzer and prompt version of migrated analyses.
ANALYZER = "livedash-node"

_NOT_COPIED = "its session is not copied"
_CHILDREN = ("Message", "SessionQuestion", "AIProcessingRequest", "SessionProcessingStatus")
_IMPORT = ("id", "company_id", *COLUMNS, "started_at", "ended_at", "imported_at", "changed_at", "legacy_id")
_TRANSCRIPT = ("session_id", "content", "fetched_at")
_SESSION = (
    "id", "company_id", "started_at", "ended_at", "country", "language", "messages_sent", "avg_response_time_seconds",
    "tokens", "tokens_eur", "initial_message", "sentiment", "escalated", "forwarded_hr", "category", "summary",
    "analysis_id", "analyzer", "model", "prompt_version", "analyzed_at", "legacy_id",
)  # fmt: skip
_MESSAGE = ("session_id", "position", "role", "content", "sent_at")
_ANALYSIS = ("id", "session_id", "input_hash", "analyzer", "model", "prompt_version", "result", "created_at")


class Derived(NamedTuple):
    """The statuses of a session's stages, the time of its last change, and whether it has an analysis."""

    states: States
    settled_at: datetime
    is_analysed: bool

    @property
    def is_created(self) -> bool:
        """Whether the target gets a row of ``session``, possibly without messages."""
        return status_of(self.states, SESSION_CREATION) in DONE


class Chunk:
    """Copies candidates within one transaction, and accounts for each in ``report``."""

    def __init__(
        self, source: SourceDatabase, connection: Connection, companies: dict[str, UUID], report: Report
    ) -> None:
        self._source = source
        self._connection = connection
        self._companies = companies
        self._report = report
        self._tables = report.tables

    def copy(self, rows: Iterable[Any]) -> None:
        """Copy what the target does not have. Raises ``SystemicError`` if source and target then differ."""
        # A concurrent CSV import of the same external ids would violate a unique constraint in this transaction.
        self._connection.execute(text("LOCK TABLE livedash.session_import IN SHARE ROW EXCLUSIVE MODE"))
        new, existing = self._partition([candidate(row, self._companies) for row in self._eligible(rows)])
        self._count_existing(existing)
        links: list[str] = []
        if new:
            derived = self._derive(new)
            chunk = self._copy_rows(new, derived)
            links = copy_questions(self._source, self._connection, chunk, self._report)
            self._import_history(new, derived)
        requests = copy_requests(
            self._source, self._connection, chunk_json([*new, *existing]), ANALYZER, self._tables["AIProcessingRequest"]
        )
        if new:
            kept = {"SessionQuestion": links, "AIProcessingRequest": requests}
            check(self._source, self._connection, chunk_json(new), kept, self._tables)

    def _eligible(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Yield the rows that can be copied; list the others with their dependent rows."""
        refused: list[str] = []
        for row in rows:
            if row.company_id not in self._companies:
                reason = "its company does not exist"
            elif row.place > 1:
                reason = "another has the same external id in its company"
            elif len(row.external_id) > MAX_ID_CHARACTERS:
                reason = f"its external id has more than {MAX_ID_CHARACTERS} characters"
            else:
                yield row
                continue
            self._list(row.session_id, row.import_id, reason)
            if row.session_id is not None:
                refused.append(row.session_id)
        self._list_children(refused)

    def _partition(self, candidates: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """Return the new and the existing candidates, the latter with their ids in the target; list the conflicts."""
        parts = partition(self._connection, candidates)
        for one in parts.conflicts:
            self._list(one.session_id, one.import_id, "the CSV import created another session with its external id")
        self._list_children([one.session_id for one in parts.conflicts if one.session_id])
        return parts.new, parts.existing

    def _derive(self, new: list[Candidate]) -> dict[UUID, Derived]:
        chunk = chunk_json(new)
        status_rows: defaultdict[UUID, list[Any]] = defaultdict(list)
        for row in self._source.rows("statuses", chunk=chunk):
            status_rows[row.id].append(row)
            table = self._tables["SessionProcessingStatus"]
            if row.stage in BUILT_IN.names:
                table.copied += 1
            else:
                table.list("its stage is unknown", [f"{row.id}:{row.stage}"])
        problems = {one.id: one.problem for one in new}
        now = datetime.now(UTC)
        found = {}
        for row in self._source.rows("session_facts", chunk=chunk):
            facts = Facts(
                row.has_transcript,
                row.has_url,
                row.has_messages,
                row.is_analysed,
                row.has_questions,
                row.is_error,
                row.error,
                problems[row.id],
            )
            states = from_rows(from_facts(facts), status_rows[row.id])
            found[row.id] = Derived(states, row.settled_at or now, facts.is_analysed)
        return found

    def _copy_rows(self, new: list[Candidate], derived: dict[UUID, Derived]) -> str:
        connection = self._connection
        analysed = [one.id for one in new if derived[one.id].is_analysed]
        numbers = connection.scalars(_ANALYSIS_IDS, {"number": len(analysed)})
        chunk = chunk_json(
            new,
            {one.id for one in new if one.session_id or derived[one.id].is_created},
            dict(zip(analysed, numbers, strict=True)),
        )
        copied = {
            "SessionImport": sum(one.import_id is not None for one in new),
            "Session": sum(one.session_id is not None for one in new),
        }
        labels = {"sentiments": list(SENTIMENTS), "categories": list(CATEGORIES), "analyzer": ANALYZER}
        self._copy("imports", "livedash.session_import", _IMPORT, chunk=chunk)
        self._copy("transcripts", "livedash.session_transcript", _TRANSCRIPT, chunk=chunk)
        with counted_sessions(connection, [one.id for one in new]):
            self._copy("sessions", "livedash.session", _SESSION, chunk=chunk, **labels)
        copied["Message"] = self._copy("messages", "livedash.message", _MESSAGE, chunk=chunk)
        index_messages(connection, [one.id for one in new])
        index_summaries(connection, [one.id for one in new])
        self._copy("analyses", "livedash.session_analysis", _ANALYSIS, chunk=chunk, analyzer=ANALYZER)
        for table, rows in copied.items():
            self._tables[table].copied += rows
        return chunk

    def _copy(self, name: str, table: str, columns: tuple[str, ...], **parameters: Any) -> int:
        return copy_blocks_into(self._connection, table, columns, self._source.copy(name, **parameters))

    def _import_history(self, new: list[Candidate], derived: dict[UUID, Derived]) -> None:
        histories = {
            one.id: ImportedHistory(one.company_id, derived[one.id].settled_at, derived[one.id].states) for one in new
        }
        ProcessingStatusManager(self._connection).import_history(histories)
        for history in histories.values():
            self._report.count_states(history.stages)

    def _count_existing(self, existing: list[Candidate]) -> None:
        self._tables["SessionImport"].existing += sum(one.import_id is not None for one in existing)
        self._tables["Session"].existing += sum(one.session_id is not None for one in existing)
        for table, rows in self._children([one.session_id for one in existing if one.session_id]).items():
            if table != "AIProcessingRequest":  # counted one by one: a session may have new ones
                self._tables[table].existing += rows

    def _list(self, session_id: str | None, import_id: str | None, reason: str) -> None:
        if session_id is not None:
            self._tables["Session"].list(reason, [session_id])
        if import_id is not None:
            self._tables["SessionImport"].list(reason, [import_id])

    def _list_children(self, session_ids: list[str]) -> None:
        self._report.refused_sessions.extend(session_ids)
        for table, rows in self._children(session_ids).items():
            self._tables[table].listed[_NOT_COPIED] += rows

    def _children(self, session_ids: list[str]) -> dict[str, int]:
        if not session_ids:
            return {}
        (row,) = self._source.rows("rows_of_sessions", ids=session_ids)
        return {table: rows for table, rows in zip(_CHILDREN, row, strict=True) if rows}


_ANALYSIS_IDS = text(
    "SELECT nextval(pg_get_serial_sequence('livedash.session_analysis', 'id')) FROM generate_series(1, :number)"
)
