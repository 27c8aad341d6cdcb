"""Analyses as they are stored: under the key of what was analysed and whom we asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn

#: The columns that tell analyses apart.
KEY = ("session_id", "input_hash", "analyzer", "model", "prompt_version")


class StoredAnalysis(NamedTuple):
    """A row of ``session_analysis``: ``result`` has the contract's fields, ``model`` is the one that was asked."""

    session_id: UUID
    input_hash: str
    analyzer: str
    model: str | None
    prompt_version: str
    result: dict[str, Any]


def input_digest(turns: Sequence[Turn]) -> str:
    """The input hash of a conversation."""
    return hashlib.sha256(json.dumps([[turn.role, turn.content] for turn in turns]).encode()).hexdigest()


def stored_analysis_of(request: AnalysisRequest, model: str | None, analysis: Analysis) -> StoredAnalysis:
    """What to store of an analysis that ``model`` was asked for."""
    result = {
        "language": analysis.language,
        "sentiment": analysis.sentiment,
        "escalated": analysis.escalated,
        "forwarded_hr": analysis.forwarded_hr,
        "category": analysis.category,
        "summary": analysis.summary,
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
    """Store those that are not there yet; none of a session that was erased while it was analysed."""
    rows = [{**stored._asdict(), "result": json.dumps(stored.result)} for stored in stored_analyses]
    if rows:
        connection.execute(_KEEP, {name: [row[name] for row in rows] for name in StoredAnalysis._fields})


#: The lock waits for an erasure that is under way, and for nobody else: only that one locks FOR UPDATE. A session that
#: is gone altogether is refused by the table.
_KEEP = text(
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
