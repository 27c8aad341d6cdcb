"""Puts new questions into topics by the rule, and stores pairs of similar topics as candidates.

Each function works on a bounded chunk in the caller's transaction, in the order of the questions' ids, and finds by
itself what is left to do: a pass that was killed continues where it ended, with the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, exists, func, insert, select, text

from livedash_core.bulk_insert import copy_into, upsert
from livedash_core.insights.topics import encoder, wording
from livedash_core.insights.topics.locking import NOT_ERASED, lock_questions, locked_questions
from livedash_core.models import Question, QuestionPair, QuestionVector, Topic, TopicMember

if TYPE_CHECKING:
    from livedash_core.insights.topics.encoder import Vectors

#: New questions, or new vectors, per transaction.
CHUNK = 2000
#: The mean of few questions is their subject and not what all questions have in common.
_PRIOR_QUESTIONS = 100


class Placed(NamedTuple):
    """What a chunk did: the last question's id, and numbers of questions."""

    last_id: int
    questions: int
    follow_ups: int


def place_new_questions(connection: Connection, company_id: UUID, after_id: int) -> Placed | None:
    """Put the next new questions of a company into topics: an existing one with the same wording, or a new one.

    Returns None when no question after ``after_id`` is new.
    """
    seen = exists().where(TopicMember.question_id == Question.id)
    new = select(Question.id, Question.content, Question.language).where(
        Question.company_id == company_id, Question.id > after_id, Question.sessions > 0, ~seen
    )
    rows = connection.execute(locked_questions(new).limit(CHUNK)).all()
    if not rows:
        return None
    digests = {
        row.id: None if wording.is_follow_up(row.content, row.language) else wording.read(*row[1:]).digest
        for row in rows
    }
    topics = _topics_of(connection, company_id, [digest for digest in digests.values() if digest])
    founders = {digest: question for question, digest in reversed(digests.items()) if digest and digest not in topics}
    if founders:
        created = connection.execute(
            insert(Topic).returning(Topic.central_id, Topic.id),
            [{"company_id": company_id, "central_id": question} for question in sorted(founders.values())],
        )
        of_question = {row.central_id: row.id for row in created}
        topics |= {digest: of_question[question] for digest, question in founders.items()}
    upsert(
        connection,
        TopicMember,
        [
            {
                "question_id": question,
                "company_id": company_id,
                "topic_id": topics[digest] if digest else None,
                "placed_by": "rule",
                "wording_digest": digest,
            }
            for question, digest in digests.items()
        ],
        key=("question_id",),
    )
    return Placed(rows[-1].id, len(rows), sum(digest is None for digest in digests.values()))


def _topics_of(connection: Connection, company_id: UUID, digests: Iterable[str]) -> dict[str, int]:
    """The topic of the first question with each wording."""
    found = connection.execute(_TOPICS_OF, {"company_id": company_id, "digests": sorted(set(digests))})
    return {row.wording_digest: row.topic_id for row in found}


# The first member of each: a wording may have a million.
_TOPICS_OF = text(
    """
    SELECT wording_digest, topic_id FROM unnest(CAST(:digests AS text[])) AS wanted (digest) CROSS JOIN LATERAL (
        SELECT wording_digest, topic_id FROM livedash.topic_member
        WHERE company_id = :company_id AND wording_digest = wanted.digest AND topic_id IS NOT NULL
        ORDER BY question_id LIMIT 1
    ) AS first
    """
)


def encode_new_topics(connection: Connection, company_id: UUID) -> int:
    """Store the vectors of central questions that have none yet; returns how many were read, at most ``CHUNK``."""
    known = exists().where(QuestionVector.question_id == Topic.central_id, QuestionVector.encoder == encoder.NAME)
    rows = connection.execute(
        select(Question.id, Question.content)
        .join(Topic, Topic.central_id == Question.id)
        .where(Topic.company_id == company_id, ~Topic.compared, ~known, NOT_ERASED)
        .order_by(Question.id)
        .limit(CHUNK)
    ).all()
    columns = ("question_id", "company_id", "encoder", "vector")
    vectors = encoder.encode([row.content for row in rows])
    # Not before the vectors are there: an erasure would wait for seconds.
    present = lock_questions(connection, [row.id for row in rows])
    copy_into(
        connection,
        str(QuestionVector.__table__),
        columns,
        (
            (row.id, company_id, encoder.NAME, vector)
            for row, vector in zip(rows, vectors, strict=True)
            if row.id in present
        ),
    )
    return len(rows)


