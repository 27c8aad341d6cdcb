"""Count sessions and questions per day, and find sessions of one kind"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_day_count",
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_session_day_count_company_id")),
        sa.PrimaryKeyConstraint("facet", "company_id", "day", "value", name=op.f("pk_session_day_count")),
        schema="livedash",
    )
    op.create_table(
        "question_day_count",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["livedash.question.id"], name=op.f("fk_question_day_count_question_id")
        ),
        sa.PrimaryKeyConstraint("question_id", "day", name=op.f("pk_question_day_count")),
        schema="livedash",
    )
    op.add_column(
        "question",
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        schema="livedash",
    )
    op.execute(
        """
        INSERT INTO livedash.session_day_count (facet, company_id, day, value, sessions)
        SELECT facet, company_id, (started_at AT TIME ZONE 'UTC')::date AS day, value, count(*)
        FROM livedash.session
        CROSS JOIN LATERAL (VALUES
            ('session', ''), ('language', language), ('sentiment', sentiment), ('category', category),
            ('escalated', CASE WHEN escalated THEN 'true' END),
            ('forwarded_hr', CASE WHEN forwarded_hr THEN 'true' END),
            ('maker', analyzer || '/' || coalesce(model, ''))
        ) AS facets (facet, value)
        WHERE value IS NOT NULL GROUP BY facet, company_id, day, value
        """
    )
    op.execute(
        """
        INSERT INTO livedash.question_day_count (question_id, day, sessions)
        SELECT question_id, (started_at AT TIME ZONE 'UTC')::date AS day, count(*)
        FROM livedash.session JOIN livedash.session_question ON session_id = session.id GROUP BY question_id, day
        """
    )
    op.execute(
        """
        UPDATE livedash.question SET sessions = counted.sessions
        FROM (SELECT question_id, sum(sessions) AS sessions FROM livedash.question_day_count GROUP BY 1) AS counted
        WHERE counted.question_id = question.id
        """
    )
    op.create_index(
        "ix_question_asked", "question", ["company_id", sa.literal_column("sessions DESC")], schema="livedash"
    )
    op.drop_index("ix_session_question_question_id", table_name="session_question", schema="livedash")
    op.create_index(
        "ix_session_question_question", "session_question", ["question_id", "session_id"], schema="livedash"
    )
    op.drop_index("ix_session_import_started", table_name="session_import", schema="livedash")
    op.create_index(
        "ix_session_import_started", "session_import", ["company_id", "started_at", "id"], schema="livedash"
    )
    for column in ("category", "sentiment", "language"):
        op.create_index(
            f"ix_session_{column}",
            "session",
            ["company_id", column, "started_at", "id"],
            schema="livedash",
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ("escalated", "forwarded_hr"):
        op.create_index(
            f"ix_session_{column}",
            "session",
            ["company_id", "started_at", "id"],
            schema="livedash",
            postgresql_where=sa.text(column),
        )


def downgrade() -> None:
    for column in ("forwarded_hr", "escalated", "language", "sentiment", "category"):
        op.drop_index(f"ix_session_{column}", table_name="session", schema="livedash")
    op.drop_index("ix_session_import_started", table_name="session_import", schema="livedash")
    op.create_index("ix_session_import_started", "session_import", ["company_id", "started_at"], schema="livedash")
    op.drop_index("ix_session_question_question", table_name="session_question", schema="livedash")
    op.create_index("ix_session_question_question_id", "session_question", ["question_id"], schema="livedash")
    op.drop_index("ix_question_asked", table_name="question", schema="livedash")
    op.drop_column("question", "sessions", schema="livedash")
    op.drop_table("question_day_count", schema="livedash")
    op.drop_table("session_day_count", schema="livedash")
