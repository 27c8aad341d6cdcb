"""The status of every stage of every session. Only ``livedash_core.status`` writes these tables.

The columns are in order of alignment, the widest first. ``stage`` has no CHECK: an added stage needs no migration.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.enums import (
    ERROR_KINDS,
    INCIDENT_KINDS,
    STAGE_STATUSES,
    TRANSCRIPT_DOUBTS,
    ErrorKind,
    IncidentKind,
    Status,
)
from livedash_core.models.base import Base, one_of

#: A row of a session that has a note of ``TRANSCRIPT_DOUBTS``. The index is used for this very text.
HAS_DOUBTS = (
    "stage = 'SESSION_CREATION' AND status = 'COMPLETED' "
    f"AND metadata ?| ARRAY[{', '.join(repr(note) for note in TRANSCRIPT_DOUBTS)}]"
)
#: A row of a session that a person skipped. The index is used for this very text.
SKIPPED_FOR_GOOD = "status = 'SKIPPED' AND metadata ? 'skipped_by'"


class ProcessingStatus(Base):
    """The status of one stage of one session.

    ``available_at`` holds order and backoff: ``infinity`` while an earlier stage is open, a future time until the
    next retry, else the time since which the row is due. ``attempts`` counts claims since the last reset.
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
        # The claim scans this index. Rows behind an earlier stage are not in it: of a new session's five rows the claim
        # can use one, and no plan may use the index to find the other four.
        Index(
            "ix_processing_status_ready",
            "stage",
            "company_id",
            "available_at",
            postgresql_where=text("status = 'PENDING' AND available_at < 'infinity'"),
        ),
        Index("ix_processing_status_lease", "lease_token", postgresql_where=text("status = 'IN_PROGRESS'")),
        # The next indexes end with the id, so that a list finds its thousand newest without reading rows. The kind is
        # in the index so that the alerts count an hour's failures without reading their rows.
        Index(
            "ix_processing_status_failed",
            "stage",
            "company_id",
            "completed_at",
            "session_id",
            postgresql_include=["error_kind"],
            postgresql_where=text("status = 'FAILED'"),
        ),
        # The sessions of a failure group, and the skipped ones, the newest first. A session that neither fails nor is
        # skipped never writes to these two.
        Index(
            "ix_processing_status_group",
            "stage",
            "company_id",
            "error_kind",
            "error_group",
            "completed_at",
            "session_id",
            postgresql_where=text("status = 'FAILED'"),
        ),
        Index(
            "ix_processing_status_skipped",
            "stage",
            "company_id",
            "completed_at",
            "session_id",
            postgresql_where=text("status = 'SKIPPED'"),
        ),
        # Those that a person skipped, of which there are few.
        Index("ix_processing_status_skipped_for_good", "company_id", postgresql_where=text(SKIPPED_FOR_GOOD)),
        # The sessions whose transcript was read with doubts, of which there are few.
        Index(
            "ix_processing_status_noted",
            "company_id",
            "completed_at",
            "session_id",
            postgresql_where=text(HAS_DOUBTS),
        ),
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    company_id: Mapped[UUID]
    available_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    stage: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[Status] = mapped_column(Text, server_default="PENDING")
    error_kind: Mapped[ErrorKind | None] = mapped_column(Text)
    error_message: Mapped[str | None]
    #: ``error_message`` without the parts that differ between sessions (``status/grouping.py``).
    error_group: Mapped[str | None]
    #: The column is called ``metadata``, which SQLAlchemy reserves as an attribute name.
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)


class ProcessingFailure(Base):
    """A failed attempt; kept when a retry succeeds."""

    __tablename__ = "session_processing_failure"
    __table_args__ = (
        one_of("error_kind", ERROR_KINDS, "error_kind_known"),
        Index("ix_processing_failure_session", "session_id", "failed_at"),
        Index("ix_processing_failure_recent", "failed_at"),
        # What failed in a run.
        Index("ix_processing_failure_run", "dag_run", "id"),
        # The workers that died lately, of which there are few.
        Index("ix_processing_failure_lost", "failed_at", postgresql_where=text("error_kind = 'lease_expired'")),
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
    """The lease of a claim: renewing it updates one row, however many sessions it holds."""

    __tablename__ = "session_processing_lease"
    __table_args__ = (Index("ix_processing_lease_expiry", "stage", "expires_at"),)

    token: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
    claimed_at: Mapped[datetime]
    stage: Mapped[str]
    #: Host and process, for display; ``token`` alone identifies the holder.
    owner: Mapped[str]
    dag_run: Mapped[str | None]


class SystemicIncident(Base):
    """An open reason why a stage processes nothing, or nothing of one company; the next successful run deletes it.

    ``kind`` ``systemic`` needs an operator; the other kinds end by themselves.
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


#: Storage parameters, as SQL because SQLAlchemy 2.0 has no option for them. Room for updated rows on their own page,
#: and a vacuum that keeps pace with a queue.
_STORAGE = {
    ProcessingStatus: "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, "
    "autovacuum_vacuum_insert_scale_factor = 0.05",
    ProcessingLease: "fillfactor = 50",
}
for _model, _parameters in _STORAGE.items():
    _statement = DDL(f"ALTER TABLE %(fullname)s SET ({_parameters})")  # type: ignore[no-untyped-call] # not annotated
    event.listen(_model.__table__, "after_create", _statement)