class Centres:
    """The central questions of a company's topics, with their vectors: 520 bytes each."""

    def __init__(self, ids: Sequence[int], vectors: Vectors) -> None:
        import numpy as np

        from livedash_core.insights.topics.neighbours import centre

        self.ids = np.asarray(ids, dtype=np.int64)
        self.vectors = vectors
        self.mean = centre(vectors) * (len(ids) / (len(ids) + _PRIOR_QUESTIONS))

    @classmethod
    def read(cls, connection: Connection, company_id: UUID) -> Centres:
        """Read them in the order of their ids, without holding them twice."""
        import numpy as np

        of_topic = (
            exists()
            .where(Topic.central_id == QuestionVector.question_id)
            .where(exists().where(TopicMember.topic_id == Topic.id))
        )
        which = (QuestionVector.company_id == company_id, QuestionVector.encoder == encoder.NAME, of_topic)
        number = connection.scalar(select(func.count()).select_from(QuestionVector).where(*which)) or 0
        query = select(QuestionVector.question_id, QuestionVector.vector).where(*which)
        streaming = connection.execution_options(stream_results=True, yield_per=CHUNK)
        ids, vectors = np.zeros(number, dtype=np.int64), np.zeros((number, encoder.DIMENSIONS), dtype=np.int8)
        with streaming.execute(query.order_by(QuestionVector.question_id).limit(number)) as rows:
            for index, (question, vector) in enumerate(rows):
                ids[index], vectors[index] = question, np.frombuffer(vector, dtype=np.int8)
        return cls(ids, vectors)  # type: ignore[arg-type]  # an array is a sequence of numbers


def not_compared(connection: Connection, company_id: UUID) -> list[int]:
    """The central questions of topics whose neighbours were not looked for, in order."""
    has_vector = exists().where(QuestionVector.question_id == Topic.central_id)
    return list(
        connection.scalars(
            select(Topic.central_id)
            .where(Topic.company_id == company_id, ~Topic.compared, has_vector)
            .order_by(Topic.central_id)
        )
    )


class Candidate(NamedTuple):
    """Two similar central questions; ``first_id`` is the smaller id."""

    first_id: int
    second_id: int
    similarity: float


def store_candidates(
    connection: Connection, company_id: UUID, candidates: Collection[Candidate], compared: Sequence[int]
) -> None:
    """Store pairs that are not stored yet, and mark the topics of ``compared`` central questions.

    A pair that differs in a number, a negation or a step of a process is different, by rule.
    """
    pairs = sorted(candidates)
    ids = {question for pair in pairs for question in pair[:2]}
    read = {row.id: wording.read(row.content, row.language) for row in connection.execute(_TEXTS, {"ids": list(ids)})}
    rows = []
    for pair in pairs:
        differs = wording.contradiction(read[pair.first_id], read[pair.second_id]) is not None
        verdict = {"verdict": "different", "decided_by": "rule"} if differs else {"verdict": None, "decided_by": None}
        rows.append({**pair._asdict(), "company_id": company_id, **verdict})
    upsert(connection, QuestionPair, rows, key=("first_id", "second_id"))
    connection.execute(_MARK_COMPARED, {"company_id": company_id, "ids": list(compared)})


# With arrays: a statement with a parameter for each of thousands of ids is compiled for longer than it runs.
_TEXTS = text("SELECT id, content, language FROM livedash.question WHERE id = ANY (CAST(:ids AS bigint[]))")
_MARK_COMPARED = text(
    "UPDATE livedash.topic SET compared = true "
    "WHERE company_id = :company_id AND central_id = ANY (CAST(:ids AS bigint[]))"
)
