"""Send sessions to the model in batches"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="prepared", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("input_file_id", sa.Text(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("remote_status", sa.Text(), nullable=True),
        sa.Column("requests_done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("dag_run", sa.Text(), nullable=True),
        sa.Column("attended_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('prepared', 'uploaded', 'submitted', 'closed')", name=op.f("ck_ai_batch_status_known")
        ),
        sa.CheckConstraint(
            "status <> 'submitted' OR remote_id IS NOT NULL", name=op.f("ck_ai_batch_submitted_has_a_remote_id")
        ),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_ai_batch_closed_has_a_time")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_ai_batch_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_batch")),
        schema="livedash",
    )
    op.create_index(
        "ix_ai_batch_open",
        "ai_batch",
        ["company_id"],
        schema="livedash",
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.add_column("ai_processing_request", sa.Column("batch_id", sa.Uuid(), nullable=True), schema="livedash")
    op.create_foreign_key(
        op.f("fk_ai_processing_request_batch_id"),
        "ai_processing_request",
        "ai_batch",
        ["batch_id"],
        ["id"],
        source_schema="livedash",
        referent_schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_batch",
        "ai_processing_request",
        ["batch_id"],
        schema="livedash",
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.add_column("company", sa.Column("mode", sa.Text(), server_default="realtime", nullable=False), schema="livedash")
    op.create_check_constraint(
        op.f("ck_company_mode_known"), "company", "mode IN ('realtime', 'batch')", schema="livedash"
    )


def downgrade() -> None:
    op.drop_column("company", "mode", schema="livedash")
    op.drop_column("ai_processing_request", "batch_id", schema="livedash")
    op.drop_table("ai_batch", schema="livedash")
