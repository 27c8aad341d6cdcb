"""Know a CSV by its content"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("company_csv", sa.Column("sha256", sa.Text(), nullable=True), schema="livedash")


def downgrade() -> None:
    op.drop_column("company_csv", "sha256", schema="livedash")
