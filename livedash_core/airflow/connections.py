"""Airflow connections as engines, settings and credentials.

``livedash_postgres``: the LiveDash database. ``livedash_openai``: the key (password) and, as its host, the base URL of
any OpenAI-compatible server. A company's ``http_conn_id``: the credentials of its CSV endpoint, a login or what
``credentials_of`` reads from the extras.
"""

from __future__ import annotations

import logging

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import SecretStr
from sqlalchemy import Engine

from livedash_core.clients.credentials import Credentials, credentials_of
from livedash_core.db import check_schema, engine_from_creator, first_line
from livedash_core.errors import ConfigurationError, SystemicError
from livedash_core.settings import Settings
from livedash_core.stages.stage import StageContext

POSTGRES = "livedash_postgres"
OPENAI = "livedash_openai"


def _find(conn_id: str) -> Connection | None:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def make_engine() -> Engine:
    """An engine on ``livedash_postgres``; each connect looks the connection up again, so a new password takes effect.

    It connects with the hook's ``get_conn``, because the hook's SQLAlchemy URL drops extras such as sslmode.
    """
    return engine_from_creator(PostgresHook(postgres_conn_id=POSTGRES).get_conn)


def checked_engine() -> Engine:
    """``make_engine``, checked: a missing connection or an outdated schema is an error of one sentence.

    Raises ``ConfigurationError`` (no connection), ``SchemaOutdated``, ``SystemicError`` (the server does not answer).
    """
    if _find(POSTGRES) is None:
        raise ConfigurationError(
            f"the Airflow connection {POSTGRES} does not exist; create it (Admin > Connections, type Postgres) or set "
            f"AIRFLOW_CONN_{POSTGRES.upper()}"
        )
    engine = make_engine()
    # Alembic would log two lines about every check.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        check_schema(engine)
    except SystemicError as error:
        # The error's own text lacks the address, which only the hook knows.
        reason = first_line(error.__cause__ or error)
        raise SystemicError(f"the database of the Airflow connection {POSTGRES} does not answer: {reason}") from error
    return engine


def source_credentials(conn_id: str) -> Credentials | None:
    """The credentials of a company's connection; None without such a connection or without credentials in it.

    Raises ``ConfigurationError`` for credentials that cannot be sent.
    """
    found = _find(conn_id)
    if found is None:
        return None
    return credentials_of(found.login, found.password, found.extra_dejson, f"the Airflow connection {conn_id}")


def settings() -> Settings:
    """The environment's settings, with the key and base URL of ``livedash_openai`` if that connection exists."""
    return _settings(_find(OPENAI))


async def asettings() -> Settings:
    """``settings()`` for a trigger, whose event loop must not block."""
    try:
        return _settings(await BaseHook.aget_connection(OPENAI))
    except AirflowNotFoundException:
        return _settings(None)


def _settings(found: Connection | None) -> Settings:
    if found is None:
        return Settings()
    settings = Settings()
    key = SecretStr(found.password) if found.password else settings.openai_api_key
    if found.host and not found.password and found.host != settings.openai_base_url:
        key = None  # the environment's key belongs to another server
    return settings.model_copy(
        update={"openai_api_key": key, "openai_base_url": found.host or settings.openai_base_url}
    )


def stage_context(*, analyzer: str | None = None, model: str | None = None) -> StageContext:
    """The context of a stage in an Airflow task. Raises like ``checked_engine``."""
    return StageContext(checked_engine(), settings(), source_credentials, analyzer=analyzer, model=model)
