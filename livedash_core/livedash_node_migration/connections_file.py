"""The companies' passwords: from the old tables into a file that only its owner can read, and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit


class Login(NamedTuple):
    """Name and password of a company's source; ``url`` is where, without them."""

    url: str
    login: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.url!r})"


def without_login(url: str) -> tuple[str, str | None, str | None]:
    """A URL without the user and password that may stand in it, and these. Raises ``ValueError`` if it is no URL."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None, None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, unquote(parts.username or "") or None, unquote(parts.password or "") or None


def write_connections(file: Path, logins: Mapping[str, Login]) -> None:
    """``{connection id: login}`` in the form of `airflow connections import`, mode 0600; an older file is replaced."""
    connections = {
        conn_id: {
            "conn_type": "http",
            "description": "moved in from livedash-node",
            "host": urlsplit(login.url).hostname,
            "login": login.login,
            "password": login.password,
        }
        for conn_id, login in logins.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    # Made with the mode that it must have: there is no moment at which others can read it.
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(connections, out, ensure_ascii=False, indent=2)
    new.replace(file)
