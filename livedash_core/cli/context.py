"""Shared by the commands: the database, credentials, and a scope from options."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date

from sqlalchemy import Engine

from livedash_core.clients.credentials import Credentials, credentials_from_environment
from livedash_core.db import check_schema, make_engine
from livedash_core.errors import LocalConfigurationError
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import LocalInstallation
from livedash_core.operations.companies import active_company, company_id
from livedash_core.operations.sessions import find_session
from livedash_core.operations.upgrade import upgrade
from livedash_core.parsing.days import day_window
from livedash_core.settings import Settings
from livedash_core.status import Scope


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """Connect to the configured database and check its schema; start and upgrade the embedded one."""
    if settings.database_url is not None:
        engine = make_engine(settings.database_url.get_secret_value())
        check_schema(engine)
        yield engine
        engine.dispose()
        return
    installation = LocalInstallation(settings.home)
    with EmbeddedPostgres(installation.postgres) as server:
        engine = make_engine(server.database(installation.database).url())
        upgrade(engine)
        yield engine
        engine.dispose()


def credentials(settings: Settings, conn_id: str) -> Credentials | None:
    """Read a connection from ``AIRFLOW_CONN_<ID>``, else from the configured Airflow, else from that of `livedash up`.

    Raises ``LocalConfigurationError`` if there is neither the variable nor an Airflow that has the connection.
    """
    found = credentials_from_environment(conn_id, os.environ)
    if found is not None:
        return found
    installation = LocalInstallation(settings.home)
    if "AIRFLOW_HOME" not in os.environ and settings.database_url is None and installation.exists():
        os.environ.update(installation.airflow_environment())
    if "AIRFLOW_HOME" not in os.environ:
        raise LocalConfigurationError(
            f"the connection {conn_id!r} is not configured here: set AIRFLOW_CONN_{conn_id.upper()}, for example to "
            "http://login:password@host with each part percent-encoded, or AIRFLOW_HOME to read it from that Airflow"
        )
    # Airflow logs to standard output when it is imported, where the command's results belong.
    with redirect_stdout(sys.stderr):
        # Imported here: Airflow takes seconds to import, and most commands do not need it.
        from livedash_core.airflow.connections import source_credentials

        found = source_credentials(conn_id)
    if found is None:
        raise LocalConfigurationError(
            f"the Airflow in {os.environ['AIRFLOW_HOME']} has no connection {conn_id!r} with a login: create it there "
            f"(Admin > Connections), set AIRFLOW_CONN_{conn_id.upper()}, or set AIRFLOW_HOME to the Airflow that has it"
        )
    return found


def scope_of(
    engine: Engine,
    *,
    stages: list[str] | None = None,
    company: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    sessions: list[str] | None = None,
    kinds: list[str] | None = None,
    only_active: bool = False,
) -> Scope:
    """Build a scope from options. Days are in UTC; ``last_day`` is included.

    Raises ``UsageError`` if options contradict each other, ``UnknownCompany`` and ``UnknownSession``.
    """
    started_from, started_before = day_window(first_day, last_day)
    with engine.connect() as connection:
        look_up = active_company if only_active else company_id
        whose = look_up(connection, company) if company else None
        ids = [find_session(connection, session, whose) for session in sessions or ()]
    return Scope(
        stages=tuple(stages) if stages else None,
        company_ids=(whose,) if whose else None,
        started_from=started_from,
        started_before=started_before,
        session_ids=tuple(ids) if ids else None,
        error_kinds=tuple(kinds) if kinds else None,
    )
