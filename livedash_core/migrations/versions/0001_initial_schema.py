"""Initial schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from livedash_core.migrations.livedash_node_views import ENUMS, VIEWS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("accessed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("company_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
        schema="livedash",
    )
    op.create_index("ix_access_log_accessed", "access_log", ["accessed_at"], unique=False, schema="livedash")
    op.create_table(
        "ai_cost_daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("unusable", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("max_cost", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("day", "company_id", "model", "mode", "outcome", name=op.f("pk_ai_cost_daily")),
        schema="livedash",
    )
    op.create_index("ix_ai_cost_daily_company", "ai_cost_daily", ["company_id", "day"], unique=False, schema="livedash")
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
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "deliveries", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_level", sa.SmallInteger(), nullable=True),
        sa.Column("snoozed_by", sa.Text(), nullable=True),
        sa.Column("snooze_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("level > 0", name=op.f("ck_alert_level_positive")),
        sa.CheckConstraint(
            "(snoozed_until IS NULL) = (snoozed_by IS NULL)", name=op.f("ck_alert_snooze_has_an_author")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        schema="livedash",
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["key"],
        unique=True,
        schema="livedash",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "alert_evaluation",
        sa.Column("is_only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("is_only_row", name=op.f("ck_alert_evaluation_one_row")),
        sa.PrimaryKeyConstraint("is_only_row", name=op.f("pk_alert_evaluation")),
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
        sa.Column(
            "speaker_roles", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("date_order", sa.Text(), nullable=True),
        sa.Column("allowed_networks", sa.ARRAY(postgresql.CIDR()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("analyzer", sa.Text(), server_default="auto", nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), server_default="realtime", nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("mask_personal_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("monthly_budget_usd", sa.Numeric(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("legacy", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("date_order IN ('day first', 'month first')", name=op.f("ck_company_date_order_known")),
        sa.CheckConstraint("mode IN ('realtime', 'batch')", name=op.f("ck_company_mode_known")),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'SUSPENDED', 'TRIAL', 'ARCHIVED')", name=op.f("ck_company_status_known")
        ),
        sa.CheckConstraint("monthly_budget_usd >= 0", name=op.f("ck_company_budget_not_negative")),
        sa.CheckConstraint("retention_days > 0", name=op.f("ck_company_retention_is_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("name", name=op.f("uq_company_name")),
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
        "model_server",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("response_format", sa.Text(), nullable=False),
        sa.Column("reply_limit", sa.Text(), nullable=False),
        sa.Column("instructions_role", sa.Text(), nullable=False),
        sa.Column("context_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("read_tokens", sa.BigInteger(), nullable=True),
        sa.Column("sent_tokens", sa.BigInteger(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("server", "model", name=op.f("pk_model_server")),
        schema="livedash",
    )
    op.create_table(
        "rate_limit_state",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("requests_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tokens_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("refusals", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("connection", "model", name=op.f("pk_rate_limit_state")),
        schema="livedash",
    )
    op.create_table(
        "session_failure_count",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("error_group", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("days", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint(
            "company_id", "stage", "error_kind", "error_group", name=op.f("pk_session_failure_count")
        ),
        schema="livedash",
    )
    op.create_table(
        "session_failure_delta",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("error_group", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_failure_delta")),
        schema="livedash",
    )
    op.create_table(
        "session_processing_activity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
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
    op.create_index(
        "ix_session_processing_activity_company",
        "session_processing_activity",
        ["company_id", "slot"],
        unique=False,
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
        sa.Column("slot", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_bucket", sa.SmallInteger(), nullable=True),
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
        "ix_processing_failure_lost",
        "session_processing_failure",
        ["failed_at"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("error_kind = 'lease_expired'"),
    )
    op.create_index(
        "ix_processing_failure_run", "session_processing_failure", ["dag_run", "id"], unique=False, schema="livedash"
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
    )
    # By ALTER TABLE: SQLAlchemy 2.0 has no option for a table's storage parameters.
    op.execute("ALTER TABLE livedash.session_processing_lease SET (fillfactor = 50)")
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
        sa.Column("error_group", sa.Text(), nullable=True),
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
            "status <> 'FAILED' OR error_group IS NOT NULL",
            name=op.f("ck_session_processing_status_failure_has_a_group"),
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
    )
    # Room for updated rows on their own page, and a vacuum that keeps pace with a queue.
    op.execute(
        "ALTER TABLE livedash.session_processing_status SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, "
        "autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0.05)"
    )
    op.create_index(
        "ix_processing_status_failed",
        "session_processing_status",
        ["stage", "company_id", "completed_at", "session_id"],
        unique=False,
        schema="livedash",
        postgresql_include=["error_kind"],
        postgresql_where=sa.text("status = 'FAILED'"),
    )
    op.create_index(
        "ix_processing_status_group",
        "session_processing_status",
        ["stage", "company_id", "error_kind", "error_group", "completed_at", "session_id"],
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
    op.create_index(
        "ix_processing_status_noted",
        "session_processing_status",
        ["company_id", "completed_at", "session_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text(
            "stage = 'SESSION_CREATION' AND status = 'COMPLETED' AND metadata ?| ARRAY['unknown_speakers', "
            "'message_count_differs', 'assumed_speakers', 'role_lines_inside_messages', 'lines_split', "
            "'lines_without_speaker', 'labels_without_text', 'times_far_from_session', 'times_ambiguous', "
            "'times_unreadable']"
        ),
    )
    op.create_index(
        "ix_processing_status_skipped",
        "session_processing_status",
        ["stage", "company_id", "completed_at", "session_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status = 'SKIPPED'"),
    )
    op.create_index(
        "ix_processing_status_skipped_for_good",
        "session_processing_status",
        ["company_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status = 'SKIPPED' AND metadata ? 'skipped_by'"),
    )
    op.create_table(
        "systemic_incident",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="systemic", nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('systemic', 'budget', 'rate limit', 'status')", name=op.f("ck_systemic_incident_kind_known")
        ),
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
        "ai_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("analyzer", sa.Text(), nullable=False),
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
        sa.Column("monitored_until", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_ai_batch_closed_has_a_time")),
        sa.CheckConstraint(
            "status <> 'submitted' OR remote_id IS NOT NULL", name=op.f("ck_ai_batch_submitted_has_a_remote_id")
        ),
        sa.CheckConstraint(
            "status IN ('prepared', 'uploaded', 'submitted', 'closed')", name=op.f("ck_ai_batch_status_known")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_ai_batch_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_batch")),
        schema="livedash",
    )
    op.create_index(
        "ix_ai_batch_open",
        "ai_batch",
        ["company_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_table(
        "company_csv",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("charset", sa.Text(), nullable=True),
        sa.Column("reading", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("rejected_lines", sa.Integer(), nullable=False),
        sa.Column("rejected_before", sa.Integer(), nullable=True),
        sa.Column("shrunk_from", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_company_csv_company_id")),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_company_csv")),
        schema="livedash",
    )
    op.create_table(
        "import_rejection",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("occurrences", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("external_session_id", sa.Text(), nullable=True),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_import_rejection_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_rejection")),
        sa.UniqueConstraint("company_id", "digest", name=op.f("uq_import_rejection_company_id_digest")),
        schema="livedash",
    )
    op.create_table(
        "question",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("normal_form", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_question_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("company_id", "normal_form", name=op.f("uq_question_company_id_normal_form")),
        schema="livedash",
    )
    op.create_index(
        "ix_question_asked",
        "question",
        ["company_id", sa.literal_column("sessions DESC")],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_question_shown_id",
        "question",
        [sa.literal_column("COALESCE(legacy_id, id::text)")],
        unique=False,
        schema="livedash",
    )
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
        "session_month_count",
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["livedash.company.id"], name=op.f("fk_session_month_count_company_id")
        ),
        sa.PrimaryKeyConstraint("facet", "company_id", "month", "value", name=op.f("pk_session_month_count")),
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
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_session_import_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_import")),
        sa.UniqueConstraint(
            "company_id", "external_session_id", name=op.f("uq_session_import_company_id_external_session_id")
        ),
        schema="livedash",
    )
    op.create_index(
        "ix_session_import_expiry",
        "session_import",
        ["company_id", sa.literal_column("LEAST(started_at, imported_at)")],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("erased_at IS NULL"),
    )
    op.create_index(
        "ix_session_import_external",
        "session_import",
        ["external_session_id"],
        unique=False,
        schema="livedash",
        postgresql_ops={"external_session_id": "text_pattern_ops"},
    )
    op.create_index(
        "ix_session_import_started",
        "session_import",
        ["company_id", "started_at", "id"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "ai_processing_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.Text(), server_default="realtime", nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("model_requested", sa.Text(), nullable=False),
        sa.Column("model_answered", sa.Text(), nullable=True),
        sa.Column("openai_prices", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("provider_request_id", sa.Text(), nullable=True),
        sa.Column("service_tier", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="sent", nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("pricing_id", sa.BigInteger(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("max_cost", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("legacy", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("mode IN ('realtime', 'batch')", name=op.f("ck_ai_processing_request_mode_known")),
        sa.CheckConstraint(
            "outcome IN ('sent', 'answered', 'rejected', 'unknown')",
            name=op.f("ck_ai_processing_request_outcome_known"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["livedash.ai_batch.id"], name=op.f("fk_ai_processing_request_batch_id")),
        sa.ForeignKeyConstraint(
            ["pricing_id"], ["livedash.ai_model_pricing.id"], name=op.f("fk_ai_processing_request_pricing_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_processing_request")),
        schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_batch",
        "ai_processing_request",
        ["batch_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "ix_ai_processing_request_company",
        "ai_processing_request",
        ["company_id", "requested_at"],
        unique=False,
        schema="livedash",
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
        "ix_ai_processing_request_session",
        "ai_processing_request",
        ["session_id", "requested_at"],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_ai_processing_request_unpriced",
        "ai_processing_request",
        ["model_requested"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("outcome = 'answered' AND cost IS NULL"),
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
    op.create_table(
        "question_month_count",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["livedash.question.id"], name=op.f("fk_question_month_count_question_id")
        ),
        sa.PrimaryKeyConstraint("question_id", "month", name=op.f("pk_question_month_count")),
        schema="livedash",
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
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_reason", sa.Text(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("analysis_id", sa.BigInteger(), nullable=True),
        sa.Column("analyzer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("analyzed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "category IN ('SCHEDULE_HOURS', 'LEAVE_VACATION', 'SICK_LEAVE_RECOVERY', 'SALARY_COMPENSATION', 'CONTRACT_HOURS', 'ONBOARDING', 'OFFBOARDING', 'WORKWEAR_STAFF_PASS', 'TEAM_CONTACTS', 'PERSONAL_QUESTIONS', 'ACCESS_LOGIN', 'SOCIAL_QUESTIONS', 'UNRECOGNIZED_OTHER')",
            name=op.f("ck_session_category_known"),
        ),
        sa.CheckConstraint(
            "missing IN ('NO_ANSWER', 'WRONG_ANSWER', 'SYSTEM_FAULT', 'NEEDS_PERSON')",
            name=op.f("ck_session_missing_known"),
        ),
        sa.CheckConstraint("missing IS NULL OR outcome = 'UNRESOLVED'", name=op.f("ck_session_only_unresolved_misses")),
        sa.CheckConstraint(
            "outcome IN ('RESOLVED', 'UNRESOLVED', 'ABANDONED', 'HANDED_OVER', 'UNKNOWN')",
            name=op.f("ck_session_outcome_known"),
        ),
        sa.CheckConstraint("sentiment IN ('POSITIVE', 'NEUTRAL', 'NEGATIVE')", name=op.f("ck_session_sentiment_known")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_session_company_id")),
        sa.ForeignKeyConstraint(["id"], ["livedash.session_import.id"], name=op.f("fk_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        schema="livedash",
    )
    op.create_index(
        "ix_session_category",
        "session",
        ["company_id", "category", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("category IS NOT NULL"),
    )
    op.create_index(
        "ix_session_escalated",
        "session",
        ["company_id", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("escalated"),
    )
    op.create_index(
        "ix_session_forwarded_hr",
        "session",
        ["company_id", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("forwarded_hr"),
    )
    op.create_index(
        "ix_session_language",
        "session",
        ["company_id", "language", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("language IS NOT NULL"),
    )
    op.create_index(
        "ix_session_outcome",
        "session",
        ["company_id", "outcome", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )
    op.create_index(
        "ix_session_sentiment",
        "session",
        ["company_id", "sentiment", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("sentiment IS NOT NULL"),
    )
    op.create_index(
        "ix_session_shown_id",
        "session",
        [sa.literal_column("COALESCE(legacy_id, id::text)")],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_session_without_outcome",
        "session",
        ["company_id", "started_at", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("analyzed_at IS NOT NULL AND outcome IS NULL"),
    )
    op.create_index("ix_session_started", "session", ["company_id", "started_at"], unique=False, schema="livedash")
    op.create_table(
        "session_search",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("document", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["livedash.session.id"], name=op.f("fk_session_search_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "part", name=op.f("pk_session_search")),
        schema="livedash",
    )
    op.create_index(
        "ix_session_search_document",
        "session_search",
        ["document"],
        unique=False,
        schema="livedash",
        postgresql_using="gin",
    )
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
        "ix_session_question_question",
        "session_question",
        ["question_id", "session_id"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "topic",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("named_by", sa.Text(), nullable=True),
        sa.Column("central_id", sa.BigInteger(), nullable=False),
        sa.Column("pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("compared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("questions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("unresolved", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("handed_over", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("named_by IN ('rule', 'model', 'person')", name=op.f("ck_topic_named_by_known")),
        sa.ForeignKeyConstraint(["central_id"], ["livedash.question.id"], name=op.f("fk_topic_central_id")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_topic_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic")),
        schema="livedash",
    )
    op.create_index(
        "ix_topic_sessions",
        "topic",
        ["company_id", sa.literal_column("sessions DESC")],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_topic_opportunity",
        "topic",
        ["company_id", sa.literal_column("(unresolved + handed_over) DESC")],
        unique=False,
        schema="livedash",
    )
    op.create_index("ix_topic_central", "topic", ["central_id"], unique=False, schema="livedash")
    op.create_index(
        "ix_topic_pinned",
        "topic",
        ["company_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("pinned"),
    )
    op.create_index(
        "ix_topic_not_compared",
        "topic",
        ["company_id", "central_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("NOT compared"),
    )
    op.create_table(
        "topic_member",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("wording_digest", sa.Text(), nullable=True),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("placed_by IN ('rule', 'model', 'person')", name=op.f("ck_topic_member_placed_by_known")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_topic_member_company_id")),
        sa.ForeignKeyConstraint(["question_id"], ["livedash.question.id"], name=op.f("fk_topic_member_question_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["livedash.topic.id"], name=op.f("fk_topic_member_topic_id")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_topic_member")),
        schema="livedash",
    )
    op.create_index(
        "ix_topic_member_topic",
        "topic_member",
        ["topic_id", sa.literal_column("sessions DESC"), "question_id"],
        unique=False,
        schema="livedash",
    )
    op.create_index(
        "ix_topic_member_wording",
        "topic_member",
        ["company_id", "wording_digest", "question_id"],
        unique=False,
        schema="livedash",
    )
    op.create_table(
        "question_vector",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_question_vector_company_id")),
        sa.ForeignKeyConstraint(["question_id"], ["livedash.question.id"], name=op.f("fk_question_vector_question_id")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_question_vector")),
        schema="livedash",
    )
    op.create_index(
        op.f("ix_question_vector_company_id"), "question_vector", ["company_id"], unique=False, schema="livedash"
    )
    op.create_table(
        "question_pair",
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("second_id", sa.BigInteger(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("held", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("decided_by IN ('rule', 'model', 'person')", name=op.f("ck_question_pair_decided_by_known")),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_question_pair_ordered")),
        sa.CheckConstraint("verdict IN ('same', 'different')", name=op.f("ck_question_pair_verdict_known")),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_question_pair_company_id")),
        sa.ForeignKeyConstraint(["first_id"], ["livedash.question.id"], name=op.f("fk_question_pair_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["livedash.question.id"], name=op.f("fk_question_pair_second_id")),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_question_pair")),
        schema="livedash",
    )
    op.create_index(
        "ix_question_pair_proposed",
        "question_pair",
        ["company_id", sa.literal_column("similarity DESC"), "first_id", "second_id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("verdict IS NULL OR held IS NOT NULL"),
    )
    op.create_index("ix_question_pair_second", "question_pair", ["second_id"], unique=False, schema="livedash")
    op.create_table(
        "topic_day_count",
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("unresolved", sa.BigInteger(), nullable=False),
        sa.Column("handed_over", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["topic_id"], ["livedash.topic.id"], name=op.f("fk_topic_day_count_topic_id")),
        sa.PrimaryKeyConstraint("topic_id", "day", name=op.f("pk_topic_day_count")),
        schema="livedash",
    )
    op.create_table(
        "topic_edit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "verb IN ('rename', 'merge', 'split', 'move', 'pin', 'unpin', 'hide', 'unhide', 'accept', 'reject')",
            name=op.f("ck_topic_edit_verb_known"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["livedash.company.id"], name=op.f("fk_topic_edit_company_id")),
        sa.ForeignKeyConstraint(["other_id"], ["livedash.topic.id"], name=op.f("fk_topic_edit_other_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["livedash.topic.id"], name=op.f("fk_topic_edit_topic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_edit")),
        schema="livedash",
    )
    op.create_index("ix_topic_edit_company", "topic_edit", ["company_id", "id"], unique=False, schema="livedash")
    op.create_index(
        "ix_topic_edit_other",
        "topic_edit",
        ["other_id", "id"],
        unique=False,
        schema="livedash",
        postgresql_where=sa.text("other_id IS NOT NULL"),
    )
    op.create_index("ix_topic_edit_topic", "topic_edit", ["topic_id", "id"], unique=False, schema="livedash")
    # A model that is not being shut down. Changing the default takes one UPDATE, no release.
    op.execute("INSERT INTO livedash.ai_model (name, is_default) VALUES ('gpt-6-luna', true)")
    op.execute("CREATE SCHEMA livedash_compat")
    for name, labels in ENUMS.items():
        op.execute(f'CREATE TYPE livedash_compat."{name}" AS ENUM ({", ".join(map(repr, labels))})')
    for name, query in VIEWS.items():
        op.execute(sa.text(f'CREATE VIEW livedash_compat."{name}" AS {query}'.replace(":", r"\:")))


def downgrade() -> None:
    op.execute("DROP SCHEMA livedash_compat CASCADE")
    op.drop_table("topic_edit", schema="livedash")
    op.drop_table("topic_day_count", schema="livedash")
    op.drop_table("question_pair", schema="livedash")
    op.drop_table("question_vector", schema="livedash")
    op.drop_table("topic_member", schema="livedash")
    op.drop_table("topic", schema="livedash")
    op.drop_table("session_question", schema="livedash")
    op.drop_table("session_analysis", schema="livedash")
    op.drop_table("message", schema="livedash")
    op.drop_table("session_transcript", schema="livedash")
    op.drop_table("session_search", schema="livedash")
    op.drop_table("session", schema="livedash")
    op.drop_table("question_month_count", schema="livedash")
    op.drop_table("question_day_count", schema="livedash")
    op.drop_table("ai_processing_request", schema="livedash")
    op.drop_table("session_import", schema="livedash")
    op.drop_table("session_month_count", schema="livedash")
    op.drop_table("session_day_count", schema="livedash")
    op.drop_table("question", schema="livedash")
    op.drop_table("import_rejection", schema="livedash")
    op.drop_table("company_csv", schema="livedash")
    op.drop_table("ai_batch", schema="livedash")
    op.drop_table("systemic_incident", schema="livedash")
    op.drop_table("session_processing_status", schema="livedash")
    op.drop_table("session_processing_lease", schema="livedash")
    op.drop_table("session_processing_failure", schema="livedash")
    op.drop_table("session_processing_delta", schema="livedash")
    op.drop_table("session_processing_count", schema="livedash")
    op.drop_table("session_processing_activity", schema="livedash")
    op.drop_table("session_failure_delta", schema="livedash")
    op.drop_table("session_failure_count", schema="livedash")
    op.drop_table("rate_limit_state", schema="livedash")
    op.drop_table("model_server", schema="livedash")
    op.drop_table("currency_rate", schema="livedash")
    op.drop_table("company", schema="livedash")
    op.drop_table("alert_evaluation", schema="livedash")
    op.drop_table("alert", schema="livedash")
    op.drop_table("ai_model_pricing", schema="livedash")
    op.drop_table("ai_model", schema="livedash")
    op.drop_table("ai_cost_daily", schema="livedash")
    op.drop_table("access_log", schema="livedash")
