"""Mask personal data"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "company",
        sa.Column("mask_personal_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="livedash",
    )


def downgrade() -> None:
    op.drop_column("company", "mask_personal_data", schema="livedash")
