"""Companies: add, change, list, suspend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid6 import uuid7

from livedash_core.analyzers import load_analyzers
from livedash_core.clients.urls import origin_of, url_of
from livedash_core.errors import UnknownCompany, UsageError
from livedash_core.models import Company, CompanyCsv, CompanyStatus

_LOOPBACK_V4, _LOOPBACK_V6 = ip_network("127.0.0.0/8"), ip_network("::1/128")

_SHOWN = (
    Company.name,
    Company.status,
    Company.csv_url,
    Company.http_conn_id,
    Company.timezone,
    Company.allowed_origins,
    Company.allowed_networks,
    Company.analyzer,
    Company.model,
    Company.mode,
    Company.retention_days,
    Company.monthly_budget_usd,
    Company.mask_personal_data,
)
#: A century: any further back, and there is no date.
MAX_RETENTION_DAYS = 36_500
#: What is allowed one by one.
_LISTS = (Company.allowed_networks, Company.allowed_origins)


def save_company(connection: Connection, name: str, changes: Mapping[str, Any]) -> bool:
    """Add a company, or change what ``changes`` says of one that exists; returns whether it is new.

    ``changes`` are columns of ``company``. Allowed networks and origins are added to those that are there; an empty
    one among them takes away all before it. Raises ``UsageError`` for a value that cannot be right.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError("a company needs a name, of printable characters on one line")
    known = connection.execute(
        select(Company.id, *_LISTS).where(Company.name == name.strip()).with_for_update()
    ).first()
    allowed: dict[str, list[Any]] = {
        column.key: _extended(getattr(known, column.key, []), changes[column.key])
        for column in _LISTS
        if column.key in changes
    }
    columns = {column: _checked(column, value) for column, value in {**changes, **allowed}.items()}
    statement = insert(Company).values(id=uuid7(), name=name.strip(), **columns)
    if columns:
        statement = statement.on_conflict_do_update(index_elements=["name"], set_=columns)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["name"])
    connection.execute(statement)
    if known is not None:
        # Whoever sets something right wants the CSV read again, whether it changed or not.
        connection.execute(delete(CompanyCsv).where(CompanyCsv.company_id == known.id))
    return known is None


def _extended(known: Iterable[Any], given: Iterable[Any]) -> list[Any]:
    """``known`` and ``given``, each once, in order; an empty value empties the list so far."""
    extended: dict[Any, None] = dict.fromkeys(map(str, known))
    for value in given:
        if value:
            extended[value] = None
        else:
            extended.clear()
    return list(extended)


def set_status(connection: Connection, name: str, status: str) -> None:
    """Raises ``UnknownCompany``, or ``UsageError`` for a status that does not exist."""
    if status not in list(CompanyStatus):
        raise UsageError(f"there is no status {status!r}; the statuses are {', '.join(CompanyStatus)}")
    changed = connection.execute(
        update(Company).where(Company.name == name).values(status=status).returning(Company.id)
    )
    if changed.first() is None:
        raise UnknownCompany(name)


def list_companies(connection: Connection) -> list[dict[str, Any]]:
    """All companies by name, as JSON would have them."""
    rows = connection.execute(select(*_SHOWN).order_by(Company.name))
    return [{**row._mapping, "allowed_networks": [str(network) for network in row.allowed_networks]} for row in rows]


def active_company(connection: Connection, name: str) -> UUID:
    """The id of a company that may be processed. Raises ``UnknownCompany``, ``UsageError`` if it is not ACTIVE."""
    row = connection.execute(select(Company.id, Company.status).where(Company.name == name)).first()
    if row is None:
        raise UnknownCompany(name)
    if row.status != CompanyStatus.ACTIVE:
        raise UsageError(f"{name} is {row.status}: only ACTIVE companies are processed")
    return UUID(str(row.id))


def active_companies(connection: Connection) -> list[UUID]:
    """The ids of all companies that may be processed, by name."""
    return list(
        connection.scalars(select(Company.id).where(Company.status == CompanyStatus.ACTIVE).order_by(Company.name))
    )


def company_id(connection: Connection, name: str) -> UUID:
    """The id of a company, whatever its status. Raises ``UnknownCompany``."""
    found = connection.scalar(select(Company.id).where(Company.name == name))
    if found is None:
        raise UnknownCompany(name)
    return found


def _checked(column: str, value: Any) -> Any:
    if column == "csv_url":
        return checked_url(value, "the CSV's address")
    if column == "timezone":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise UsageError(f"there is no time zone {value!r}; a name is like Europe/Amsterdam") from error
    if column == "allowed_networks":
        try:
            networks = list(dict.fromkeys(map(ip_network, value)))
        except ValueError as error:
            raise UsageError(f"not a network like 10.0.0.0/8: {error}") from error
        # "localhost" answers with both, and every answer of a name must be allowed.
        return networks + [_LOOPBACK_V6] * (_LOOPBACK_V4 in networks and _LOOPBACK_V6 not in networks)
    if column == "allowed_origins":
        return list(dict.fromkeys(origin_of(url_of(checked_url(origin, "an allowed origin"))) for origin in value))
    if column == "retention_days":
        if not 0 <= value <= MAX_RETENTION_DAYS:
            raise UsageError(f"sessions can be kept for 1 to {MAX_RETENTION_DAYS:,} days, or with 0 for ever")
        return value or None
    if column == "monthly_budget_usd":
        return _budget(value)
    if column == "analyzer" and value not in load_analyzers().choices:
        raise UsageError(f"there is no analyzer {value!r}; the analyzers are {', '.join(load_analyzers().choices)}")
    if column in ("http_conn_id", "model"):
        return value.strip() or None
    return value


def _budget(value: str) -> Decimal | None:
    if not value.strip():
        return None
    try:
        budget = Decimal(value)
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or budget < 0:
        raise UsageError(f"{value!r} is not a budget in US dollars, such as 50 or 12.50; '' is none")
    return budget


def checked_url(value: str, what: str) -> str:
    """``value`` if it may be where a source is. Raises ``UsageError`` that says ``what`` it cannot be."""
    try:
        url = url_of(value)
    except ValueError:
        raise UsageError(f"{what} is not a URL") from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise UsageError(f"{what} must begin with https:// (or http://, within an allowed network)")
    if b"%" in url.raw_host or (url.port or 0) > 65_535:
        raise UsageError(f"{what} names a host or a port that cannot exist")
    if url.userinfo:
        raise UsageError(f"{what} carries a user name; put it into an Airflow connection and name that: --http-conn-id")
    return value
