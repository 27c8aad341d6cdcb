"""The credentials of a company's source, and how to read them outside Airflow."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from livedash_core.errors import ConfigurationError


@dataclass(frozen=True)
class BasicCredentials:
    """User name and password for HTTP Basic authentication; ``repr`` omits the password."""

    username: str
    password: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header (RFC 7617, in UTF-8)."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode('ascii')}"


def credentials_from_environment(conn_id: str, environ: Mapping[str, str]) -> BasicCredentials | None:
    """Read ``AIRFLOW_CONN_<CONN_ID>`` in either of Airflow's forms: JSON, or a URI with percent-encoded parts.

    Returns None without such a connection. Raises ``ConfigurationError`` for one that has no valid login.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = environ.get(variable, "").strip()
    if not value:
        return None
    login, password = _from_json(value, variable) if value.startswith("{") else _from_uri(value, variable)
    # RFC 7617: the user name ends at the first colon.
    if not login or ":" in login:
        raise ConfigurationError(f"{variable} has no login that is valid for HTTP Basic authentication")
    return BasicCredentials(login, password or "")


def _from_json(value: str, variable: str) -> tuple[str | None, str | None]:
    try:
        connection = json.loads(value)
    except ValueError:
        # Not `from exc`: the exception quotes the text, and with it the password.
        raise ConfigurationError(f"{variable} starts with {{ but is not JSON") from None
    login, password = connection.get("login"), connection.get("password")
    if not isinstance(login, str | None) or not isinstance(password, str | None):
        raise ConfigurationError(f"{variable}: login and password must be JSON strings")
    return login, password


def _from_uri(value: str, variable: str) -> tuple[str | None, str | None]:
    """Parse ``http://login:password@host`` or, with a separate protocol, ``http://https://login:password@host``."""
    conn_type, separator, rest = value.partition("://")
    try:
        parts = urlsplit(rest if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", rest) else f"//{rest}")
    except ValueError:
        raise ConfigurationError(f"{variable} is not a connection URI; percent-encode its parts") from None
    if not (conn_type and separator):
        raise ConfigurationError(f"{variable} is neither JSON nor a URI such as http://login:password@host")
    return unquote(parts.username or ""), unquote(parts.password or "")
