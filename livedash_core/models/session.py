"""From the raw CSV row to the conversation. One id through all five stages: ``session_import.id``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.enums import CATEGORIES, ROLES, SENTIMENTS, Category, Role, Sentiment
from livedash_core.models.base import Base, one_of


class SessionImport(Base):
    """One raw CSV row, its 16 columns as they came; ``started_at`` and ``ended_at`` are what they mean.

    Of an erased session the ids, ``started_at`` and the times of import are left: enough to know its row in the next
    CSV, and to leave it alone.
    """

    __tablename__ = "session_import"
    __table_args__ = (
        UniqueConstraint("company_id", "external_session_id"),
        # The window of a Scope: which sessions started between two instants. With the id, in the order of a list.
        Index("ix_session_import_started", "company_id", "started_at", "id"),
        Index("ix_session_import_external", "external_session_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    external_session_id: Mapped[str]
    start_time: Mapped[str | None]
    end_time: Mapped[str | None]
    ip_address: Mapped[str | None]
    country_code: Mapped[str | None]
    language: Mapped[str | None]
    messages_sent: Mapped[str | None]
    sentiment: Mapped[str | None]
    escalated: Mapped[str | None]
    forwarded_hr: Mapped[str | None]
    full_transcript_url: Mapped[str | None]
    avg_response_time_seconds: Mapped[str | None]
    tokens: Mapped[str | None]
    tokens_eur: Mapped[str | None]
    category: Mapped[str | None]
    initial_message: Mapped[str | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    imported_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: The id of its import in livedash-node, where it moved in from there under the id of its session.
    legacy_id: Mapped[str | None]
    #: What was odd about the row and taken all the same: NULs, earlier lines of the same session, times to doubt.
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    erased_at: Mapped[datetime | None]


class ImportRejection(Base):
    """A CSV line that could not be taken. The same line in the next import is the same rejection."""

    __tablename__ = "import_rejection"
    __table_args__ = (UniqueConstraint("company_id", "digest"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    line_number: Mapped[int]
    #: Empty once it is erased; the digest then still tells that the line is known.
    raw_text: Mapped[str]
    #: MD5 of ``raw_text``: a raw line may be longer than an index entry can be.
    digest: Mapped[str]
    reason: Mapped[str]
    rejected_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionTranscript(Base):
    """The transcript as it was fetched."""

    __tablename__ = "session_transcript"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session_import.id"), primary_key=True)
    content: Mapped[str]
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Session(Base):
    """A conversation and its analysis, with who made it. Times in UTC."""

    __tablename__ = "session"
    __table_args__ = (
        one_of("sentiment", SENTIMENTS, "sentiment_known"),
        one_of("category", CATEGORIES, "category_known"),
        Index("ix_session_started", "company_id", "started_at"),
        # A company's sessions of one kind, in the order of a list. None has a row for what is not analysed yet.
        *(
            Index(
                f"ix_session_{column}",
                "company_id",
                column,
                "started_at",
                "id",
                postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("category", "sentiment", "language")
        ),
        *(
            Index(f"ix_session_{column}", "company_id", "started_at", "id", postgresql_where=text(column))
            for column in ("escalated", "forwarded_hr")
        ),
        # How the old dashboard finds it, by the text that livedash_compat shows as its id.
        Index("ix_session_shown_id", text("COALESCE(legacy_id, id::text)")),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session_import.id"), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    country: Mapped[str | None]
    language: Mapped[str | None]
    messages_sent: Mapped[int | None]
    avg_response_time_seconds: Mapped[Decimal | None]
    tokens: Mapped[int | None]
    tokens_eur: Mapped[Decimal | None]
    initial_message: Mapped[str | None]
    sentiment: Mapped[Sentiment | None] = mapped_column(Text)
    escalated: Mapped[bool | None]
    forwarded_hr: Mapped[bool | None]
    category: Mapped[Category | None] = mapped_column(Text)
    summary: Mapped[str | None]
    #: The current row of ``session_analysis``; the columns above and below are its content.
    analysis_id: Mapped[int | None] = mapped_column(BigInteger)
    analyzer: Mapped[str | None]
    #: The model that answered; whom we asked is in ``session_analysis``.
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    analyzed_at: Mapped[datetime | None]
    #: Its id in livedash-node, where that is no UUID and therefore not ours.
    legacy_id: Mapped[str | None]


class Message(Base):
    """One turn, in order."""

    __tablename__ = "message"
    __table_args__ = (one_of("role", ROLES, "role_known"),)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role] = mapped_column(Text)
    content: Mapped[str]
    sent_at: Mapped[datetime]
