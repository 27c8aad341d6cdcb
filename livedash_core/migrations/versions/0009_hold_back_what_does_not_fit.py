"""Hold back what does not fit: budgets and rate limits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_pace",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("requests_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tokens_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("refusals", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("connection", "model", name=op.f("pk_ai_pace")),
        schema="livedash",
    )
    op.create_index("ix_ai_cost_daily_company", "ai_cost_daily", ["company_id", "day"], schema="livedash")
    op.add_column("company", sa.Column("monthly_budget_usd", sa.Numeric(), nullable=True), schema="livedash")
    op.create_check_constraint(
        op.f("ck_company_budget_not_negative"), "company", "monthly_budget_usd >= 0", schema="livedash"
    )
    op.add_column(
        "systemic_incident",
        sa.Column("kind", sa.Text(), server_default="systemic", nullable=False),
        schema="livedash",
    )
    op.create_check_constraint(
        op.f("ck_systemic_incident_kind_known"),
        "systemic_incident",
        "kind IN ('systemic', 'budget', 'rate limit', 'status')",
        schema="livedash",
    )


def downgrade() -> None:
    op.drop_column("systemic_incident", "kind", schema="livedash")
    op.drop_column("company", "monthly_budget_usd", schema="livedash")
    op.drop_index("ix_ai_cost_daily_company", table_name="ai_cost_daily", schema="livedash")
    op.drop_table("ai_pace", schema="livedash")
