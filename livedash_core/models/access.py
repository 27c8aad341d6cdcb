"""Who read conversations and exported lists."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Integer, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class AccessLog(Base):
    """A conversation that was read, or a list that was exported; only ``livedash_core.operations.access_log`` writes.

    It has ids and no content, and no foreign keys: erasing a session or a company keeps it.
    """

    __tablename__ = "access_log"
    __table_args__ = (Index("ix_access_log_accessed", "accessed_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    accessed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: The name by which Airflow's auth manager knows the user; on the command line ``cli:`` and the system's user.
    user_name: Mapped[str]
    #: ``session``, or the name of an exported file such as ``sessions.csv``.
    action: Mapped[str]
    #: The companies that it was limited to; NULL: all.
    company_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    session_id: Mapped[UUID | None]
    #: Lines of an export; NULL until it is complete.
    rows: Mapped[int | None] = mapped_column(Integer)
