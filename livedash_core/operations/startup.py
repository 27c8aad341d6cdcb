"""Checks the environment of an Airflow component before it starts: secrets, settings, databases, broker."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from cryptography.fernet import Fernet
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from livedash_core.db import DRIVER, check_schema, first_line, make_engine
from livedash_core.errors import ConfigurationError
from livedash_core.operations.airflow_version import check_airflow_version
from livedash_core.settings import Settings

FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
JWT_SECRET = "AIRFLOW__API_AUTH__JWT_SECRET"  # noqa: S105 - the name of a variable, not a secret
METADATA = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
BROKER = "AIRFLOW__CELERY__BROKER_URL"
#: The bytes that HS512, Airflow's algorithm for its tokens, asks for (RFC 7518, 3.2); .env.example says so.
JWT_SECRET_BYTES = 64
#: Subcommands of `airflow` that run until they are stopped, and those of them that use Celery's broker.
COMPONENTS = ("api-server", "celery", "dag-processor", "scheduler", "triggerer")
WITH_BROKER = ("celery", "scheduler")
SECONDS = 10


def check_environment(command: list[str], environment: Mapping[str, str]) -> None:
    """Check what ``command`` needs. A variable that is not set is not checked: Airflow has a default or says so itself.

    Raises ``ConfigurationError`` or ``SystemicError`` with the variable's name and without its secret, and pydantic's
    ``ValidationError`` for a setting.
    """
    check_airflow_version()
    settings = Settings()
    component = command[1] if command[:1] == ["airflow"] and len(command) > 1 else None
    _check_secrets(environment)
    if url := environment.get(METADATA):
        _check_metadata_database(url)
    if settings.database_url is not None:
        engine = make_engine(settings.database_url.get_secret_value())
        if component in COMPONENTS:
            check_schema(engine)
        engine.dispose()
    if component in WITH_BROKER and "Celery" in environment.get("AIRFLOW__CORE__EXECUTOR", ""):
        _check_broker(environment.get(BROKER, ""))


def _check_secrets(environment: Mapping[str, str]) -> None:
    for key in filter(None, environment.get(FERNET_KEY, "").split(",")):  # the first encrypts, the others only decrypt
        try:
            Fernet(key.strip())
        except ValueError:
            raise ConfigurationError(
                f"{FERNET_KEY} is not a Fernet key (32 bytes in URL-safe base64); "
                "use the key that the connections were saved with, or make one with the command in .env.example"
            ) from None
    secret = environment.get(JWT_SECRET)
    if secret and len(secret.encode()) < JWT_SECRET_BYTES:
        raise ConfigurationError(
            f"{JWT_SECRET} has {len(secret.encode())} bytes and needs {JWT_SECRET_BYTES}; "
            "make one with the command in .env.example, the same for every component"
        )


def _check_metadata_database(url: str) -> None:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):  # ValueError: a port that is not a number
        raise ConfigurationError(
            f"{METADATA} is not a URL like postgresql+psycopg2://user:password@host/name"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        return  # Airflow supports it, LiveDash never reads it
    engine = create_engine(parsed.set(drivername=DRIVER), connect_args={"connect_timeout": SECONDS})
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        where = parsed.render_as_string(hide_password=True)
        raise ConfigurationError(
            f"Airflow's database does not answer at {where}: {first_line(error)}; check {METADATA} and the server"
        ) from error
    finally:
        engine.dispose()


def _check_broker(url: str) -> None:
    if not url:
        raise ConfigurationError(
            f"{BROKER} is not set, and CeleryExecutor needs it, as in redis://:password@host:6379/0"
        )
    # Only the extra `production` has it, like Celery itself; it has no annotations.
    broker = import_module("kombu").Connection(
        url, connect_timeout=SECONDS, transport_options={"socket_connect_timeout": SECONDS}
    )
    try:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=SECONDS)
    except Exception as error:  # each transport has its own errors
        raise ConfigurationError(
            f"the broker does not answer at {broker.as_uri()}: {first_line(error)}; check {BROKER} and the server"
        ) from error
    finally:
        broker.release()
