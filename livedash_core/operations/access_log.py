"""The access log: who read a conversation or exported a list, when, and of which company."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, text, update

from livedash_core.models import AccessLog, Company
from livedash_core.parsing.days import day_window

#: What the reading of one session's page is called in the log.
SESSION = "session"
#: The log must not make a page slow: an INSERT that waits longer is given up.
TIMEOUT_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class Access:
    """What a user reads. ``action`` is ``SESSION`` or a file's name; ``company_ids`` None stands for all companies."""

    user: str
    action: str
    company_ids: tuple[UUID, ...] | None
    session_id: UUID | None = None


class LoggedAccess(NamedTuple):
    """An entry of the log. ``companies`` are names, or ids of companies that are gone; None: all companies."""

    at: datetime
    user: str
    action: str
    companies: list[str] | None
    session: UUID | None
    rows: int | None


def record(engine: Engine, access: Access) -> int:
    """Write an entry, in a transaction of its own; returns its id. Raises ``DBAPIError`` if it cannot be written."""
    values = {
        "user_name": access.user.replace("\x00", ""),
        "action": access.action,
        "company_ids": None if access.company_ids is None else list(access.company_ids),
        "session_id": access.session_id,
    }
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = {TIMEOUT_MILLISECONDS}"))
        return connection.execute(insert(AccessLog).values(values).returning(AccessLog.id)).scalar_one()


def complete(engine: Engine, entry: int, rows: int) -> None:
    """Add the number of exported lines to an entry. Raises like ``record``."""
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = {TIMEOUT_MILLISECONDS}"))
        connection.execute(update(AccessLog).where(AccessLog.id == entry).values(rows=rows))


def list_accesses(
    connection: Connection,
    *,
    company_id: UUID | None = None,
    user: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    limit: int | None = None,
) -> list[LoggedAccess]:
    """List entries, newest first; days are in UTC, both included.

    With a company also those of all companies, because its sessions were among them. Raises ``UsageError`` for days in
    the wrong order.
    """
    since, before = day_window(first_day, last_day)
    wanted = select(AccessLog).order_by(AccessLog.id.desc()).limit(limit)
    if company_id is not None:
        wanted = wanted.where(or_(AccessLog.company_ids.is_(None), AccessLog.company_ids.contains([company_id])))
    if user is not None:
        wanted = wanted.where(AccessLog.user_name == user)
    if since is not None:
        wanted = wanted.where(AccessLog.accessed_at >= since)
    if before is not None:
        wanted = wanted.where(AccessLog.accessed_at < before)
    rows = list(connection.execute(wanted.with_only_columns(*AccessLog.__table__.c)))
    names = _names(connection, (company for row in rows for company in row.company_ids or ()))
    return [
        LoggedAccess(
            row.accessed_at,
            row.user_name,
            row.action,
            None if row.company_ids is None else [names.get(company, str(company)) for company in row.company_ids],
            row.session_id,
            row.rows,
        )
        for row in rows
    ]


def forget(engine: Engine, days: int) -> int:
    """Delete the entries that are older than so many days; returns their number."""
    with engine.begin() as connection:
        deleted = connection.execute(delete(AccessLog).where(AccessLog.accessed_at < func.now() - timedelta(days=days)))
    return int(deleted.rowcount)


def _names(connection: Connection, company_ids: Iterable[UUID]) -> dict[Any, str]:
    rows = connection.execute(select(Company.id, Company.name).where(Company.id.in_(set(company_ids))))
    return {row.id: row.name for row in rows}
