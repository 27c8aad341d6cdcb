"""Companies: whose chats, from where, analysed by what."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Numeric, Text, func, text
from sqlalchemy.dialects.postgresql import CIDR, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.enums import MODES
from livedash_core.models.base import Base, one_of


class CompanyStatus(StrEnum):
    """Only ACTIVE companies are processed."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    TRIAL = "TRIAL"
    ARCHIVED = "ARCHIVED"


class Company(Base):
    """A customer. Its password is not here: ``http_conn_id`` names the Airflow connection that holds it."""

    __tablename__ = "company"
    __table_args__ = (
        one_of("status", CompanyStatus, "status_known"),
        one_of("mode", MODES, "mode_known"),
        CheckConstraint("retention_days > 0", name="retention_is_days"),
        CheckConstraint("monthly_budget_usd >= 0", name="budget_not_negative"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(server_default="ACTIVE")
    csv_url: Mapped[str | None]
    http_conn_id: Mapped[str | None]
    #: IANA name of the zone its timestamps are written in.
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    #: Origins besides the CSV's own that its transcripts may come from; they never see the credentials.
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    #: Private networks that this company's source may live in (on premises, a laptop).
    allowed_networks: Mapped[list[IPv4Network | IPv6Network]] = mapped_column(ARRAY(CIDR), server_default=text("'{}'"))
    analyzer: Mapped[str] = mapped_column(server_default="auto")
    model: Mapped[str | None]
    #: How the model is asked.
    mode: Mapped[str] = mapped_column(server_default="realtime")
    #: Days after its start that a session's content is kept; NULL: until somebody erases it.
    retention_days: Mapped[int | None]
    #: Whether e-mail addresses, telephone numbers, IBANs and BSNs are taken out before a model is asked.
    mask_personal_data: Mapped[bool] = mapped_column(server_default=text("false"))
    #: What its model calls may cost in a calendar month (UTC); NULL: whatever they cost.
    monthly_budget_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Of a company that moved in from livedash-node: its ``id`` there, and what only the old dashboard asks for.
    legacy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class CompanyCsv(Base):
    """The version of a company's CSV that was last taken whole: the same one need not be fetched again, or not read."""

    __tablename__ = "company_csv"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"), primary_key=True)
    url: Mapped[str]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    #: Of the file's bytes, in hexadecimal: many a server has neither of the two, or a new one for the same file.
    sha256: Mapped[str | None]
    #: As Python calls it.
    encoding: Mapped[str]
    lines: Mapped[int]
    rejected_lines: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(server_default=func.now())
