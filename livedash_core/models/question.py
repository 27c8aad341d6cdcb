"""The distinct questions of a company, and their order within each session."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class Question(Base):
    """A distinct question of a company: spellings with the same ``normal_form`` are one question."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("company_id", "normal_form"),
        # The most frequent questions.
        Index("ix_question_asked", "company_id", text("sessions DESC")),
        # The views of livedash_compat show this text as the id, and the old dashboard looks rows up by it.
        Index("ix_question_shown_id", text("COALESCE(legacy_id, id::text)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    #: The spelling that was stored first.
    content: Mapped[str]
    normal_form: Mapped[str]
    #: Of ``content``: English from a model, the user's own from the offline rules.
    language: Mapped[str]
    #: Number of sessions with this question; ``livedash_core.insights`` writes it.
    sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: Its id in livedash-node, which shared a question among companies; NULL unless it was migrated.
    legacy_id: Mapped[str | None]


class SessionQuestion(Base):
    """A question of a session. ``position`` counts from 1; ``raw_text`` is the session's own wording."""

    __tablename__ = "session_question"
    __table_args__ = (
        UniqueConstraint("session_id", "question_id"),
        # The sessions with a question, the newest first.
        Index("ix_session_question_question", "question_id", "session_id"),
    )

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"))
    raw_text: Mapped[str]
