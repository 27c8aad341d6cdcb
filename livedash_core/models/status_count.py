"""The counts of statuses and failures: the folded part, and the deltas. Only ``livedash_core.status`` writes them.

The columns are in order of alignment, the widest first.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class ProcessingCount(Base):
    """The folded part of the breakdown; exact together with the count deltas that are not folded yet.

    ``status`` is one of ``enums.STAGE_STATUSES``, or WAITING for PENDING rows behind an earlier stage.
    """

    __tablename__ = "session_processing_count"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)


class ProcessingDelta(Base):
    """A count delta: the change that a statement makes to the breakdown, inserted by the statement itself.

    Deltas of completed and skipped sessions carry the columns that ``ProcessingActivity`` is counted by.
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
    """Number of sessions that completed or skipped a stage, per ten minutes of the last day and duration.

    ``duration_bucket`` b holds durations from 1.2^b seconds to less than 1.2^(b + 1); NULL is for sessions that were
    imported as completed or skipped. The fold writes these rows and deletes the old ones.
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
        # The last day of one company, or of all companies together.
        Index("ix_session_processing_activity_company", "company_id", "slot"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    slot: Mapped[datetime]
    #: None: all companies together, so that a page of all companies reads as many rows as one of a company.
    company_id: Mapped[UUID | None]
    stage: Mapped[str]
    duration_bucket: Mapped[int | None] = mapped_column(SmallInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)


class FailureCount(Base):
    """Number of FAILED sessions in a failure group: the folded part, exact together with the deltas.

    ``first_seen_at`` and ``last_seen_at`` cover the failures since the count was last zero.
    """

    __tablename__ = "session_failure_count"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    error_kind: Mapped[str] = mapped_column(primary_key=True)
    error_group: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    #: Day (UTC) → the number of sessions that failed on it, retried ones included; the last 30 days with failures.
    days: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))


class FailureDelta(Base):
    """The change of a statement to the failure counts; ``seen_at`` is the time of failure, NULL for a decrease."""

    __tablename__ = "session_failure_delta"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    company_id: Mapped[UUID]
    stage: Mapped[str]
    error_kind: Mapped[str]
    error_group: Mapped[str]
    sessions: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime | None]
