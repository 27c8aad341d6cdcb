"""Analyses, models with their prices, and the cost ledger."""

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
    """A model that may be called. Data, not code: providers shut models down more often than LiveDash is released."""

    __tablename__ = "ai_model"
    __table_args__ = (
        # At most one default.
        Index("uq_ai_model_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AiModelPricing(Base):
    """A model's price, in USD per million tokens; ``costs.pricing`` chooses the row that applies to a call.

    Rows are added, never changed, so that the cost of a call can be calculated again. The rows of one model, tier and
    ``valid_from`` form one price with steps by prompt size.
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
    #: Set by an operator; has precedence over the catalogue.
    by_hand: Mapped[bool] = mapped_column(server_default=text("false"))
    from_prompt_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    input: Mapped[Decimal] = mapped_column(Numeric)
    cached_input: Mapped[Decimal] = mapped_column(Numeric)
    cache_write: Mapped[Decimal] = mapped_column(Numeric)
    output: Mapped[Decimal] = mapped_column(Numeric)
    source: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CurrencyRate(Base):
    """The value of a US dollar in another currency, from a day on."""

    __tablename__ = "currency_rate"
    __table_args__ = (CheckConstraint("per_usd > 0", name="positive"),)

    currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    per_usd: Mapped[Decimal] = mapped_column(Numeric)


class SessionAnalysis(Base):
    """One analysis per transcript, analyzer, model and prompt version; a newer one never overwrites an older one."""

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
    #: SHA-256 of the analysed conversation.
    input_hash: Mapped[str]
    analyzer: Mapped[str]
    model: Mapped[str | None]
    prompt_version: Mapped[str]
    #: The fields of the analysis contract, including questions, as the analyzer returned them.
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AiProcessingRequest(Base):
    """The cost ledger: a row per model call, committed before the call and closed after it.

    It has no foreign key to a session, so that erasing a session keeps its costs. ``cost`` is exact, in ``currency``.
    NULL is not zero: the call is open, may or may not be billed (unknown), or is billed at an unknown amount (answered:
    the model has no price, or the server reported no tokens).
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
    #: NULL: the call is about a company's topics.
    session_id: Mapped[UUID | None]
    company_id: Mapped[UUID]
    mode: Mapped[Mode] = mapped_column(Text, server_default="realtime")
    #: The batch that contains the call; the row's id is its ``custom_id`` there.
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("livedash.ai_batch.id"))
    prompt_version: Mapped[str]
    model_requested: Mapped[str]
    model_answered: Mapped[str | None]
    #: Whether the server bills OpenAI's list prices; otherwise only prices that were set by hand apply.
    openai_prices: Mapped[bool] = mapped_column(server_default=text("true"))
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
    #: Upper bound of the call's cost; NULL if the model has no price.
    max_cost: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str] = mapped_column(server_default="USD")
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answered_at: Mapped[datetime | None]
    #: Of a request migrated from livedash-node: its ``id`` there, and values that only that system recorded.
    legacy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class AiBatch(Base):
    """A batch of model calls at a provider, which may take a day; its calls are the ledger's rows with its id.

    It holds the claim on its sessions until it is closed: ``lease_token`` is that claim's. After a crash at any step
    the next poll resumes from ``status``.
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
    #: The analyzer that made its requests, by name; the same one reads their results.
    analyzer: Mapped[str]
    model: Mapped[str]
    status: Mapped[BatchStatus] = mapped_column(Text, server_default="prepared")
    lease_token: Mapped[UUID]
    requests: Mapped[int]
    #: The provider's ids of the input file and the batch, and its own word for the batch's status.
    input_file_id: Mapped[str | None]
    remote_id: Mapped[str | None]
    remote_status: Mapped[str | None]
    #: Requests that the provider has finished so far.
    requests_done: Mapped[int] = mapped_column(server_default=text("0"))
    error_message: Mapped[str | None]
    #: ``dag_id/run_id`` of the Airflow run that polls it; NULL outside Airflow.
    dag_run: Mapped[str | None]
    #: Until then the process that polls it owns it; afterwards any process may take it over.
    monitored_until: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class AiCostDaily(Base):
    """Totals of the ledger, written in the transaction that closes a call, so that reports need not read the ledger.

    A row per UTC day of the request, company, requested model, mode and outcome. The outcome ``reused`` is not a call:
    a stored analysis was used again.
    """

    __tablename__ = "ai_cost_daily"
    __table_args__ = (Index("ix_ai_cost_daily_company", "company_id", "day"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    #: Answered and billed, at an unknown amount or in another currency (migrated from livedash-node).
    unpriced: Mapped[int] = mapped_column(BigInteger)
    #: Answered and billed, but the reply was not usable.
    unusable: Mapped[int] = mapped_column(BigInteger)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    #: USD. ``cost`` excludes unknown and unpriced calls; ``max_cost`` is an upper bound of their cost.
    cost: Mapped[Decimal] = mapped_column(Numeric)
    max_cost: Mapped[Decimal] = mapped_column(Numeric)


class RateLimitState(Base):
    """The rate limit of a model over one connection, shared by all processes (``costs.rate_limiter``).

    There is a row only where the server reports a limit or the operator sets one.
    """

    __tablename__ = "rate_limit_state"

    #: Digest of server and API key.
    connection: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    #: From the server's latest headers.
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    #: The time at which the calls so far are within the limit again.
    requests_until: Mapped[datetime] = mapped_column(server_default=func.now())
    tokens_until: Mapped[datetime] = mapped_column(server_default=func.now())
    #: No call before then: the server refused ``refusals`` calls in a row.
    blocked_until: Mapped[datetime] = mapped_column(server_default=func.now())
    refusals: Mapped[int] = mapped_column(server_default=text("0"))


class ModelServer(Base):
    """What a model server was found not to accept, or to limit, for a model; a row only if there is something.

    It is forgotten after a day (``costs.model_servers``), because servers and models are updated.
    """

    __tablename__ = "model_server"

    #: The base URL without login and query.
    server: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    #: The form of the requests that it accepts (``analysis.openai.request_form``).
    response_format: Mapped[str]
    reply_limit: Mapped[str]
    instructions_role: Mapped[str]
    #: The largest prompt and reply together, and the largest reply, in tokens; NULL if not known.
    context_tokens: Mapped[int | None] = mapped_column(BigInteger)
    completion_tokens: Mapped[int | None] = mapped_column(BigInteger)
    #: How many tokens it read of a prompt that had so many, by estimate; NULL if it reads prompts as a whole.
    read_tokens: Mapped[int | None] = mapped_column(BigInteger)
    sent_tokens: Mapped[int | None] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
