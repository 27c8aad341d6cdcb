"""Count failures by reason"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATUS = "session_processing_status"

# As livedash_core/status/grouping.py folded messages when this was written.
_GROUP_WHAT_FAILED = r"""
    UPDATE livedash.session_processing_status
    SET error_group = left(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        coalesce(error_message, 'no message'),
        '\y[a-z][a-z0-9+.-]*://[^\s''"<>]+', '<url>', 'gi'),
        '\y(?=[\w-]*\d)(?=[\w-]*[a-z_])[\w-]*\w', '<id>', 'gi'),
        '\d+([.,:]\d+)*', '<number>', 'g'),
        '\s+', ' ', 'g'), 200)
    WHERE status = 'FAILED'
"""
_COUNT_THEM = """
    INSERT INTO livedash.session_failure_count
    SELECT company_id, stage, error_kind, error_group, count(*), min(completed_at), max(completed_at)
    FROM livedash.session_processing_status WHERE status = 'FAILED' GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    for table, own, seen in (
        ("session_failure_count", [], ["first_seen_at", "last_seen_at"]),
        (
            "session_failure_delta",
            [sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)],
            ["seen_at"],
        ),
    ):
        key = ["id"] if own else ["company_id", "stage", "error_kind", "error_group"]
        op.create_table(
            table,
            *own,
            sa.Column("company_id", sa.Uuid(), nullable=False),
            sa.Column("stage", sa.Text(), nullable=False),
            sa.Column("error_kind", sa.Text(), nullable=False),
            sa.Column("error_group", sa.Text(), nullable=False),
            sa.Column("sessions", sa.BigInteger(), nullable=False),
            *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in seen),
            sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
            schema="livedash",
        )
    op.add_column(_STATUS, sa.Column("error_group", sa.Text(), nullable=True), schema="livedash")
    op.execute(_GROUP_WHAT_FAILED)
    op.execute(_COUNT_THEM)
    op.create_check_constraint(
        op.f(f"ck_{_STATUS}_failure_has_a_group"),
        _STATUS,
        "status <> 'FAILED' OR error_group IS NOT NULL",
        schema="livedash",
    )
    op.create_index(
        "ix_processing_status_group",
        _STATUS,
        ["stage", "company_id", "error_kind", "error_group", "completed_at"],
        schema="livedash",
        postgresql_where=sa.text("status = 'FAILED'"),
    )
    op.create_index(
        "ix_processing_status_skipped",
        _STATUS,
        ["stage", "company_id", "completed_at"],
        schema="livedash",
        postgresql_where=sa.text("status = 'SKIPPED'"),
    )


def downgrade() -> None:
    op.drop_index("ix_processing_status_skipped", table_name=_STATUS, schema="livedash")
    op.drop_index("ix_processing_status_group", table_name=_STATUS, schema="livedash")
    op.drop_column(_STATUS, "error_group", schema="livedash")
    op.drop_table("session_failure_delta", schema="livedash")
    op.drop_table("session_failure_count", schema="livedash")
