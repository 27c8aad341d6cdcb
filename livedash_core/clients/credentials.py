"""The credentials of a company's source, and how to read them outside Airflow."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from livedash_core.errors import ConfigurationError

API_KEY_HEADER = "X-API-Key"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: Header values that do not end the header (RFC 9110, 5.5); secrets are ASCII.
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
#: These belong to the connection or to the fetcher.
_RESERVED = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te", "trailer")
)


class ClientCertificate(NamedTuple):
    """A certificate in PEM files for TLS; the key may be in the same file."""

    path: str
    key_path: str | None = None
    key_password: str | None = None

    def __repr__(self) -> str:
        return f"ClientCertificate({self.path!r})"


class Credentials(Protocol):
    """What identifies a company to its own origin."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers that every request to the company's own origin gets."""
        ...

    @property
    def certificate(self) -> ClientCertificate | None:
        """The client certificate for TLS."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is sent, for messages: ``Basic``, ``Bearer``, ``an API key``, ``a client certificate``."""
        ...


@dataclass(frozen=True)
class BasicCredentials:
    """User name and password for HTTP Basic authentication; ``repr`` omits the password."""

    username: str
    password: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header (RFC 7617, in UTF-8)."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode('ascii')}"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """See ``Credentials``."""
        return [("Authorization", self.authorization)]

    @property
    def certificate(self) -> ClientCertificate | None:
        """None."""
        return None

    @property
    def kinds(self) -> tuple[str, ...]:
        """See ``Credentials``."""
        return ("Basic",)


@dataclass(frozen=True)
class ExtraCredentials:
    """Credentials from the extras of a connection, beside its login; ``repr`` omits every secret."""

    login: BasicCredentials | None = None
    extra_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    certificate: ClientCertificate | None = None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """See ``Credentials``."""
        return [*(self.login.headers if self.login else ()), *self.extra_headers]

    @property
    def kinds(self) -> tuple[str, ...]:
        """See ``Credentials``."""
        kinds = [] if self.login is None else ["Basic"]
        for name, value in self.extra_headers:
            kinds.append(value.partition(" ")[0] if name.lower() == "authorization" else "an API key")
        if self.certificate is not None:
            kinds.append("a client certificate")
        return tuple(kinds)


def credentials_of(
    login: str | None, password: str | None, extras: Mapping[str, Any], connection: str
) -> Credentials | None:
    """The credentials of a connection; None if it has none.

    ``extras`` may have ``bearer_token``; ``api_key`` and ``api_key_header`` (``X-API-Key`` unless given); ``headers``,
    an object of further headers; ``client_certificate``, ``client_key`` and ``client_key_password``, paths of PEM
    files. Raises ``ConfigurationError`` that names ``connection`` and never quotes a secret.
    """
    # RFC 7617: the user name ends at the first colon.
    if login and ":" in login:
        raise ConfigurationError(f"{connection} has no login that is valid for HTTP Basic authentication")
    basic = BasicCredentials(login, password or "") if login else None
    headers = _extra_headers(extras, connection)
    if basic and any(name.lower() == "authorization" for name, _ in headers):
        raise ConfigurationError(f"{connection} has a login and a bearer token; only one of them can be sent")
    certificate = None
    if path := _text(extras, "client_certificate", connection):
        key, key_password = (_text(extras, name, connection) for name in ("client_key", "client_key_password"))
        certificate = ClientCertificate(path, key, key_password)
    if not headers and certificate is None:
        return basic
    return ExtraCredentials(basic, headers, certificate)


def _extra_headers(extras: Mapping[str, Any], connection: str) -> tuple[tuple[str, str], ...]:
    given = extras.get("headers") or {}
    if isinstance(given, str):
        given = _json_object(given, f"{connection}: headers")
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{connection}: headers must be a JSON object of names and values")
    headers = [(str(name), value) for name, value in given.items()]
    if token := _text(extras, "bearer_token", connection):
        headers.append(("Authorization", f"Bearer {token}"))
    if key := _text(extras, "api_key", connection):
        headers.append((_text(extras, "api_key_header", connection) or API_KEY_HEADER, key))
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED:
            raise ConfigurationError(f"{connection}: {name[:100]!r} cannot be the name of a credential's header")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"{connection}: the value of the header {name} is not plain ASCII text")
    names = [name.lower() for name, _ in headers]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{connection} sets a header twice")
    return tuple(headers)


def _text(extras: Mapping[str, Any], name: str, connection: str) -> str | None:
    value = extras.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{connection}: {name} must be a JSON string")
    return value or None


def credentials_from_environment(conn_id: str, environ: Mapping[str, str]) -> Credentials | None:
    """Read ``AIRFLOW_CONN_<CONN_ID>`` in either of Airflow's forms: JSON, or a URI with percent-encoded parts.

    Returns None without such a connection. Raises ``ConfigurationError`` for one that has no valid credentials.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = environ.get(variable, "").strip()
    if not value:
        return None
    login, password, extras = _from_json(value, variable) if value.startswith("{") else _from_uri(value, variable)
    found = credentials_of(login, password, extras, variable)
    if found is None:
        raise ConfigurationError(
            f"{variable} has no login that is valid for HTTP Basic authentication, and no bearer_token, api_key, "
            "headers or client_certificate in its extras"
        )
    return found


def _from_json(value: str, variable: str) -> tuple[str | None, str | None, Mapping[str, Any]]:
    try:
        connection = json.loads(value)
    except ValueError:
        # Not `from exc`: the exception quotes the text, and with it the password.
        raise ConfigurationError(f"{variable} starts with {{ but is not JSON") from None
    login, password = connection.get("login"), connection.get("password")
    if not isinstance(login, str | None) or not isinstance(password, str | None):
        raise ConfigurationError(f"{variable}: login and password must be JSON strings")
    extras = connection.get("extra") or {}
    if isinstance(extras, str):
        extras = _json_object(extras, f"{variable}: extra")
    if not isinstance(extras, Mapping):
        raise ConfigurationError(f"{variable}: extra must be a JSON object")
    return login, password, extras


def _json_object(text: str, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{what} is not a JSON object") from None
    return value


def _from_uri(value: str, variable: str) -> tuple[str | None, str | None, Mapping[str, Any]]:
    """Parse ``http://login:password@host?extra=value`` or, with a protocol, ``http://https://login:password@host``.

    The parameter ``__extra__`` holds all extras as JSON, as Airflow writes them when they are not plain text.
    """
    conn_type, separator, rest = value.partition("://")
    try:
        parts = urlsplit(rest if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", rest) else f"//{rest}")
    except ValueError:
        raise ConfigurationError(f"{variable} is not a connection URI; percent-encode its parts") from None
    if not (conn_type and separator):
        raise ConfigurationError(f"{variable} is neither JSON nor a URI such as http://login:password@host")
    extras: Mapping[str, Any] = dict(parse_qsl(parts.query))
    if "__extra__" in extras:
        extras = _json_object(extras["__extra__"], f"{variable}: __extra__")
    return unquote(parts.username or ""), unquote(parts.password or ""), extras
