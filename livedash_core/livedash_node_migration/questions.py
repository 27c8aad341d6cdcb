"""What the sessions asked: one question per company here, one for all companies there."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.insights import counted_questions
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.parsing.questions import normal_form
from livedash_core.stages.question_extraction import link_questions

#: What livedash-node's prompt asked for.
LANGUAGE = "en"


def copy_questions(old: SourceDatabase, connection: Connection, chosen: str, report: Report) -> list[str]:
    """Link new sessions to their questions; returns the old ids of the links that were copied."""
    asked: list[dict[str, Any]] = []
    kept: list[str] = []
    old_ids: dict[tuple[UUID, str], str] = {}
    forms: defaultdict[UUID, set[str]] = defaultdict(set)
    links = report.tables["SessionQuestion"]
    for row in old.rows("questions", chosen=chosen):
        form = normal_form(row.content or "")
        if row.content is None:
            links.list("its question does not exist", [row.old_id])
        elif not form:
            links.list("its question has no words", [row.old_id])
            report.wordless_questions.add(row.question_id)
        elif form in forms[row.id]:
            links.list("its session asks the same in other spelling", [row.old_id])
        else:
            forms[row.id].add(form)
            kept.append(row.old_id)
            old_ids.setdefault((row.company_id, form), row.question_id)
            asked.append(
                {
                    "session_id": row.id,
                    "company_id": row.company_id,
                    "position": len(forms[row.id]),
                    "raw_text": row.content,
                    "normal_form": form,
                    "language": LANGUAGE,
                }
            )
    with counted_questions(connection, forms):
        link_questions(connection, asked)
    if old_ids:
        connection.execute(
            _REMEMBER,
            {
                "company_ids": [company_id for company_id, _ in old_ids],
                "forms": [form for _, form in old_ids],
                "old_ids": list(old_ids.values()),
            },
        )
    links.copied += len(kept)
    return kept


# An old question that several companies asked is several here: the first of them shows its old id.
_REMEMBER = text(
    """
    UPDATE livedash.question SET legacy_id = first.old_id
    FROM (
        SELECT DISTINCT ON (old_id) old_id, company_id, normal_form
        FROM unnest(CAST(:company_ids AS uuid[]), CAST(:forms AS text[]), CAST(:old_ids AS text[]))
            AS known (company_id, normal_form, old_id)
        WHERE NOT EXISTS (
            SELECT FROM livedash.question AS other WHERE COALESCE(other.legacy_id, other.id::text) = known.old_id
        )
        ORDER BY old_id, company_id
    ) AS first
    WHERE question.company_id = first.company_id AND question.normal_form = first.normal_form
      AND question.legacy_id IS NULL
    """
)
