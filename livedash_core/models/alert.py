"""Alerts: what the rules found, and which notifiers sent it. Only ``livedash_core.alerts`` writes these tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class Alert(Base):
    """A fact that a rule found, from the evaluation that found it to the one that did not find it any more."""

    __tablename__ = "alert"
    __table_args__ = (
        # One open alert per fact; a fact that comes back is a new alert.
        Index("uq_alert_open", "key", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("level > 0", name="level_positive"),
        CheckConstraint("(snoozed_until IS NULL) = (snoozed_by IS NULL)", name="snooze_has_an_author"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    #: Identifies the fact: the rule, and the company, stage or batch.
    key: Mapped[str]
    rule: Mapped[str]
    company_id: Mapped[UUID | None]
    stage: Mapped[str | None]
    #: 1, and higher when the same fact has become worse.
    level: Mapped[int] = mapped_column(SmallInteger)
    message: Mapped[str]
    advice: Mapped[str]
    #: The address of a page that shows the fact, below that of Airflow.
    page: Mapped[str]
    #: The command that shows the fact.
    command: Mapped[str]
    since: Mapped[datetime]
    first_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    #: Per name of a notifier: the level that was sent, whether the end was, when, and the error of the last try.
    deliveries: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    #: When it was last sent successfully.
    notified_at: Mapped[datetime | None]
    #: Not sent before then, unless it becomes worse than ``snoozed_level``.
    snoozed_until: Mapped[datetime | None]
    snoozed_level: Mapped[int | None] = mapped_column(SmallInteger)
    snoozed_by: Mapped[str | None]
    snooze_reason: Mapped[str | None]


class AlertEvaluation(Base):
    """When the rules were last evaluated; one row, none before the first time."""

    __tablename__ = "alert_evaluation"
    __table_args__ = (CheckConstraint("is_only_row", name="one_row"),)

    is_only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    evaluated_at: Mapped[datetime]
