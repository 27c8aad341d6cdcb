"""What the analyzers answered and what it cost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.enums import BATCH_STATUSES, CALL_OUTCOMES, MODES, BatchStatus, CallOutcome, Mode
from livedash_core.models.base import Base, one_of

#: How the ``error_message`` of a batch begins that was collected well, but whose tokens add up to another sum.
MISCOUNTED = "the server counts other tokens"


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


class AiModelPricing(Base):
    """What models cost, in USD per million tokens; ``analysis.pricing`` says which row is a call's price.

    Rows are added, never changed: what a call has cost can be worked out again. The rows of one model, tier and
    ``valid_from`` are a set, by the size of the prompt.
    """

    __tablename__ = "ai_model_pricing"
    __table_args__ = (
        UniqueConstraint(
            "model", "tier", "valid_from", "by_hand", "from_prompt_tokens", name="uq_ai_model_pricing_price"
        ),
        CheckConstraint("least(input, cached_input, cache_write, output) >= 0", name="not_negative"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    model: Mapped[str]
    #: standard, batch, or a service tier (flex, priority).
    tier: Mapped[str]
    valid_from: Mapped[datetime]
    #: Set by an operator, who knows better than the catalogue.
    by_hand: Mapped[bool] = mapped_column(server_default=text("false"))
    from_prompt_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    input: Mapped[Decimal] = mapped_column(Numeric)
    cached_input: Mapped[Decimal] = mapped_column(Numeric)
    cache_write: Mapped[Decimal] = mapped_column(Numeric)
    output: Mapped[Decimal] = mapped_column(Numeric)
    source: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CurrencyRate(Base):
    """What a US dollar is worth in another currency, from a day on."""

    __tablename__ = "currency_rate"
    __table_args__ = (CheckConstraint("per_usd > 0", name="positive"),)

    currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    per_usd: Mapped[Decimal] = mapped_column(Numeric)


class SessionAnalysis(Base):
    """One analysis per transcript, maker, model and prompt version; a newer one supersedes, never overwrites."""

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
    #: SHA-256 of the conversation that was analysed.
    input_hash: Mapped[str]
    analyzer: Mapped[str]
    model: Mapped[str | None]
    prompt_version: Mapped[str]
    #: The contract's fields, questions included, as the analyzer gave them.
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AiProcessingRequest(Base):
    """The cost ledger: a row per attempted call, committed before it and closed after it.

    It refers to no session row, so that erasing a session keeps what it cost. ``cost`` is in ``currency``, exact; NULL
    while the call is open, when nobody knows whether it was billed (unknown), and when it was but not for how much
    (answered: the model has no price, or the server counted no tokens). None of these is a zero.
    """

    __tablename__ = "ai_processing_request"
    __table_args__ = (
        one_of("outcome", CALL_OUTCOMES, "outcome_known"),
        one_of("mode", MODES, "mode_known"),
        Index("ix_ai_processing_request_batch", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        Index("ix_ai_processing_request_session", "session_id", "requested_at"),
        Index("ix_ai_processing_request_company", "company_id", "requested_at"),
        Index("ix_ai_processing_request_open", "company_id", "requested_at", postgresql_where=text("outcome = 'sent'")),
        Index(
            "ix_ai_processing_request_unpriced",
            "model_requested",
            postgresql_where=text("outcome = 'answered' AND cost IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    session_id: Mapped[UUID]
    company_id: Mapped[UUID]
    mode: Mapped[Mode] = mapped_column(Text, server_default="realtime")
    #: The batch it was sent in; the row's id is its ``custom_id`` there.
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("livedash.ai_batch.id"))
    prompt_version: Mapped[str]
    model_requested: Mapped[str]
    model_answered: Mapped[str | None]
    provider_request_id: Mapped[str | None]
    service_tier: Mapped[str | None]
    outcome: Mapped[CallOutcome] = mapped_column(Text, server_default="sent")
    error_message: Mapped[str | None]
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    pricing_id: Mapped[int | None] = mapped_column(ForeignKey("livedash.ai_model_pricing.id"))
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    #: The most that the call can cost; NULL without a price.
    max_cost: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str] = mapped_column(server_default="USD")
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answered_at: Mapped[datetime | None]
    #: Of a request that moved in from livedash-node: its ``id`` there, and what only that system recorded.
    legacy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class AiBatch(Base):
    """A batch of calls at a model server, which may take a day; its calls are the ledger's rows with its id.

    It holds its sessions all that time: ``lease_token`` is theirs. Whatever step a crash interrupts, the next one who
    looks after it goes on from ``status``.
    """

    __tablename__ = "ai_batch"
    __table_args__ = (
        one_of("status", BATCH_STATUSES, "status_known"),
        CheckConstraint("status <> 'submitted' OR remote_id IS NOT NULL", name="submitted_has_a_remote_id"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_has_a_time"),
        Index("ix_ai_batch_open", "company_id", postgresql_where=text("status <> 'closed'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"))
    model: Mapped[str]
    status: Mapped[BatchStatus] = mapped_column(Text, server_default="prepared")
    lease_token: Mapped[UUID]
    requests: Mapped[int]
    #: What the server calls its file and the batch, and the batch's state in its words.
    input_file_id: Mapped[str | None]
    remote_id: Mapped[str | None]
    remote_status: Mapped[str | None]
    #: Requests that the server has done so far.
    requests_done: Mapped[int] = mapped_column(server_default=text("0"))
    error_message: Mapped[str | None]
    #: ``dag_id/run_id`` of the Airflow run that looks after it; NULL outside Airflow.
    dag_run: Mapped[str | None]
    #: Until then somebody looks after it; after that, whoever comes along.
    monitored_until: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class AiCostDaily(Base):
    """The ledger added up, in the transaction that closes a call, so that nobody has to read a million rows.

    A row per UTC day of the request, company, model asked, mode and outcome. ``reused`` is no call: a stored
    analysis served again.
    """

    __tablename__ = "ai_cost_daily"
    __table_args__ = (Index("ix_ai_cost_daily_company", "company_id", "day"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    #: Answered, hence billed, but nobody knows how much; or only in another currency, from livedash-node.
    unpriced: Mapped[int] = mapped_column(BigInteger)
    #: Answered, with nothing that could be used.
    unusable: Mapped[int] = mapped_column(BigInteger)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    #: USD. Of unknown and unpriced calls nothing is in ``cost``; ``max_cost`` is the most that they may come to.
    cost: Mapped[Decimal] = mapped_column(Numeric)
    max_cost: Mapped[Decimal] = mapped_column(Numeric)


class RateLimitState(Base):
    """How briskly a model may be asked over one connection, by all processes together (``analysis.pacing``).

    There is a row only where there is a limit, told by the server or set by the operator.
    """

    __tablename__ = "rate_limit_state"

    #: A digest of server and key, which tells neither.
    connection: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    #: As the server's headers told them last.
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    #: Until when the requests and tokens of the calls so far last, at that pace.
    requests_until: Mapped[datetime] = mapped_column(server_default=func.now())
    tokens_until: Mapped[datetime] = mapped_column(server_default=func.now())
    #: The server wants to be left alone until then, for the so-manyth time in a row.
    blocked_until: Mapped[datetime] = mapped_column(server_default=func.now())
    refusals: Mapped[int] = mapped_column(server_default=text("0"))
