"""Merges topics whose central questions a model calls the same, within limits that a wrong model cannot exceed.

A pair is applied only if both questions are still the central ones of their topics, so that topics do not grow along
chains of half-similar questions. A topic that would hold too large a share of a company's questions, and one of two
topics that people have changed, wait for a person: the pair is *held*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from livedash_core.insights.topics.locking import lock_questions, lock_topics
from livedash_core.models import QuestionPair, Topic, TopicMember

#: A topic grows by a model's word up to so many questions, or this share of the company's, whichever is more.
MAX_QUESTIONS, MAX_SHARE = 12, 0.05

_UNDECIDED = text(
    """
    SELECT pair.first_id, pair.second_id, first.content AS first, second.content AS second
    FROM livedash.question_pair AS pair
    JOIN livedash.topic_member AS one ON one.question_id = pair.first_id
    JOIN livedash.topic_member AS other ON other.question_id = pair.second_id
    JOIN livedash.topic AS first_topic ON first_topic.id = one.topic_id AND first_topic.central_id = pair.first_id
    JOIN livedash.topic AS second_topic ON second_topic.id = other.topic_id AND second_topic.central_id = pair.second_id
    JOIN livedash.question AS first ON first.id = pair.first_id
    JOIN livedash.question AS second ON second.id = pair.second_id
    WHERE pair.company_id = :company_id AND pair.verdict IS NULL AND pair.held IS NULL
      AND one.topic_id <> other.topic_id
      AND first.normal_form NOT LIKE '#%' AND second.normal_form NOT LIKE '#%'
    ORDER BY pair.similarity DESC, pair.first_id, pair.second_id
    LIMIT :limit
    """
)


_NOT_BY_PERSON = QuestionPair.decided_by.is_distinct_from("person")


class TopicFacts(NamedTuple):
    """What decides whether a topic may be merged: its size, and whether a person has changed it."""

    id: int
    central_id: int
    questions: int
    by_person: bool


def undecided(connection: Connection, company_id: UUID, limit: int) -> Sequence[Row[Any]]:
    """The next pairs of central questions without a verdict, most similar first: first_id, second_id, first, second."""
    return connection.execute(_UNDECIDED, {"company_id": company_id, "limit": limit}).all()


def hold(connection: Connection, pairs: Sequence[Any], reason: str) -> None:
    """Leave pairs to a person, and say why; a model is not asked about them again."""
    for pair in pairs:
        connection.execute(update(QuestionPair).where(*_is(pair), _NOT_BY_PERSON).values(held=reason))


def decide(
    connection: Connection,
    company_id: UUID,
    verdicts: Mapping[tuple[int, int], bool],
    *,
    model: str | None,
    prompt_version: str,
) -> set[int]:
    """Store a model's verdicts for good, and merge the topics of the pairs that it calls the same.

    What people have changed since the model was asked is read after the topics are locked, and stays. Returns the
    topics that changed.
    """
    questions = {question for pair in verdicts for question in pair}
    of_questions = select(TopicMember.topic_id).where(TopicMember.question_id.in_(questions))
    # All at once, in the order of their ids, and before the pairs: so do people.
    locked = {row.id for row in lock_topics(connection, Topic.id.in_(of_questions))}
    changed: set[int] = set()
    for pair, same in verdicts.items():
        stored = connection.execute(
            update(QuestionPair)
            .where(*_is(pair), _NOT_BY_PERSON)
            .values(
                verdict="same" if same else "different",
                decided_by="model",
                model=model,
                prompt_version=prompt_version,
                decided_at=func.now(),
            )
        )
        if same and stored.rowcount:
            changed |= _merge(connection, company_id, pair, locked)
    return changed


def _merge(connection: Connection, company_id: UUID, pair: tuple[int, int], locked: Collection[int]) -> set[int]:
    first, second = (_topic_of(connection, question) for question in pair)
    if first is None or second is None or first.id == second.id:
        return set()
    if first.id not in locked or second.id not in locked:
        hold(connection, [pair], "people have moved one of the questions meanwhile")
        return set()
    questions = first.questions + second.questions
    of_company = connection.scalar(
        select(func.count())
        .select_from(TopicMember)
        .where(TopicMember.company_id == company_id, TopicMember.topic_id.is_not(None))
    )
    most = max(MAX_QUESTIONS, int(MAX_SHARE * (of_company or 0)))
    reason = None
    centres = min(first.central_id, second.central_id), max(first.central_id, second.central_id)
    if centres != pair:
        if _ask_about(connection, pair, centres):
            return set()
        reason = "the central questions of their topics are not the same question"
    elif first.by_person and second.by_person:
        reason = "people have changed both topics"
    elif questions > most:
        reason = f"the topic would have {questions} of the company's {of_company} questions"
    if reason is not None:
        hold(connection, [pair], reason)
        return set()
    kept, gone = (second, first) if second.by_person else (first, second)
    connection.execute(
        update(TopicMember).where(TopicMember.topic_id == gone.id).values(topic_id=kept.id, placed_by="model")
    )
    return {kept.id, gone.id}


def _ask_about(connection: Connection, pair: tuple[int, int], centres: tuple[int, int]) -> bool:
    """Make the central questions a pair as similar as ``pair``; returns False if they are known to be different."""
    first, second = QuestionPair.first_id, QuestionPair.second_id
    similar = select(*map(literal, centres), QuestionPair.company_id, QuestionPair.similarity).where(*_is(pair))
    columns = [first, second, QuestionPair.company_id, QuestionPair.similarity]
    connection.execute(insert(QuestionPair).from_select(columns, similar).on_conflict_do_nothing())
    return connection.scalar(select(QuestionPair.verdict).where(*_is(centres))) != "different"


_FACTS = text(
    """
    SELECT topic.id, topic.central_id,
           (SELECT count(*) FROM livedash.topic_member WHERE topic_id = topic.id) AS questions,
           topic.pinned OR topic.hidden OR coalesce(topic.named_by = 'person', false)
               OR EXISTS (SELECT FROM livedash.topic_member WHERE topic_id = topic.id AND placed_by = 'person')
               OR EXISTS (SELECT FROM livedash.topic_edit WHERE undone_at IS NULL AND topic_id = topic.id)
               OR EXISTS (SELECT FROM livedash.topic_edit WHERE undone_at IS NULL AND other_id = topic.id) AS by_person
    FROM livedash.topic_member AS member JOIN livedash.topic ON topic.id = member.topic_id
    WHERE member.question_id = :question_id
    """
)


def _topic_of(connection: Connection, question_id: int) -> TopicFacts | None:
    row = connection.execute(_FACTS, {"question_id": question_id}).first()
    return None if row is None else TopicFacts(*row)


def _is(pair: Any) -> tuple[Any, Any]:
    first, second = pair[:2]
    return QuestionPair.first_id == first, QuestionPair.second_id == second


def unnamed(connection: Connection, company_id: UUID, limit: int) -> dict[int, dict[int, str]]:
    """The most asked topics of several questions that have no name yet, with up to five of their questions by id."""
    found = connection.execute(_UNNAMED, {"company_id": company_id, "limit": limit})
    return {row.id: dict(zip(row.ids, row.questions, strict=True)) for row in found}


_UNNAMED = text(
    """
    SELECT topic.id, texts.ids, texts.questions
    FROM (SELECT id FROM livedash.topic WHERE company_id = :company_id AND name IS NULL AND sessions > 0 AND NOT hidden
          ORDER BY sessions DESC, id LIMIT 500) AS candidate
    JOIN livedash.topic USING (id)
    CROSS JOIN LATERAL (
        SELECT array_agg(id ORDER BY sessions DESC, id) AS ids,
               array_agg(content ORDER BY sessions DESC, id) AS questions FROM (
            SELECT question.id, content, question.sessions FROM livedash.topic_member
            JOIN livedash.question ON question.id = question_id
            WHERE topic_id = topic.id AND normal_form NOT LIKE '#%'
            ORDER BY question.sessions DESC, question.id LIMIT 5) AS asked
    ) AS texts
    WHERE cardinality(texts.questions) > 1
    ORDER BY topic.sessions DESC, topic.id LIMIT :limit
    """
)


def name_topics(connection: Connection, names: Mapping[int, str], made_of: Mapping[int, Collection[int]]) -> int:
    """Store a model's names for topics that have none, and return how many it stored.

    ``made_of`` has the questions that the names were made of. If one of them is erased meanwhile, the name may repeat
    its words and is not stored: the topic is named again, of the questions that are left.
    """
    present = lock_questions(connection, {question for topic_id in names for question in made_of[topic_id]})
    stored = 0
    for topic_id, name in sorted(names.items()):
        if present.issuperset(made_of[topic_id]):
            unnamed_topic = update(Topic).where(Topic.id == topic_id, Topic.name.is_(None))
            stored += connection.execute(unnamed_topic.values(name=name, named_by="model")).rowcount
    return stored
