"""Take in safely, and erase"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("company", sa.Column("retention_days", sa.Integer(), nullable=True), schema="livedash")
    op.create_check_constraint(op.f("ck_company_retention_is_days"), "company", "retention_days > 0", schema="livedash")
    op.create_table(
        "company_csv",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("rejected_lines", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_company_csv_company_id")),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_company_csv")),
        schema="livedash",
    )
    op.add_column(
        "session_import",
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        schema="livedash",
    )
    op.add_column(
        "session_import", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True), schema="livedash"
    )
    op.add_column("import_rejection", sa.Column("digest", sa.Text(), nullable=True), schema="livedash")
    op.execute("UPDATE livedash.import_rejection SET digest = md5(raw_text)")
    op.alter_column("import_rejection", "digest", nullable=False, schema="livedash")
    op.drop_index("uq_import_rejection_line", table_name="import_rejection", schema="livedash")
    op.create_unique_constraint(
        op.f("uq_import_rejection_company_id_digest"), "import_rejection", ["company_id", "digest"], schema="livedash"
    )


def downgrade() -> None:
    # What is erased has nothing but its digest to tell it from another: it goes.
    op.execute("DELETE FROM livedash.import_rejection WHERE digest <> md5(raw_text)")
    op.drop_column("import_rejection", "digest", schema="livedash")
    op.create_index(
        "uq_import_rejection_line",
        "import_rejection",
        ["company_id", sa.literal_column("md5(raw_text)")],
        unique=True,
        schema="livedash",
    )
    op.drop_column("session_import", "erased_at", schema="livedash")
    op.drop_column("session_import", "notes", schema="livedash")
    op.drop_table("company_csv", schema="livedash")
    op.drop_column("company", "retention_days", schema="livedash")
