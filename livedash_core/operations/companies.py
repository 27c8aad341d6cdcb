"""Companies: add, update, list, set the status."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid6 import uuid7

from livedash_core.analyzers import load_analyzers
from livedash_core.clients.addresses import is_host_service
from livedash_core.clients.urls import literal_address, origin_of, url_of
from livedash_core.enums import ACTIVE, COMPANY_STATUSES, DAY_ORDERS, ROLES, Role
from livedash_core.errors import CompanyExists, UnknownCompany, UsageError
from livedash_core.models import Company, CompanyCsv, SystemicIncident
from livedash_core.operations.company_access import company_resource

_LOOPBACK_V4, _LOOPBACK_V6 = ip_network("127.0.0.0/8"), ip_network("::1/128")

_SHOWN = (
    Company.name,
    Company.status,
    Company.csv_url,
    Company.http_conn_id,
    Company.timezone,
    Company.allowed_origins,
    Company.allowed_networks,
    Company.speaker_roles,
    Company.date_order,
    Company.analyzer,
    Company.model,
    Company.mode,
    Company.retention_days,
    Company.monthly_budget_usd,
    Company.mask_personal_data,
)
#: A century. Longer periods could end before the first date that Python has.
MAX_RETENTION_DAYS = 36_500
_LISTS = (Company.allowed_networks, Company.allowed_origins)
#: The longest name of a speaker; a transcript's labels are not longer.
MAX_SPEAKER_CHARACTERS = 60
_LIST_NAMES = tuple(column.key for column in _LISTS)
#: What a cleared setting becomes; NULL where nothing is listed.
_EMPTY: dict[str, Any] = {**{name: [] for name in _LIST_NAMES}, "speaker_roles": {}}


def add_company(connection: Connection, name: str, settings: Mapping[str, Any]) -> None:
    """Add a company; ``settings`` are columns of ``company``, the others keep their defaults.

    Raises ``CompanyExists`` if the name is taken, also in other letters; ``UsageError`` for an invalid name or value.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError("a company needs a name, of printable characters on one line")
    columns = {column: _checked(column, value) for column, value in settings.items()}
    with suppress(UnknownCompany):
        company_id(connection, name)
        raise CompanyExists(name.strip())
    statement = insert(Company).values(id=uuid7(), name=name.strip(), **columns)
    statement = statement.on_conflict_do_nothing(index_elements=["name"])
    if connection.scalar(statement.returning(Company.id)) is None:
        raise CompanyExists(name.strip())


def update_company(
    connection: Connection, name: str, changes: Mapping[str, Any], *, clear: Collection[str] = ()
) -> None:
    """Change the columns of a company that ``changes`` names, and read its CSV in full at the next import.

    Allowed networks and origins, and speakers' roles, are added to those that are there. The columns in ``clear`` are
    cleared first: a list becomes empty, a value NULL. Raises ``UnknownCompany``, or ``UsageError`` for an invalid
    value.
    """
    found = company_id(connection, name)
    company = connection.execute(
        select(Company.id, Company.speaker_roles, *_LISTS).where(Company.id == found).with_for_update()
    ).one()
    columns: dict[str, Any] = {column: _EMPTY.get(column) for column in clear}
    for column, value in changes.items():
        present = getattr(company, column) if column in _LIST_NAMES and column not in clear else ()
        columns[column] = _checked(column, [*map(str, present), *value] if column in _LIST_NAMES else value)
        if column == "speaker_roles" and column not in clear:
            columns[column] = {**company.speaker_roles, **columns[column]}
    if columns:
        connection.execute(update(Company).where(Company.id == company.id).values(columns))
    # A changed setting may change what an unchanged CSV yields.
    of_company = CompanyCsv.company_id == company.id
    connection.execute(update(CompanyCsv).where(of_company).values(etag=None, last_modified=None, sha256=None))


def confirm_csv(connection: Connection, name: str) -> None:
    """Confirm that a company's CSV is right although it has fewer rows; the next import closes the incident.

    Raises ``UnknownCompany``.
    """
    confirmed = update(CompanyCsv).where(CompanyCsv.company_id == company_id(connection, name))
    connection.execute(confirmed.values(shrunk_from=None))


def set_status(connection: Connection, name: str, status: str) -> None:
    """Set the status of a company. Raises ``UnknownCompany``, ``UsageError`` for an unknown status."""
    if status not in COMPANY_STATUSES:
        raise UsageError(f"there is no status {status!r}; the statuses are {', '.join(COMPANY_STATUSES)}")
    company = company_id(connection, name)
    connection.execute(update(Company).where(Company.id == company).values(status=status))
    if status != ACTIVE:  # nothing is processed for it any more, so nothing is stopped
        connection.execute(delete(SystemicIncident).where(SystemicIncident.company_id == company))


