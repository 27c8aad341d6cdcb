"""The distinct questions of a company, and which session asked them in which order."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class Question(Base):
    """A question once per company. Two spellings with the same ``normal_form`` are one question."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("company_id", "normal_form"),
        # Those asked most, without looking at the others.
        Index("ix_question_asked", "company_id", text("sessions DESC")),
        # How the old dashboard finds it, by the text that livedash_compat shows as its id.
        Index("ix_question_shown_id", text("COALESCE(legacy_id, id::text)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    #: As first asked.
    content: Mapped[str]
    normal_form: Mapped[str]
    #: Of ``content``: English from a model, the user's own from the offline rules.
    language: Mapped[str]
    #: How many sessions asked it; kept by ``livedash_core.insights``.
    sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: Its id in livedash-node, where it moved in from there; that system shared a question among companies.
    legacy_id: Mapped[str | None]


class SessionQuestion(Base):
    """``position`` counts from 1 within a session; ``raw_text`` is how this session put it."""

    __tablename__ = "session_question"
    __table_args__ = (
        UniqueConstraint("session_id", "question_id"),
        # Who asked it, the newest first.
        Index("ix_session_question_question", "question_id", "session_id"),
    )

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"))
    raw_text: Mapped[str]
