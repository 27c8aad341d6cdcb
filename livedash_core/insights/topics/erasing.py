"""Removes what topics keep of the words of erased questions; their counts stay."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, any_, literal, text

from livedash_core.insights.topics.locking import lock_topics
from livedash_core.models import Topic

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
    "UPDATE livedash.topic SET name = NULL, named_by = NULL WHERE central_id = ANY (CAST(:ids AS bigint[]))",
    """
    UPDATE livedash.topic_edit SET changes = '{}'
    WHERE topic_id IN (SELECT id FROM livedash.topic WHERE central_id = ANY (CAST(:ids AS bigint[])))
    """,
)


def forget_questions(connection: Connection, question_ids: Sequence[int]) -> None:
    """Forget the words of these questions, whose rows are erased already."""
    # First, because a person who holds a topic may have a row of the log that is not committed yet, and the statements
    # below must see it. Before the members, because people lock these after their topics.
    lock_topics(connection, Topic.central_id == any_(literal(list(question_ids), ARRAY(BigInteger))))
    for statement in _STATEMENTS:
        connection.execute(text(statement), {"ids": list(question_ids)})
