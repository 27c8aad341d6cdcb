"""QUESTION_EXTRACTION: links a session to the company's distinct questions that its analysis names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, select, text

from livedash_core.bulk_insert import upsert
from livedash_core.enums import UNDETERMINED
from livedash_core.insights import counted_questions
from livedash_core.models import Question, Session, SessionAnalysis, SessionQuestion
from livedash_core.outcomes import Completed, Outcome, Skipped
from livedash_core.parsing.questions import clean_questions, normal_form
from livedash_core.stages.stage import Stage


class AnalysedSession(NamedTuple):
    """A session with the analysis it carries, if any."""

    session_id: UUID
    company_id: UUID
    result: dict[str, Any] | None


class ExtractedQuestions(NamedTuple):
    """The questions of a session, in order, in one language."""

    company_id: UUID
    language: str
    questions: tuple[str, ...]


class QuestionExtraction(Stage[AnalysedSession, ExtractedQuestions]):
    """Text only, so claims are large."""

    name = "QUESTION_EXTRACTION"
    claim_size = 500

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[AnalysedSession]:
        """Each session with its current analysis."""
        rows = connection.execute(
            select(Session.id, Session.company_id, SessionAnalysis.result)
            .join(SessionAnalysis, SessionAnalysis.id == Session.analysis_id, isouter=True)
            .where(Session.id.in_(session_ids))
        )
        return [AnalysedSession(*row) for row in rows]

    async def handle(self, item: AnalysedSession) -> Outcome[ExtractedQuestions]:
        """Clean the analyzer's questions. A session without questions is completed, one without analysis skipped."""
        if item.result is None:
            return Skipped("there is no analysis", ExtractedQuestions(item.company_id, UNDETERMINED, ()))
        questions = clean_questions(item.result["questions"])
        extracted = ExtractedQuestions(item.company_id, item.result["questions_language"], questions)
        return Completed(extracted, {"questions": len(questions)})

    def store(self, connection: Connection, results: Mapping[UUID, ExtractedQuestions]) -> None:
        """Link the sessions to their questions, of which a company has each once; earlier links are replaced."""
        with counted_questions(connection, results):
            _replace(connection, results)


def _replace(connection: Connection, results: Mapping[UUID, ExtractedQuestions]) -> None:
    connection.execute(delete(SessionQuestion).where(SessionQuestion.session_id.in_(results)))
    asked = [
        {
            "session_id": session_id,
            "company_id": session.company_id,
            "position": position,
            "raw_text": question,
            "normal_form": normal_form(question),
            "language": session.language,
        }
        for session_id, session in results.items()
        for position, question in enumerate(session.questions, start=1)
    ]
    link_questions(connection, asked)


def link_questions(connection: Connection, asked: Sequence[Mapping[str, Any]]) -> None:
    """Link sessions to questions; equal questions of a company are one.

    Each of ``asked`` has session_id, company_id, position, raw_text, normal_form and language.
    """
    if not asked:
        return
    distinct = {
        (row["company_id"], row["normal_form"]): {
            "company_id": row["company_id"],
            "normal_form": row["normal_form"],
            "content": row["raw_text"],
            "language": row["language"],
        }
        for row in reversed(asked)
    }
    upsert(connection, Question, list(distinct.values()), key=["company_id", "normal_form"])
    connection.execute(_LINK, {name: [row[name] for row in asked] for name in asked[0]})


_LINK = text(
    """
    INSERT INTO livedash.session_question (session_id, position, question_id, raw_text)
    SELECT asked.session_id, asked.position, question.id, asked.raw_text
    FROM unnest(CAST(:session_id AS uuid[]), CAST(:company_id AS uuid[]), CAST(:position AS int[]),
                CAST(:normal_form AS text[]), CAST(:raw_text AS text[]))
         AS asked (session_id, company_id, position, normal_form, raw_text)
    JOIN livedash.question ON question.company_id = asked.company_id AND question.normal_form = asked.normal_form
    """
)
