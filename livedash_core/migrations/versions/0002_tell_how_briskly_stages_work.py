"""Tell how briskly stages work"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_processing_activity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("duration_bucket", sa.SmallInteger(), nullable=True),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_processing_activity")),
        sa.UniqueConstraint(
            "slot",
            "stage",
            "company_id",
            "duration_bucket",
            name="uq_session_processing_activity_slot",
            postgresql_nulls_not_distinct=True,
        ),
        schema="livedash",
    )
    op.add_column(
        "session_processing_delta", sa.Column("slot", sa.DateTime(timezone=True), nullable=True), schema="livedash"
    )
    op.add_column(
        "session_processing_delta", sa.Column("duration_bucket", sa.SmallInteger(), nullable=True), schema="livedash"
    )


def downgrade() -> None:
    op.drop_column("session_processing_delta", "duration_bucket", schema="livedash")
    op.drop_column("session_processing_delta", "slot", schema="livedash")
    op.drop_table("session_processing_activity", schema="livedash")
