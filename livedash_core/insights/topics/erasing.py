"""Removes what topics keep of the words of erased questions; their counts stay."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

_STATEMENTS = (
    "UPDATE livedash.topic_member SET wording_digest = NULL WHERE question_id = ANY (CAST(:ids AS bigint[]))",
    "DELETE FROM livedash.question_vector WHERE question_id = ANY (CAST(:ids AS bigint[]))",
    # Another question becomes the central one, if the topic has one.
    """
    UPDATE livedash.topic SET central_id = left_over.id, compared = false
    FROM livedash.topic AS old CROSS JOIN LATERAL (
        SELECT question.id FROM livedash.topic_member JOIN livedash.question ON question.id = question_id
        WHERE topic_id = old.id AND normal_form NOT LIKE '#%' ORDER BY question.sessions DESC, question.id LIMIT 1
    ) AS left_over
    WHERE old.central_id = ANY (CAST(:ids AS bigint[])) AND topic.id = old.id
    """,
    # A name that a model or a person gave may repeat what the last question said; so may the log.
    """
    WITH emptied AS (
        UPDATE livedash.topic SET name = NULL, named_by = NULL
        WHERE central_id = ANY (CAST(:ids AS bigint[])) RETURNING id
    )
    UPDATE livedash.topic_edit SET changes = '{}' WHERE topic_id IN (SELECT id FROM emptied)
    """,
)


def forget_questions(connection: Connection, question_ids: Sequence[int]) -> None:
    """Forget the words of these questions, whose rows are erased already."""
    for statement in _STATEMENTS:
        connection.execute(text(statement), {"ids": list(question_ids)})