def list_companies(connection: Connection) -> list[dict[str, Any]]:
    """List all companies by name, with values for JSON; ``resource`` is the company's for auth managers."""
    rows = connection.execute(select(*_SHOWN, Company.id).order_by(Company.name))
    return [
        {column.key: getattr(row, column.key) for column in _SHOWN}
        | {"allowed_networks": [str(network) for network in row.allowed_networks]}
        | {"resource": company_resource(row.id, row.name)}
        for row in rows
    ]


def active_company(connection: Connection, name: str) -> UUID:
    """Return the id of an ACTIVE company. Raises ``UnknownCompany``, ``UsageError`` for another status."""
    found = company_id(connection, name)
    row = connection.execute(select(Company.name, Company.status).where(Company.id == found)).one()
    if row.status != ACTIVE:
        raise UsageError(f"{row.name} is {row.status}: only ACTIVE companies are processed")
    return found


def active_companies(connection: Connection) -> list[UUID]:
    """Return the ids of all ACTIVE companies, ordered by name."""
    return list(connection.scalars(select(Company.id).where(Company.status == ACTIVE).order_by(Company.name)))


def company_id(connection: Connection, name: str) -> UUID:
    """Return the id of the company with this name and any status.

    Spaces around the name do not count. If no company has exactly this name, capital and small letters do not count
    either. Raises ``UnknownCompany``, or ``UsageError`` if several companies differ only in these letters.
    """
    wanted = name.strip()
    exact = connection.scalar(select(Company.id).where(Company.name == wanted))
    if exact is not None:
        return exact
    # Folded in Python: what lower() of PostgreSQL folds depends on the locale of the database.
    alike: dict[str, UUID] = {
        row.name: row.id
        for row in connection.execute(select(Company.name, Company.id).order_by(Company.name))
        if row.name.casefold() == wanted.casefold()
    }
    if not alike:
        raise UnknownCompany(name)
    if len(alike) > 1:
        raise UsageError(
            f"several companies are called {wanted!r} in other letters: {', '.join(alike)}; name one exactly"
        )
    return alike.popitem()[1]


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
        for network in networks:
            if is_host_service(network.network_address) and is_host_service(network.broadcast_address):
                raise UsageError(
                    f"the network {network} belongs to the machine's own network services, such as its "
                    "cloud's metadata; name the networks of the company's servers"
                )
        # "localhost" resolves to both, and all addresses of a name must be allowed.
        return networks + [_LOOPBACK_V6] * (_LOOPBACK_V4 in networks and _LOOPBACK_V6 not in networks)
    if column == "allowed_origins":
        return list(dict.fromkeys(origin_of(url_of(checked_url(origin, "an allowed origin"))) for origin in value))
    if column == "speaker_roles":
        return dict(map(_speaker_role, value))
    if column == "date_order":
        order = next((order for order in DAY_ORDERS if order == value.replace("-", " ")), None)
        if order is None:
            raise UsageError(f"{value!r} is no order of dates; say day-first or month-first")
        return order
    if column == "retention_days":
        if not 1 <= value <= MAX_RETENTION_DAYS:
            raise UsageError(f"sessions can be kept for 1 to {MAX_RETENTION_DAYS:,} days")
        return value
    if column == "monthly_budget_usd":
        return _budget(value)
    if column == "analyzer" and value not in load_analyzers().choices:
        raise UsageError(f"there is no analyzer {value!r}; the analyzers are {', '.join(load_analyzers().choices)}")
    if column in ("http_conn_id", "model"):
        if not value.strip():
            raise UsageError(f"{column} must not be empty")
        return value.strip()
    return value


def _speaker_role(value: str) -> tuple[str, Role]:
    """``Lisa=Assistant`` as a name and its role."""
    name, separator, word = value.rpartition("=")
    role = next((role for role in ROLES if role.lower() == word.strip().lower()), None)
    name = name.strip()
    if not separator or role is None or not name.isprintable() or not 1 <= len(name) <= MAX_SPEAKER_CHARACTERS:
        raise UsageError(f"{value!r} is not a speaker's role such as Lisa=Assistant; the roles are {', '.join(ROLES)}")
    return name, role


def _budget(value: str) -> Decimal:
    try:
        budget = Decimal(value)
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or budget < 0:
        raise UsageError(f"{value!r} is not a budget in US dollars, such as 50 or 12.50")
    return budget


def checked_url(value: str, what: str) -> str:
    """Return ``value`` if it is a valid URL of a source. Raises ``UsageError`` that begins with ``what``."""
    try:
        url = url_of(value)
    except ValueError:
        raise UsageError(f"{what} is not a URL") from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise UsageError(f"{what} must begin with https:// (or http://, within an allowed network)")
    if b"%" in url.raw_host or (url.port or 0) > 65_535:
        raise UsageError(f"{what} names a host or a port that cannot exist")
    if (address := literal_address(url)) is not None and is_host_service(address):
        raise UsageError(
            f"{what} names {address}, an address of the network services of the machine that runs LiveDash; no CSV is "
            "published there"
        )
    if url.userinfo:
        raise UsageError(f"{what} carries a user name; put it into an Airflow connection and name that: --http-conn-id")
    return value
