"""From the raw CSV row to the conversation. ``session_import.id`` identifies a session in every stage."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.enums import (
    CATEGORIES,
    MISSING,
    ROLES,
    SENTIMENTS,
    SESSION_OUTCOMES,
    Category,
    Missing,
    Role,
    Sentiment,
    SessionOutcome,
)
from livedash_core.models.base import Base, one_of


class SessionImport(Base):
    """A raw CSV row with its 16 columns unchanged; ``started_at`` and ``ended_at`` are its parsed times.

    Erasing a session keeps the ids, ``started_at`` and the times of import, so that the next import recognises its row
    and ignores it.
    """

    __tablename__ = "session_import"
    __table_args__ = (
        UniqueConstraint("company_id", "external_session_id"),
        # The time window of a Scope; with the id it gives the order of the session list.
        Index("ix_session_import_started", "company_id", "started_at", "id"),
        # By the first characters too.
        Index(
            "ix_session_import_external",
            "external_session_id",
            postgresql_ops={"external_session_id": "text_pattern_ops"},
        ),
        # The retention: from when a session's age counts.
        Index(
            "ix_session_import_expiry",
            "company_id",
            text("LEAST(started_at, imported_at)"),
            postgresql_where=text("erased_at IS NULL"),
        ),
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
    #: The id of its import in livedash-node, if it was migrated under the id of its session.
    legacy_id: Mapped[str | None]
    #: Peculiarities of a row that was imported: NULs, earlier lines of the same session, doubtful times.
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    erased_at: Mapped[datetime | None]


class ImportRejection(Base):
    """A line of a company's present CSV that could not be imported.

    The same line in the next import is the same rejection; one that is gone from the CSV or can be read is deleted.
    """

    __tablename__ = "import_rejection"
    __table_args__ = (UniqueConstraint("company_id", "digest"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    #: Of the first of its ``occurrences``.
    line_number: Mapped[int]
    occurrences: Mapped[int] = mapped_column(server_default=text("1"))
    #: What stands where the id should, by which an erased session's broken lines are found.
    external_session_id: Mapped[str | None]
    #: Empty once it is erased; the digest still identifies the line.
    raw_text: Mapped[str]
    #: MD5 of ``raw_text``, which may be too long for an index entry.
    digest: Mapped[str]
    reason: Mapped[str]
    rejected_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionTranscript(Base):
    """The transcript as fetched, decoded."""

    __tablename__ = "session_transcript"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session_import.id"), primary_key=True)
    content: Mapped[str]
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Session(Base):
    """A conversation and its current analysis. Times are in UTC."""

    __tablename__ = "session"
    __table_args__ = (
        one_of("sentiment", SENTIMENTS, "sentiment_known"),
        one_of("category", CATEGORIES, "category_known"),
        one_of("outcome", SESSION_OUTCOMES, "outcome_known"),
        one_of("missing", MISSING, "missing_known"),
        CheckConstraint("missing IS NULL OR outcome = 'UNRESOLVED'", name="only_unresolved_misses"),
        Index("ix_session_started", "company_id", "started_at"),
        # A company's sessions with one value, in the order of the session list; sessions without one have no entry.
        *(
            Index(
                f"ix_session_{column}",
                "company_id",
                column,
                "started_at",
                "id",
                postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("category", "sentiment", "language", "outcome")
        ),
        *(
            Index(f"ix_session_{column}", "company_id", "started_at", "id", postgresql_where=text(column))
            for column in ("escalated", "forwarded_hr")
        ),
        Index(
            "ix_session_without_outcome",
            "company_id",
            "started_at",
            "id",
            postgresql_where=text("analyzed_at IS NOT NULL AND outcome IS NULL"),
        ),
        # The views of livedash_compat show this text as the id, and the old dashboard looks rows up by it.
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
    #: NULL: the session was not analysed for it.
    outcome: Mapped[SessionOutcome | None] = mapped_column(Text)
    #: One sentence in English.
    outcome_reason: Mapped[str | None]
    #: What an UNRESOLVED session lacked.
    missing: Mapped[Missing | None] = mapped_column(Text)
    #: The current row of ``session_analysis``, which the columns from ``sentiment`` to ``analyzed_at`` repeat.
    analysis_id: Mapped[int | None] = mapped_column(BigInteger)
    analyzer: Mapped[str | None]
    #: The model that the server says replied; ``session_analysis`` has the one that was requested.
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    analyzed_at: Mapped[datetime | None]
    #: Its id in livedash-node, if that is not a UUID and therefore not ``id``.
    legacy_id: Mapped[str | None]


class Message(Base):
    """A message of a session. ``position`` counts from 1."""

    __tablename__ = "message"
    __table_args__ = (one_of("role", ROLES, "role_known"),)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role] = mapped_column(Text)
    content: Mapped[str]
    sent_at: Mapped[datetime]
