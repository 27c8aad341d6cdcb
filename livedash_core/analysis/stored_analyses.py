"""Store analyses, keyed by the analysed conversation, the analyzer, its model and its version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn

#: The columns of the unique key.
KEY = ("session_id", "input_hash", "analyzer", "model", "prompt_version")


class StoredAnalysis(NamedTuple):
    """A row of ``session_analysis``: ``result`` has the contract's fields, ``model`` is the requested one."""

    session_id: UUID
    input_hash: str
    analyzer: str
    model: str | None
    prompt_version: str
    result: dict[str, Any]


def input_digest(turns: Sequence[Turn]) -> str:
    """The input hash of a conversation: SHA-256 of its turns."""
    return hashlib.sha256(json.dumps([[turn.role, turn.content] for turn in turns]).encode()).hexdigest()


def stored_analysis_of(request: AnalysisRequest, model: str | None, analysis: Analysis) -> StoredAnalysis:
    """The row of an analysis that was requested from ``model``."""
    result = {
        "language": analysis.language,
        "sentiment": analysis.sentiment,
        "escalated": analysis.escalated,
        "forwarded_hr": analysis.forwarded_hr,
        "category": analysis.category,
        "summary": analysis.summary,
        "outcome": analysis.outcome,
        "outcome_reason": analysis.outcome_reason or None,
        "missing": analysis.missing,
        "questions": list(analysis.questions),
        "questions_language": analysis.questions_language,
        "analyzer": analysis.analyzer,
        "model": analysis.model,
        "prompt_version": analysis.prompt_version,
    }
    return StoredAnalysis(
        request.session_id, request.input_hash, analysis.analyzer, model, analysis.prompt_version, result
    )


def store_analyses(connection: Connection, stored_analyses: Iterable[StoredAnalysis]) -> None:
    """Insert the analyses that are not stored yet, except those of sessions that were erased meanwhile."""
    rows = [{**stored._asdict(), "result": json.dumps(stored.result)} for stored in stored_analyses]
    if rows:
        connection.execute(_INSERT, {name: [row[name] for row in rows] for name in StoredAnalysis._fields})


#: The lock waits only for an erasure in progress, which alone locks FOR UPDATE. The foreign key refuses a session that
#: does not exist any more.
_INSERT = text(
    """
    WITH locked AS MATERIALIZED (
        SELECT id, erased_at FROM livedash.session_import WHERE id = ANY (CAST(:session_id AS uuid[]))
        ORDER BY id FOR KEY SHARE
    )
    INSERT INTO livedash.session_analysis (session_id, input_hash, analyzer, model, prompt_version, result)
    SELECT analysed.*
    FROM unnest(CAST(:session_id AS uuid[]), CAST(:input_hash AS text[]), CAST(:analyzer AS text[]),
                CAST(:model AS text[]), CAST(:prompt_version AS text[]), CAST(:result AS jsonb[]))
         AS analysed (session_id, input_hash, analyzer, model, prompt_version, result)
    LEFT JOIN locked ON locked.id = analysed.session_id
    WHERE locked.erased_at IS NULL
    ORDER BY analysed.session_id, analysed.input_hash, analysed.analyzer, analysed.model, analysed.prompt_version
    ON CONFLICT (session_id, input_hash, analyzer, model, prompt_version) DO NOTHING
    """
)
