"""Questions grouped by meaning: topics, their questions, decisions about pairs, and the changes of people."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.enums import PLACERS, TOPIC_VERBS, VERDICTS, Placer, TopicVerb, Verdict
from livedash_core.models.base import Base, one_of


class Topic(Base):
    """Questions of a company that an HR desk answers the same way. One without questions is not shown.

    ``questions``, and ``sessions``, ``unresolved``, ``handed_over`` and ``category`` of all days, are written by a pass
    and each edit (``livedash_core.insights.topics.counting``).
    """

    __tablename__ = "topic"
    __table_args__ = (
        one_of("named_by", PLACERS, "named_by_known"),
        Index("ix_topic_sessions", "company_id", text("sessions DESC")),
        Index("ix_topic_opportunity", "company_id", text("(unresolved + handed_over) DESC")),
        Index("ix_topic_central", "central_id"),
        Index("ix_topic_pinned", "company_id", postgresql_where=text("pinned")),
        Index("ix_topic_not_compared", "company_id", "central_id", postgresql_where=text("NOT compared")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    #: NULL: the central question's text is shown.
    name: Mapped[str | None]
    named_by: Mapped[Placer | None] = mapped_column(Text)
    #: The question that others are compared with.
    central_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"))
    pinned: Mapped[bool] = mapped_column(server_default=text("false"))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    #: Whether similar topics of the company were looked for.
    compared: Mapped[bool] = mapped_column(server_default=text("false"))
    questions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    unresolved: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    handed_over: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: The category of most of its sessions.
    category: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TopicMember(Base):
    """A question that a pass has seen, and its topic; NULL: a follow-up, which means nothing without its chat."""

    __tablename__ = "topic_member"
    __table_args__ = (
        one_of("placed_by", PLACERS, "placed_by_known"),
        # The most asked first: a topic may have a million.
        Index("ix_topic_member_topic", "topic_id", text("sessions DESC"), "question_id"),
        Index("ix_topic_member_wording", "company_id", "wording_digest", "question_id"),
    )

    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    topic_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("livedash.topic.id"))
    placed_by: Mapped[Placer] = mapped_column(Text)
    #: Of the words that count (``wording``); questions with one digest are the same question. NULL: a follow-up.
    wording_digest: Mapped[str | None]
    #: ``Question.sessions``, at the last pass or edit.
    sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class QuestionVector(Base):
    """The embedding of a topic's central question: 512 signed bytes, not of unit length."""

    __tablename__ = "question_vector"

    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"), index=True)
    encoder: Mapped[str]
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class QuestionPair(Base):
    """Two similar questions, and whether they are the same question to an HR desk. A verdict is kept for good.

    Without a verdict, or with a verdict that is ``held``, the pair is a proposal for a person.
    """

    __tablename__ = "question_pair"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="ordered"),
        one_of("verdict", VERDICTS, "verdict_known"),
        one_of("decided_by", PLACERS, "decided_by_known"),
        Index(
            "ix_question_pair_proposed",
            "company_id",
            text("similarity DESC"),
            "first_id",
            "second_id",
            postgresql_where=text("verdict IS NULL OR held IS NOT NULL"),
        ),
        Index("ix_question_pair_second", "second_id"),
    )

    first_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    second_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    #: Cosine after the mean of the company's questions is subtracted.
    similarity: Mapped[float]
    verdict: Mapped[Verdict | None] = mapped_column(Text)
    decided_by: Mapped[Placer | None] = mapped_column(Text)
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    #: Why a pair that a model calls the same waits for a person.
    held: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class TopicEdit(Base):
    """A change that a person made; rows are added, and marked when the change is undone."""

    __tablename__ = "topic_edit"
    __table_args__ = (
        one_of("verb", TOPIC_VERBS, "verb_known"),
        Index("ix_topic_edit_topic", "topic_id", "id"),
        Index("ix_topic_edit_other", "other_id", "id", postgresql_where=text("other_id IS NOT NULL")),
        Index("ix_topic_edit_company", "company_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    verb: Mapped[TopicVerb] = mapped_column(Text)
    topic_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.topic.id"))
    #: The second topic of a merge, split or move.
    other_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("livedash.topic.id"))
    #: Table → key → column → [before, after].
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]


class TopicDayCount(Base):
    """Sessions, started on a day (UTC), with a question of the topic, and how many of them were not resolved."""

    __tablename__ = "topic_day_count"

    topic_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.topic.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
    unresolved: Mapped[int] = mapped_column(BigInteger)
    handed_over: Mapped[int] = mapped_column(BigInteger)
