"""A chunk of sessions, whole: their rows, what was said, asked and paid, and the states of their stages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.bulk_insert import copy_blocks_into
from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.insights import counted_sessions
from livedash_core.livedash_node_migration.candidates import Candidate, candidate, chosen_json, sort
from livedash_core.livedash_node_migration.checks import check
from livedash_core.livedash_node_migration.questions import copy_questions
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.requests import copy_requests
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.livedash_node_migration.states import (
    SESSION_CREATION,
    THROUGH,
    Facts,
    States,
    from_facts,
    from_rows,
    status_of,
)
from livedash_core.parsing.csv_rows import COLUMNS, MAX_ID_CHARACTERS
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ImportedHistory, ProcessingStatusManager

#: Who analysed and asked what moved in: analyzer and prompt version of its analyses.
MAKER = "livedash-node"

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


class Determined(NamedTuple):
    """Where a session stands, when it was last worked on, and whether it has an analysis."""

    states: States
    settled_at: datetime
    is_analysed: bool

    @property
    def is_created(self) -> bool:
        """Whether there is to be a session, even one without messages."""
        return status_of(self.states, SESSION_CREATION) in THROUGH


class Chunk:
    """Copies some candidates within one transaction, and counts in ``report`` what became of each."""

    def __init__(self, old: SourceDatabase, connection: Connection, companies: dict[str, UUID], report: Report) -> None:
        self._old = old
        self._connection = connection
        self._companies = companies
        self._report = report
        self._tables = report.tables

    def copy(self, rows: Iterable[Any]) -> None:
        """Copy what is new. Raises ``SystemicError`` when what is here then is not what is there."""
        # An import of the same external ids at the same moment would end this transaction with an error.
        self._connection.execute(text("LOCK TABLE livedash.session_import IN SHARE ROW EXCLUSIVE MODE"))
        new, here = self._sort([candidate(row, self._companies) for row in self._acceptable(rows)])
        self._count_here(here)
        links: list[str] = []
        if new:
            determined = self._determine(new)
            chosen = self._copy_rows(new, determined)
            links = copy_questions(self._old, self._connection, chosen, self._report)
            self._take_over(new, determined)
        requests = copy_requests(
            self._old, self._connection, chosen_json([*new, *here]), MAKER, self._tables["AIProcessingRequest"]
        )
        if new:
            kept = {"SessionQuestion": links, "AIProcessingRequest": requests}
            check(self._old, self._connection, chosen_json(new), kept, self._tables)

    # --- which

    def _acceptable(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Those that can be copied at all; the others are listed, and all that belongs to them."""
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

    def _sort(self, candidates: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """Which are new, and which are here already under the id they are returned with."""
        sorted_ = sort(self._connection, candidates)
        for one in sorted_.strangers:
            self._list(one.session_id, one.import_id, "a session with its external id came here from the CSV")
        self._list_children([one.session_id for one in sorted_.strangers if one.session_id])
        return sorted_.new, sorted_.here

    # --- what

    def _determine(self, new: list[Candidate]) -> dict[UUID, Determined]:
        chosen = chosen_json(new)
        told: defaultdict[UUID, list[Any]] = defaultdict(list)
        for row in self._old.rows("statuses", chosen=chosen):
            told[row.id].append(row)
            table = self._tables["SessionProcessingStatus"]
            if row.stage in BUILT_IN.names:
                table.copied += 1
            else:
                table.list("its stage is unknown here", [f"{row.id}:{row.stage}"])
        problems = {one.id: one.problem for one in new}
        now = datetime.now(UTC)
        found = {}
        for row in self._old.rows("facts", chosen=chosen):
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
            states = from_rows(from_facts(facts), told[row.id])
            found[row.id] = Determined(states, row.settled_at or now, facts.is_analysed)
        return found

    def _copy_rows(self, new: list[Candidate], determined: dict[UUID, Determined]) -> str:
        connection = self._connection
        analysed = [one.id for one in new if determined[one.id].is_analysed]
        numbers = connection.scalars(_ANALYSIS_IDS, {"number": len(analysed)})
        chosen = chosen_json(
            new,
            {one.id for one in new if one.session_id or determined[one.id].is_created},
            dict(zip(analysed, numbers, strict=True)),
        )
        copied = {
            "SessionImport": sum(one.import_id is not None for one in new),
            "Session": sum(one.session_id is not None for one in new),
        }
        labels = {"sentiments": list(SENTIMENTS), "categories": list(CATEGORIES), "maker": MAKER}
        self._copy("imports", "livedash.session_import", _IMPORT, chosen=chosen)
        self._copy("transcripts", "livedash.session_transcript", _TRANSCRIPT, chosen=chosen)
        with counted_sessions(connection, [one.id for one in new]):
            self._copy("sessions", "livedash.session", _SESSION, chosen=chosen, **labels)
        copied["Message"] = self._copy("messages", "livedash.message", _MESSAGE, chosen=chosen)
        self._copy("analyses", "livedash.session_analysis", _ANALYSIS, chosen=chosen, maker=MAKER)
        for table, rows in copied.items():
            self._tables[table].copied += rows
        return chosen

    def _copy(self, name: str, table: str, columns: tuple[str, ...], **parameters: Any) -> int:
        return copy_blocks_into(self._connection, table, columns, self._old.copy(name, **parameters))

    def _take_over(self, new: list[Candidate], determined: dict[UUID, Determined]) -> None:
        histories = {
            one.id: ImportedHistory(one.company_id, determined[one.id].settled_at, determined[one.id].states)
            for one in new
        }
        ProcessingStatusManager(self._connection).import_history(histories)
        for history in histories.values():
            self._report.count_states(history.stages)

    # --- counting

    def _count_here(self, here: list[Candidate]) -> None:
        self._tables["SessionImport"].here += sum(one.import_id is not None for one in here)
        self._tables["Session"].here += sum(one.session_id is not None for one in here)
        for table, rows in self._children([one.session_id for one in here if one.session_id]).items():
            if table != "AIProcessingRequest":  # counted one by one: a session may have new ones
                self._tables[table].here += rows

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
        (row,) = self._old.rows("rows_of_sessions", ids=session_ids)
        return {table: rows for table, rows in zip(_CHILDREN, row, strict=True) if rows}


_ANALYSIS_IDS = text(
    "SELECT nextval(pg_get_serial_sequence('livedash.session_analysis', 'id')) FROM generate_series(1, :number)"
)
