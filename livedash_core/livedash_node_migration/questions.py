"""Migrates the sessions' questions: companies share them in the source, each has its own in the target."""

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

#: livedash-node's prompt asked for questions in English.
LANGUAGE = "en"


def copy_questions(source: SourceDatabase, connection: Connection, chunk: str, report: Report) -> list[str]:
    """Link new sessions to their questions; returns the source ids of the copied links."""
    asked: list[dict[str, Any]] = []
    copied: list[str] = []
    source_ids: dict[tuple[UUID, str], str] = {}
    forms: defaultdict[UUID, set[str]] = defaultdict(set)
    links = report.tables["SessionQuestion"]
    for row in source.rows("questions", chunk=chunk):
        form = normal_form(row.content or "")
        if row.content is None:
            links.list("its question does not exist", [row.source_id])
        elif not form:
            links.list("its question has no words", [row.source_id])
            report.blank_questions.add(row.question_id)
        elif form in forms[row.id]:
            links.list("its session has the same question in another spelling", [row.source_id])
        else:
            forms[row.id].add(form)
            copied.append(row.source_id)
            source_ids.setdefault((row.company_id, form), row.question_id)
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
    if source_ids:
        connection.execute(
            _STORE_SOURCE_IDS,
            {
                "company_ids": [company_id for company_id, _ in source_ids],
                "forms": [form for _, form in source_ids],
                "source_ids": list(source_ids.values()),
            },
        )
    links.copied += len(copied)
    return copied


# A question that several companies share becomes several; the first of them gets the source's id.
_STORE_SOURCE_IDS = text(
    """
    UPDATE livedash.question SET legacy_id = first.source_id
    FROM (
        SELECT DISTINCT ON (source_id) source_id, company_id, normal_form
        FROM unnest(CAST(:company_ids AS uuid[]), CAST(:forms AS text[]), CAST(:source_ids AS text[]))
            AS known (company_id, normal_form, source_id)
        WHERE NOT EXISTS (
            SELECT FROM livedash.question AS other WHERE COALESCE(other.legacy_id, other.id::text) = known.source_id
        )
        ORDER BY source_id, company_id
    ) AS first
    WHERE question.company_id = first.company_id AND question.normal_form = first.normal_form
      AND question.legacy_id IS NULL
    """
)
