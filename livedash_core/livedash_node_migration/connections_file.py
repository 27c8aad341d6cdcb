"""Writes the companies' passwords to a file that only its owner can read, and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit


class Login(NamedTuple):
    """User name and password of a company's CSV; ``url`` does not contain them."""

    url: str
    login: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.url!r})"


def without_login(url: str) -> tuple[str, str | None, str | None]:
    """Split a URL into the URL without credentials, user name and password. Raises ``ValueError`` if it is invalid."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None, None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, unquote(parts.username or "") or None, unquote(parts.password or "") or None


def write_connections(file: Path, logins: Mapping[str, Login]) -> None:
    """Write ``{connection id: login}`` for `airflow connections import`, with mode 0600; replace an older file."""
    connections = {
        conn_id: {
            "conn_type": "http",
            "description": "migrated from livedash-node",
            "host": urlsplit(login.url).hostname,
            "login": login.login,
            "password": login.password,
        }
        for conn_id, login in logins.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    # Created with its final mode, so that others can never read it.
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(connections, out, ensure_ascii=False, indent=2)
    new.replace(file)
