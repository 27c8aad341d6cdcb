"""Reads the pairs of questions that may be the same and wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text


class Proposal(NamedTuple):
    """Two questions that may be the same, the topics that they belong to, and why no model has decided."""

    first_id: int
    second_id: int
    first: str
    second: str
    first_topic: int
    second_topic: int
    similarity: float
    reason: str | None


def list_proposals(
    connection: Connection, company_id: UUID, *, limit: int, question_ids: Sequence[int] | None = None
) -> list[Proposal]:
    """Return the most similar pairs that wait for a person, of a company or with one of these questions."""
    # Two index look-ups per question: the company's proposals may be many.
    these = "AND (pair.first_id = ANY (CAST(:ids AS bigint[])) OR pair.second_id = ANY (CAST(:ids AS bigint[])))"
    query = text(_PROPOSALS.format(which="" if question_ids is None else these))
    parameters = {"company_id": company_id, "limit": limit, "ids": list(question_ids or ())}
    return [Proposal(*row) for row in connection.execute(query, parameters)]


_PROPOSALS = """
    SELECT pair.first_id, pair.second_id, first.content, second.content, one.topic_id, other.topic_id,
           pair.similarity, pair.held
    FROM livedash.question_pair AS pair
    JOIN livedash.topic_member AS one ON one.question_id = pair.first_id
    JOIN livedash.topic_member AS other ON other.question_id = pair.second_id
    JOIN livedash.question AS first ON first.id = pair.first_id
    JOIN livedash.question AS second ON second.id = pair.second_id
    WHERE pair.company_id = :company_id AND (pair.verdict IS NULL OR pair.held IS NOT NULL)
      AND one.topic_id <> other.topic_id
      AND first.normal_form NOT LIKE '#%' AND second.normal_form NOT LIKE '#%' {which}
    ORDER BY pair.similarity DESC, pair.first_id, pair.second_id LIMIT :limit
"""
