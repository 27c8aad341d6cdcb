"""Price every call"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


VIEW = 'livedash_compat."AIProcessingRequest"'


def _change_cost(type_: sa.types.TypeEngine[Any]) -> None:
    """PostgreSQL changes no column that a view shows."""
    bind = op.get_bind()
    definition = bind.scalar(sa.text("SELECT pg_get_viewdef(CAST(:view AS regclass))"), {"view": VIEW})
    bind.exec_driver_sql(f"DROP VIEW {VIEW}")
    op.alter_column("ai_processing_request", "cost", type_=type_, schema="livedash")
    bind.exec_driver_sql(f"CREATE VIEW {VIEW} AS {definition}")


def upgrade() -> None:
    op.create_table(
        "ai_model_pricing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("from_prompt_tokens", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("input", sa.Numeric(), nullable=False),
        sa.Column("cached_input", sa.Numeric(), nullable=False),
        sa.Column("cache_write", sa.Numeric(), nullable=False),
        sa.Column("output", sa.Numeric(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "least(input, cached_input, cache_write, output) >= 0", name=op.f("ck_ai_model_pricing_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_model_pricing")),
        sa.UniqueConstraint(
            "model", "tier", "valid_from", "by_hand", "from_prompt_tokens", name="uq_ai_model_pricing_price"
        ),
        schema="livedash",
    )
    op.create_table(
        "currency_rate",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("per_usd", sa.Numeric(), nullable=False),
        sa.CheckConstraint("per_usd > 0", name=op.f("ck_currency_rate_positive")),
        sa.PrimaryKeyConstraint("currency", "valid_from", name=op.f("pk_currency_rate")),
        schema="livedash",
    )
    op.create_table(
        "ai_cost_daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("faulted", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("most_cost", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("day", "company_id", "model", "mode", "outcome", name=op.f("pk_ai_cost_daily")),
        schema="livedash",
    )
    op.add_column("ai_processing_request", sa.Column("pricing_id", sa.BigInteger(), nullable=True), schema="livedash")
    op.add_column("ai_processing_request", sa.Column("most_cost", sa.Numeric(), nullable=True), schema="livedash")
    # A cached token at a tenth and half the price costs 3.75e-8 dollars: nine decimals were not exact.
    _change_cost(sa.Numeric())
    op.create_foreign_key(
        op.f("fk_ai_processing_request_pricing_id"),
        "ai_processing_request",
        "ai_model_pricing",
        ["pricing_id"],
        ["id"],
        source_schema="livedash",
        referent_schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_open",
        "ai_processing_request",
        ["company_id", "requested_at"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("outcome = 'sent'"),
    )
    op.create_index(
        "ix_ai_processing_request_unpriced",
        "ai_processing_request",
        ["model_requested"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("outcome = 'answered' AND cost IS NULL"),
    )
    # What was refused costs nothing, and what was answered before has no price yet.
    op.execute("UPDATE livedash.ai_processing_request SET cost = 0 WHERE outcome = 'rejected' AND cost IS NULL")
    op.execute(
        """
        INSERT INTO livedash.ai_cost_daily
        SELECT CAST(requested_at AT TIME ZONE 'UTC' AS date), company_id, model_requested, mode, outcome, count(*),
               count(*) FILTER (WHERE outcome = 'answered' AND (cost IS NULL OR currency <> 'USD')),
               count(*) FILTER (WHERE outcome = 'answered' AND error_message IS NOT NULL),
               coalesce(sum(prompt_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(cache_write_tokens), 0),
               coalesce(sum(completion_tokens), 0), coalesce(sum(reasoning_tokens), 0),
               coalesce(sum(cost) FILTER (WHERE currency = 'USD'), 0), 0
        FROM livedash.ai_processing_request WHERE outcome <> 'sent' GROUP BY 1, 2, 3, 4, 5
        """
    )


def downgrade() -> None:
    op.drop_index("ix_ai_processing_request_unpriced", table_name="ai_processing_request", schema="livedash")
    op.drop_index("ix_ai_processing_request_open", table_name="ai_processing_request", schema="livedash")
    op.drop_constraint(op.f("fk_ai_processing_request_pricing_id"), "ai_processing_request", schema="livedash")
    _change_cost(sa.Numeric(precision=18, scale=9))
    op.drop_column("ai_processing_request", "most_cost", schema="livedash")
    op.drop_column("ai_processing_request", "pricing_id", schema="livedash")
    op.drop_table("ai_cost_daily", schema="livedash")
    op.drop_table("currency_rate", schema="livedash")
    op.drop_table("ai_model_pricing", schema="livedash")
