"""Judgements as they are stored: under the key of what was judged and whom we asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn

#: The columns that tell judgements apart.
KEY = ("session_id", "input_hash", "analyzer", "model", "prompt_version")


class Judgement(NamedTuple):
    """A row of ``session_analysis``: ``result`` has the contract's fields, ``model`` is the one that was asked."""

    session_id: UUID
    input_hash: str
    analyzer: str
    model: str | None
    prompt_version: str
    result: dict[str, Any]


def digest(turns: Sequence[Turn]) -> str:
    """The input hash of a conversation."""
    return hashlib.sha256(json.dumps([[turn.role, turn.content] for turn in turns]).encode()).hexdigest()


def judgement_of(request: AnalysisRequest, model: str | None, analysis: Analysis) -> Judgement:
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
    return Judgement(request.session_id, request.input_hash, analysis.analyzer, model, analysis.prompt_version, result)


def keep_judgements(connection: Connection, judgements: Iterable[Judgement]) -> None:
    """Store those that are not there yet; none of a session that was erased while it was judged."""
    rows = [{**judgement._asdict(), "result": json.dumps(judgement.result)} for judgement in judgements]
    if rows:
        connection.execute(_KEEP, {name: [row[name] for row in rows] for name in Judgement._fields})


#: The lock waits for an erasure that is under way, and for nobody else: only that one locks FOR UPDATE. A session that
#: is gone altogether is refused by the table.
_KEEP = text(
    """
    WITH locked AS MATERIALIZED (
        SELECT id, erased_at FROM livedash.session_import WHERE id = ANY (CAST(:session_id AS uuid[]))
        ORDER BY id FOR KEY SHARE
    )
    INSERT INTO livedash.session_analysis (session_id, input_hash, analyzer, model, prompt_version, result)
    SELECT judged.*
    FROM unnest(CAST(:session_id AS uuid[]), CAST(:input_hash AS text[]), CAST(:analyzer AS text[]),
                CAST(:model AS text[]), CAST(:prompt_version AS text[]), CAST(:result AS jsonb[]))
         AS judged (session_id, input_hash, analyzer, model, prompt_version, result)
    LEFT JOIN locked ON locked.id = judged.session_id
    WHERE locked.erased_at IS NULL
    ORDER BY judged.session_id, judged.input_hash, judged.analyzer, judged.model, judged.prompt_version
    ON CONFLICT (session_id, input_hash, analyzer, model, prompt_version) DO NOTHING
    """
)
