"""Companies: the source of their sessions, and how they are analysed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Numeric, Text, func, text
from sqlalchemy.dialects.postgresql import CIDR, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid6 import uuid7

from livedash_core.enums import COMPANY_STATUSES, DAY_ORDERS, MODES, CompanyStatus, DayOrder, Mode, Role
from livedash_core.models.base import Base, one_of


class Company(Base):
    """A customer. ``http_conn_id`` names the Airflow connection that holds its password; this table holds none."""

    __tablename__ = "company"
    __table_args__ = (
        one_of("status", COMPANY_STATUSES, "status_known"),
        one_of("mode", MODES, "mode_known"),
        one_of("date_order", DAY_ORDERS, "date_order_known"),
        CheckConstraint("retention_days > 0", name="retention_is_days"),
        CheckConstraint("monthly_budget_usd >= 0", name="budget_not_negative"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[CompanyStatus] = mapped_column(Text, server_default="ACTIVE")
    csv_url: Mapped[str | None]
    http_conn_id: Mapped[str | None]
    #: IANA name of the time zone of the CSV's times.
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    #: Origins besides the CSV's own that transcripts may be fetched from, without the credentials.
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    #: The roles of speakers that no table of words has, by the name that transcripts call them ("Lisa": "Assistant").
    speaker_roles: Mapped[dict[str, Role]] = mapped_column(JSONB, server_default=text("'{}'"))
    #: How dates like 03/04/2026 are read in a file or transcript in which nothing decides; NULL: they are not read.
    date_order: Mapped[DayOrder | None] = mapped_column(Text)
    #: Private networks that the company's server may be in (on premises, a laptop).
    allowed_networks: Mapped[list[IPv4Network | IPv6Network]] = mapped_column(ARRAY(CIDR), server_default=text("'{}'"))
    analyzer: Mapped[str] = mapped_column(server_default="auto")
    model: Mapped[str | None]
    mode: Mapped[Mode] = mapped_column(Text, server_default="realtime")
    #: Days after its start that a session's content is kept; NULL: until it is erased by hand.
    retention_days: Mapped[int | None]
    #: Whether e-mail addresses, telephone numbers, IBANs and BSNs are masked before a model is called.
    mask_personal_data: Mapped[bool] = mapped_column(server_default=text("false"))
    #: Limit on the cost of its model calls in a calendar month (UTC); NULL: none.
    monthly_budget_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Of a company migrated from livedash-node: its ``id`` there, and columns that only the old dashboard reads.
    legacy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class CompanyCsv(Base):
    """The version of a company's CSV that was last imported in full: the same version is not imported again.

    Without ``etag``, ``last_modified`` and ``sha256`` the file is read again, whatever it is.
    """

    __tablename__ = "company_csv"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"), primary_key=True)
    url: Mapped[str]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    #: Of the file's bytes, in hexadecimal: many servers send neither ETag nor Last-Modified, or new ones for the same
    #: file.
    sha256: Mapped[str | None]
    #: The charset that the server declared.
    charset: Mapped[str | None]
    #: How the file was read: encoding, delimiter, header, decimal mark, notes (``parsing/csv_reading.py``).
    reading: Mapped[dict[str, Any]] = mapped_column(JSONB)
    lines: Mapped[int]
    #: Rows that were taken.
    rows: Mapped[int]
    rejected_lines: Mapped[int]
    #: Rejected lines of the version before.
    rejected_before: Mapped[int | None]
    #: The rows of the version before the CSV shrank by more than half, until it grows again or is confirmed.
    shrunk_from: Mapped[int | None]
    taken_at: Mapped[datetime] = mapped_column(server_default=func.now())
