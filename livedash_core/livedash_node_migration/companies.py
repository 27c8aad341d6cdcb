"""Migrates companies and models, before any session."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select, text

from livedash_core.bulk_insert import upsert
from livedash_core.enums import ACTIVE, COMPANY_STATUSES
from livedash_core.errors import UsageError
from livedash_core.livedash_node_migration.connections_file import Login, without_login
from livedash_core.livedash_node_migration.ids import target_id
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.models import AiModel, Company
from livedash_core.operations.companies import checked_url

MAX_CONN_ID_CHARACTERS = 60


class Companies(NamedTuple):
    """``ids`` maps source ids to target ids; ``existing`` has the source ids of companies that the target has already.

    ``new`` are rows of ``company``. ``legacy`` has the old dashboard's values of existing companies. ``logins`` are by
    connection id.
    """

    ids: dict[str, UUID]
    existing: set[str]
    new: list[dict[str, Any]]
    legacy: dict[UUID, str]
    logins: dict[str, Login]
    models: list[str]
    known_models: set[str]
    notes: list[str]

    def store(self, connection: Connection) -> None:
        """Insert the new companies and models; existing ones stay unchanged. Idempotent."""
        upsert(connection, AiModel, [{"name": name} for name in self.models], key=["name"])
        upsert(connection, Company, self.new, key=["id"])
        connection.execute(_STORE_LEGACY, {"ids": list(self.legacy), "legacy": list(self.legacy.values())})


def read_companies(source: SourceDatabase, connection: Connection) -> Companies:
    """Match the source's companies with the target's: by id, else as in an earlier run, else by name and CSV URL.

    Each company of the target matches at most one of the source.
    """
    columns = (Company.id, Company.name, Company.csv_url, Company.http_conn_id, Company.legacy)
    known = {row.id: row for row in connection.execute(select(*columns))}
    names, conn_ids = {row.name for row in known.values()}, {row.http_conn_id for row in known.values()}
    rows = list(source.rows("companies"))
    earlier = {row.legacy["id"]: row for row in known.values() if row.legacy}
    matched = {row.id: known.get(target_id(row.id)) or earlier.get(row.id) for row in rows}
    taken = {same.id for same in matched.values() if same}
    by_name = {row.name: row for row in known.values() if row.csv_url and row.id not in taken}
    models = [row.name for row in source.rows("models")]
    known_models = set(connection.scalars(select(AiModel.name).where(AiModel.name.in_(models))))
    found = Companies({}, set(), [], {}, {}, models, known_models, [])
    for row in rows:
        name = row.name.strip() or row.id
        csv_url, login, password = _source(row, found.notes)
        company_id = target_id(row.id)
        same = matched[row.id]
        if same is None and name in by_name and by_name[name].csv_url == csv_url:
            same = by_name.pop(name)
        if same is not None:
            company_id, conn_id = same.id, same.http_conn_id
            found.existing.add(row.id)
            found.legacy[company_id] = json.dumps(row.legacy)
        else:
            conn_id = None
            if name in names:
                found.notes.append(f"{name}: another company has this name; this one was renamed to {name} ({row.id})")
                name = f"{name} ({row.id})"
        names.add(name)
        found.ids[row.id] = company_id
        if login or password:
            conn_id = conn_id or _connection_id(name, company_id, conn_ids)
            conn_ids.add(conn_id)
            found.logins[conn_id] = Login(csv_url or "", login or "", password or "")
        if row.id not in found.existing:
            found.new.append(
                {
                    "id": company_id,
                    "name": name,
                    "status": _status(row.status, name, found.notes),
                    "csv_url": csv_url,
                    "http_conn_id": conn_id,
                    "model": row.model,
                    "created_at": row.created_at,
                    "legacy": json.dumps(row.legacy),
                }
            )
    return found


def _source(row: Any, notes: list[str]) -> tuple[str | None, str | None, str | None]:
    """Return CSV URL, login and password; a login in the URL applies unless the company has its own."""
    try:
        bare, login, password = without_login((row.csv_url or "").strip())
        csv_url = checked_url(bare, "the CSV's address") if bare else None
    except (UsageError, ValueError):
        notes.append(f"{row.name}: its CSV URL is not valid; set one: livedash company update NAME --csv-url URL")
        return None, row.login or None, row.password or None
    return csv_url, row.login or login, row.password or password


def _status(status: str | None, name: str, notes: list[str]) -> str:
    """Return the company's status; before livedash-node's refactor there is none, and every company is active."""
    if status is None:
        return ACTIVE
    if status.upper() not in COMPANY_STATUSES:
        notes.append(f"{name}: its status {status!r} is unknown and was changed to SUSPENDED")
        return "SUSPENDED"
    return status.upper()


def _connection_id(name: str, company_id: UUID, taken: set[str | None]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:MAX_CONN_ID_CHARACTERS]
    conn_id = f"livedash_{plain}" if plain else f"livedash_{company_id.hex}"
    return conn_id if conn_id not in taken else f"{conn_id}_{company_id.hex}"


_STORE_LEGACY = text(
    """
    UPDATE livedash.company SET legacy = known.legacy
    FROM unnest(CAST(:ids AS uuid[]), CAST(:legacy AS jsonb[])) AS known (id, legacy)
    WHERE company.id = known.id AND company.legacy IS NULL
    """
)
