"""The status of every stage of every session. Only ``livedash_core.status`` writes these tables.

The columns are ordered widest alignment first; stage and status are text on purpose: a sixth stage needs no
migration (DESIGN, "Data model").
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.enums import ERROR_KINDS, INCIDENT_KINDS, STAGE_STATUSES, ErrorKind, IncidentKind, StageStatus
from livedash_core.models.base import Base, one_of


class ProcessingStatus(Base):
    """One row per session and stage.

    ``available_at`` is both order and backoff: ``infinity`` while an earlier stage is open, the future while a
    retry waits, else due. ``attempts`` counts claims since the last reset.
    """

    __tablename__ = "session_processing_status"
    __table_args__ = (
        one_of("status", STAGE_STATUSES, "status_known"),
        one_of("error_kind", ERROR_KINDS, "error_kind_known"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("(status = 'IN_PROGRESS') = (lease_token IS NOT NULL)", name="lease_while_in_progress"),
        CheckConstraint(
            "(status IN ('COMPLETED', 'FAILED', 'SKIPPED')) = (completed_at IS NOT NULL)", name="settled_has_a_time"
        ),
        CheckConstraint("status <> 'FAILED' OR error_kind IS NOT NULL", name="failure_has_a_kind"),
        CheckConstraint("status <> 'FAILED' OR error_group IS NOT NULL", name="failure_has_a_group"),
        # The claim walks this one. A row behind an earlier stage is not in it: four of five new rows are none of its
        # business, and no plan may mistake it for a way to find them.
        Index(
            "ix_processing_status_ready",
            "stage",
            "company_id",
            "available_at",
            postgresql_where=text("status = 'PENDING' AND available_at < 'infinity'"),
        ),
        Index("ix_processing_status_lease", "lease_token", postgresql_where=text("status = 'IN_PROGRESS'")),
        Index(
            "ix_processing_status_failed",
            "stage",
            "company_id",
            "completed_at",
            postgresql_where=text("status = 'FAILED'"),
        ),
        # The sessions of one failure group, and those that were skipped, the newest first. Neither is on the path of
        # a session to which nothing happens.
        Index(
            "ix_processing_status_group",
            "stage",
            "company_id",
            "error_kind",
            "error_group",
            "completed_at",
            postgresql_where=text("status = 'FAILED'"),
        ),
        Index(
            "ix_processing_status_skipped",
            "stage",
            "company_id",
            "completed_at",
            postgresql_where=text("status = 'SKIPPED'"),
        ),
        {
            # Updated rows find room on their own page; vacuum keeps pace with a queue (facts: PostgreSQL 18, 5 passes).
            "postgresql_with": {
                "fillfactor": "80",
                "autovacuum_vacuum_scale_factor": "0.01",
                "autovacuum_vacuum_cost_delay": "0",
                "autovacuum_vacuum_insert_scale_factor": "0.05",
            }
        },
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    company_id: Mapped[UUID]
    available_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    stage: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[StageStatus] = mapped_column(Text, server_default="PENDING")
    error_kind: Mapped[ErrorKind | None] = mapped_column(Text)
    error_message: Mapped[str | None]
    #: ``error_message`` without what differs from session to session (``status/grouping.py``).
    error_group: Mapped[str | None]
    #: Named ``metadata`` in the table; SQLAlchemy keeps that attribute name for itself.
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)


class ProcessingFailure(Base):
    """Every failed attempt, kept when a retry succeeds."""

    __tablename__ = "session_processing_failure"
    __table_args__ = (
        one_of("error_kind", ERROR_KINDS, "error_kind_known"),
        Index("ix_processing_failure_session", "session_id", "failed_at"),
        Index("ix_processing_failure_recent", "failed_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    session_id: Mapped[UUID]
    company_id: Mapped[UUID]
    stage: Mapped[str]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    started_at: Mapped[datetime]
    failed_at: Mapped[datetime]
    error_kind: Mapped[ErrorKind] = mapped_column(Text)
    error_message: Mapped[str]
    #: ``dag_id/run_id`` of the Airflow run that held the lease; NULL outside Airflow.
    dag_run: Mapped[str | None]


class ProcessingLease(Base):
    """One row per claim: renewing it is one row's update, however many sessions it holds."""

    __tablename__ = "session_processing_lease"
    __table_args__ = (
        Index("ix_processing_lease_expiry", "stage", "expires_at"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    token: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
    claimed_at: Mapped[datetime]
    stage: Mapped[str]
    #: Host and process, for people; identity is the token's alone.
    owner: Mapped[str]
    dag_run: Mapped[str | None]


class ProcessingCount(Base):
    """The folded part of the breakdown; exact together with the deltas not folded yet.

    ``status`` is one of ``enums.STAGE_STATUSES``, or WAITING for what is PENDING behind an earlier stage.
    """

    __tablename__ = "session_processing_count"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)


class ProcessingDelta(Base):
    """What each statement changed in the breakdown, appended by the statement itself.

    Sessions that got through a stage say when and how long they were held, as ``ProcessingActivity`` counts them.
    """

    __tablename__ = "session_processing_delta"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID]
    stage: Mapped[str]
    status: Mapped[str]
    sessions: Mapped[int] = mapped_column(BigInteger)
    slot: Mapped[datetime | None]
    duration_bucket: Mapped[int | None] = mapped_column(SmallInteger)


class ProcessingActivity(Base):
    """How many sessions got through a stage in each ten minutes of the last day, and how long they took.

    ``duration_bucket`` b is for sessions held from 1.2^b seconds to less than 1.2^(b + 1); NULL for those brought in
    already through. Fed by the fold, which also forgets.
    """

    __tablename__ = "session_processing_activity"
    __table_args__ = (
        UniqueConstraint(
            "slot",
            "stage",
            "company_id",
            "duration_bucket",
            name="uq_session_processing_activity_slot",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    slot: Mapped[datetime]
    company_id: Mapped[UUID]
    stage: Mapped[str]
    duration_bucket: Mapped[int | None] = mapped_column(SmallInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)


class FailureCount(Base):
    """How many sessions wait for a person for the same reason: the folded part, exact together with the deltas.

    ``first_seen_at`` and ``last_seen_at`` are of those that failed since the count was last zero.
    """

    __tablename__ = "session_failure_count"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    error_kind: Mapped[str] = mapped_column(primary_key=True)
    error_group: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]


class FailureDelta(Base):
    """What each statement changed in the failure counts; ``seen_at`` is when sessions failed, NULL when they left."""

    __tablename__ = "session_failure_delta"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID]
    stage: Mapped[str]
    error_kind: Mapped[str]
    error_group: Mapped[str]
    sessions: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime | None]


class SystemicIncident(Base):
    """What stops a stage right now, for everyone or for one company; closed by the next run that gets through.

    Its ``kind`` says whether somebody has to mend it (``systemic``) or the company only has to wait.
    """

    __tablename__ = "systemic_incident"
    __table_args__ = (
        UniqueConstraint("stage", "company_id", postgresql_nulls_not_distinct=True),
        one_of("kind", INCIDENT_KINDS, "kind_known"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    stage: Mapped[str]
    company_id: Mapped[UUID | None]
    message: Mapped[str]
    kind: Mapped[IncidentKind] = mapped_column(Text, server_default="systemic")
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
