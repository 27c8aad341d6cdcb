"""Sessions and questions counted per day and month, so that pages need not count; written by ``insights`` only."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from livedash_core.models.base import Base


class SessionDayCount(Base):
    """Number of a company's sessions, started on a day (UTC), that have this value of this facet.

    The facets are those of ``livedash_core.insights.counting``; ``session`` counts every session.
    """

    __tablename__ = "session_day_count"

    # Order of the key: a page reads a few facets of a few companies over a range of days.
    facet: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)


class SessionMonthCount(Base):
    """The sum of ``SessionDayCount`` over a calendar month, named by its first day; without the facet ``hour``."""

    __tablename__ = "session_month_count"

    facet: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(ForeignKey("livedash.company.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)


class QuestionDayCount(Base):
    """Number of sessions, started on a day (UTC), with a question; ``Question.sessions`` is the sum of all days."""

    __tablename__ = "question_day_count"

    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)


class QuestionMonthCount(Base):
    """The sum of ``QuestionDayCount`` over a calendar month, named by its first day."""

    __tablename__ = "question_month_count"

    question_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("livedash.question.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
