"""What the analyzers answered and what it cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.models.base import Base, one_of

#: sent: the call is under way, or a crash hid its end. answered: paid, valid or not (``error_message`` says).
#: rejected: the server refused it, nothing to pay. unknown: it broke after the request was out, perhaps billed.
OUTCOMES = ("sent", "answered", "rejected", "unknown")


class AiModel(Base):
    """The models that may be asked, as data: models are shut down more often than we release."""

    __tablename__ = "ai_model"
    __table_args__ = (
        # At most one default, refused by the table.
        Index("uq_ai_model_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionAnalysis(Base):
    """One judgement per transcript, maker, model and prompt version; a newer one supersedes, never overwrites."""

    __tablename__ = "session_analysis"
    __table_args__ = (
        UniqueConstraint(
            "session_id",
            "input_hash",
            "analyzer",
            "model",
            "prompt_version",
            name="uq_session_analysis_input",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"))
    #: SHA-256 of the conversation that was judged.
    input_hash: Mapped[str]
    analyzer: Mapped[str]
    model: Mapped[str | None]
    prompt_version: Mapped[str]
    #: The contract's fields, questions included, as the analyzer gave them.
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AiProcessingRequest(Base):
    """The cost ledger: a row per attempted call, committed before it and closed after it.

    It refers to no session row, so that erasing a session keeps what it cost. ``cost`` is NULL while the model
    has no known price: unpriced is a state to see, not a zero.
    """

    __tablename__ = "ai_processing_request"
    __table_args__ = (
        one_of("outcome", OUTCOMES, "outcome_known"),
        one_of("mode", ("realtime", "batch"), "mode_known"),
        Index("ix_ai_processing_request_session", "session_id", "requested_at"),
        Index("ix_ai_processing_request_company", "company_id", "requested_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    session_id: Mapped[UUID]
    company_id: Mapped[UUID]
    mode: Mapped[str] = mapped_column(server_default="realtime")
    prompt_version: Mapped[str]
    model_requested: Mapped[str]
    model_answered: Mapped[str | None]
    provider_request_id: Mapped[str | None]
    service_tier: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(server_default="sent")
    error_message: Mapped[str | None]
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    currency: Mapped[str] = mapped_column(server_default="USD")
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answered_at: Mapped[datetime | None]
