"""The words of sessions for the full-text search; ``livedash_core.full_text`` writes and reads them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class SessionSearch(Base):
    """The words of a session's messages or of its summary.

    Not a column of ``session``: each of its updates would write all words into the index again.
    """

    __tablename__ = "session_search"
    __table_args__ = (Index("ix_session_search_document", "document", postgresql_using="gin"),)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.session.id", ondelete="CASCADE"), primary_key=True)
    #: messages or summary.
    part: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[Any] = mapped_column(TSVECTOR)
