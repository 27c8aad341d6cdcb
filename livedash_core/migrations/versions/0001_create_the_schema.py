"""Create the schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_model",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ai_model")),
        schema="livedash",
    )
    op.create_index(
        "uq_ai_model_default",
        "ai_model",
        ["is_default"],
        unique=True,
        schema="livedash",
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "ai_processing_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.Text(), server_default="realtime", nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("model_requested", sa.Text(), nullable=False),
        sa.Column("model_answered", sa.Text(), nullable=True),
        sa.Column("provider_request_id", sa.Text(), nullable=True),
        sa.Column("service_tier", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="sent", nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('realtime', 'batch')", name=op.f("ck_ai_processing_request_mode_known")),
        sa.CheckConstraint(
            "outcome IN ('sent', 'answered', 'rejected', 'unknown')",
            name=op.f("ck_ai_processing_request_outcome_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_processing_request")),
        schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_company",
        "ai_processing_request",
        ["company_id", "requested_at"],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_session",
        "ai_processing_request",
        ["session_id", "requested_at"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "company",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="ACTIVE", nullable=False),
        sa.Column("csv_url", sa.Text(), nullable=True),
        sa.Column("http_conn_id", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("allowed_origins", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("allowed_networks", sa.ARRAY(postgresql.CIDR()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("analyzer", sa.Text(), server_default="auto", nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("analyzer IN ('auto', 'openai', 'offline')", name=op.f("ck_company_analyzer_known")),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'SUSPENDED', 'TRIAL', 'ARCHIVED')", name=op.f("ck_company_status_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("name", name=op.f("uq_company_name")),
        schema="livedash",
    )
    op.create_table(
        "session_processing_count",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "stage", "status", name=op.f("pk_session_processing_count")),
        schema="livedash",
    )
    op.create_table(
        "session_processing_delta",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_processing_delta")),
        schema="livedash",
    )
    op.create_table(
        "session_processing_failure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("dag_run", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "error_kind IN ('transient', 'permanent', 'lease_expired')",
            name=op.f("ck_session_processing_failure_error_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_processing_failure")),
        schema="livedash",
    )
    op.create_index(
        "ix_processing_failure_recent", "session_processing_failure", ["failed_at"], unique=False, schema="livedash"
    )
    op.create_index(
        "ix_processing_failure_session",
        "session_processing_failure",
        ["session_id", "failed_at"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "session_processing_lease",
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("dag_run", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_session_processing_lease")),
        schema="livedash",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_processing_lease_expiry",
        "session_processing_lease",
        ["stage", "expires_at"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "session_processing_status",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(status = 'IN_PROGRESS') = (lease_token IS NOT NULL)",
            name=op.f("ck_session_processing_status_lease_while_in_progress"),
        ),
        sa.CheckConstraint(
            "(status IN ('COMPLETED', 'FAILED', 'SKIPPED')) = (completed_at IS NOT NULL)",
            name=op.f("ck_session_processing_status_settled_has_a_time"),
        ),
        sa.CheckConstraint(
            "error_kind IN ('transient', 'permanent', 'lease_expired')",
            name=op.f("ck_session_processing_status_error_kind_known"),
        ),
        sa.CheckConstraint(
            "status <> 'FAILED' OR error_kind IS NOT NULL", name=op.f("ck_session_processing_status_failure_has_a_kind")
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'SKIPPED')",
            name=op.f("ck_session_processing_status_status_known"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_session_processing_status_attempts_not_negative")),
        sa.PrimaryKeyConstraint("session_id", "stage", name=op.f("pk_session_processing_status")),
        schema="livedash",
        postgresql_with={
            "fillfactor": "80",
            "autovacuum_vacuum_scale_factor": "0.01",
            "autovacuum_vacuum_cost_delay": "0",
            "autovacuum_vacuum_insert_scale_factor": "0.05",
        },
    )
    op.create_index(
        "ix_processing_status_failed",
        "session_processing_status",
        ["stage", "company_id", "completed_at"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status = 'FAILED'"),
    )
    op.create_index(
        "ix_processing_status_lease",
        "session_processing_status",
        ["lease_token"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status = 'IN_PROGRESS'"),
    )
    op.create_index(
        "ix_processing_status_ready",
        "session_processing_status",
        ["stage", "company_id", "available_at"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status = 'PENDING' AND available_at < 'infinity'"),
    )
    op.create_table(
        "systemic_incident",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_systemic_incident")),
        sa.UniqueConstraint(
            "stage",
            "company_id",
            name=op.f("uq_systemic_incident_stage_company_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="livedash",
    )
    op.create_table(
        "import_rejection",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_import_rejection_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_rejection")),
        schema="livedash",
    )
    op.create_index(
        "uq_import_rejection_line",
        "import_rejection",
        ["company_id", sa.literal_column("md5(raw_text)")],
        unique=True,
        schema="livedash",
    )
    op.create_table(
        "question",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("normal_form", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_question_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("company_id", "normal_form", name=op.f("uq_question_company_id_normal_form")),
        schema="livedash",
    )
    op.create_table(
        "session_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("external_session_id", sa.Text(), nullable=False),
        sa.Column("start_time", sa.Text(), nullable=True),
        sa.Column("end_time", sa.Text(), nullable=True),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("messages_sent", sa.Text(), nullable=True),
        sa.Column("sentiment", sa.Text(), nullable=True),
        sa.Column("escalated", sa.Text(), nullable=True),
        sa.Column("forwarded_hr", sa.Text(), nullable=True),
        sa.Column("full_transcript_url", sa.Text(), nullable=True),
        sa.Column("avg_response_time_seconds", sa.Text(), nullable=True),
        sa.Column("tokens", sa.Text(), nullable=True),
        sa.Column("tokens_eur", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("initial_message", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_session_import_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_import")),
        sa.UniqueConstraint(
            "company_id", "external_session_id", name=op.f("uq_session_import_company_id_external_session_id")
        ),
        schema="livedash",
    )
    op.create_index(
        "ix_session_import_external", "session_import", ["external_session_id"], unique=False, schema="livedash"
    )
    op.create_index(
        "ix_session_import_started", "session_import", ["company_id", "started_at"], unique=False, schema="livedash"
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("messages_sent", sa.Integer(), nullable=True),
        sa.Column("avg_response_time_seconds", sa.Numeric(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=True),
        sa.Column("tokens_eur", sa.Numeric(), nullable=True),
        sa.Column("initial_message", sa.Text(), nullable=True),
        sa.Column("sentiment", sa.Text(), nullable=True),
        sa.Column("escalated", sa.Boolean(), nullable=True),
        sa.Column("forwarded_hr", sa.Boolean(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("analysis_id", sa.BigInteger(), nullable=True),
        sa.Column("analyzer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("analyzed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "category IN ('SCHEDULE_HOURS', 'LEAVE_VACATION', 'SICK_LEAVE_RECOVERY', 'SALARY_COMPENSATION', 'CONTRACT_HOURS', 'ONBOARDING', 'OFFBOARDING', 'WORKWEAR_STAFF_PASS', 'TEAM_CONTACTS', 'PERSONAL_QUESTIONS', 'ACCESS_LOGIN', 'SOCIAL_QUESTIONS', 'UNRECOGNIZED_OTHER')",
            name=op.f("ck_session_category_known"),
        ),
        sa.CheckConstraint("sentiment IN ('POSITIVE', 'NEUTRAL', 'NEGATIVE')", name=op.f("ck_session_sentiment_known")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_session_company_id")),
        sa.ForeignKeyConstraint(["id"], ["livedash.session_import.id"], name=op.f("fk_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        schema="livedash",
    )
    op.create_index("ix_session_started", "session", ["company_id", "started_at"], unique=False, schema="livedash")
    op.create_table(
        "session_transcript",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["livedash.session_import.id"], name=op.f("fk_session_transcript_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_transcript")),
        schema="livedash",
    )
    op.create_table(
        "message",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('User', 'Assistant', 'System')", name=op.f("ck_message_role_known")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["livedash.session.id"], name=op.f("fk_message_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "position", name=op.f("pk_message")),
        schema="livedash",
    )
    op.create_table(
        "session_analysis",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("analyzer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["livedash.session.id"], name=op.f("fk_session_analysis_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_analysis")),
        sa.UniqueConstraint(
            "session_id",
            "input_hash",
            "analyzer",
            "model",
            "prompt_version",
            name="uq_session_analysis_input",
            postgresql_nulls_not_distinct=True,
        ),
        schema="livedash",
    )
    op.create_table(
        "session_question",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["livedash.question.id"], name=op.f("fk_session_question_question_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["livedash.session.id"], name=op.f("fk_session_question_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "position", name=op.f("pk_session_question")),
        sa.UniqueConstraint("session_id", "question_id", name=op.f("uq_session_question_session_id_question_id")),
        schema="livedash",
    )
    op.create_index(
        op.f("ix_session_question_question_id"), "session_question", ["question_id"], unique=False, schema="livedash"
    )
    # A model that is not being shut down; changing it is one UPDATE, no release.
    op.execute("INSERT INTO livedash.ai_model (name, is_default) VALUES ('gpt-6-luna', true)")


def downgrade() -> None:
    op.drop_index(op.f("ix_session_question_question_id"), table_name="session_question", schema="livedash")
    op.drop_table("session_question", schema="livedash")
    op.drop_table("session_analysis", schema="livedash")
    op.drop_table("message", schema="livedash")
    op.drop_table("session_transcript", schema="livedash")
    op.drop_index("ix_session_started", table_name="session", schema="livedash")
    op.drop_table("session", schema="livedash")
    op.drop_index("ix_session_import_started", table_name="session_import", schema="livedash")
    op.drop_index("ix_session_import_external", table_name="session_import", schema="livedash")
    op.drop_table("session_import", schema="livedash")
    op.drop_table("question", schema="livedash")
    op.drop_index("uq_import_rejection_line", table_name="import_rejection", schema="livedash")
    op.drop_table("import_rejection", schema="livedash")
    op.drop_table("systemic_incident", schema="livedash")
    op.drop_index(
        "ix_processing_status_ready",
        table_name="session_processing_status",
        schema="livedash",
        postgresql_where=sa.text("status = 'PENDING' AND available_at < 'infinity'"),
    )
    op.drop_index(
        "ix_processing_status_lease",
        table_name="session_processing_status",
        schema="livedash",
        postgresql_where=sa.text("status = 'IN_PROGRESS'"),
    )
    op.drop_index(
        "ix_processing_status_failed",
        table_name="session_processing_status",
        schema="livedash",
        postgresql_where=sa.text("status = 'FAILED'"),
    )
    op.drop_table("session_processing_status", schema="livedash")
    op.drop_index("ix_processing_lease_expiry", table_name="session_processing_lease", schema="livedash")
    op.drop_table("session_processing_lease", schema="livedash")
    op.drop_index("ix_processing_failure_session", table_name="session_processing_failure", schema="livedash")
    op.drop_index("ix_processing_failure_recent", table_name="session_processing_failure", schema="livedash")
    op.drop_table("session_processing_failure", schema="livedash")
    op.drop_table("session_processing_delta", schema="livedash")
    op.drop_table("session_processing_count", schema="livedash")
    op.drop_table("company", schema="livedash")
    op.drop_index("ix_ai_processing_request_session", table_name="ai_processing_request", schema="livedash")
    op.drop_index("ix_ai_processing_request_company", table_name="ai_processing_request", schema="livedash")
    op.drop_table("ai_processing_request", schema="livedash")
    op.drop_index(
        "uq_ai_model_default", table_name="ai_model", schema="livedash", postgresql_where=sa.text("is_default")
    )
    op.drop_table("ai_model", schema="livedash")
