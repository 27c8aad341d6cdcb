"""The URLs that a company's CSV and transcripts may have, and the one origin that gets its credentials."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import httpx2

from livedash_core.clients.addresses import Network, is_own_machine
from livedash_core.clients.credentials import Credentials
from livedash_core.clients.urls import Target, literal_address, origin_of, url_of
from livedash_core.errors import PermanentError, SystemicError


@dataclass(frozen=True)
class Source:
    """A company's CSV, and the origins and networks that it and its transcripts may be fetched from.

    ``allowed_origins`` (``https://files.example``) are origins besides the one of ``csv_url``; they never receive
    ``credentials``. ``allowed_networks`` are private networks that the company's servers may be in.
    """

    company_id: UUID
    company: str
    csv_url: str
    credentials: Credentials | None
    allowed_origins: tuple[str, ...]
    allowed_networks: tuple[Network, ...]

    def target(self, address: str) -> Target:
        """Return ``address`` as a target that this company permits.

        A relative one is resolved against the CSV's URL, as links in a document are.

        Raises ``PermanentError`` if it is not permitted, ``SystemicError`` if one of the company's own URLs is invalid.
        The network addresses of its host are checked later, when the connection is made.
        """
        try:
            url = url_of(address)
            if address and not url.scheme:
                url = url_of(self.csv_url).join(url)
        except (httpx2.InvalidURL, ValueError):
            raise PermanentError(f"{self.company}: the address is not a URL") from None
        if url.scheme not in ("https", "http") or not url.raw_host or (url.port or 0) > 65_535:
            raise PermanentError(f"{self.company}: only https URLs can be fetched")
        target = Target(url, origin_of(url))
        if url.userinfo:
            raise PermanentError(
                f"{self.company}: {target.shown} contains a user name; credentials belong in an Airflow connection, "
                f"which this command sets: {self.command('--http-conn-id ID')}"
            )
        if target.origin not in self._origins:
            elsewhere = f"{self.company}: {target.shown} is not on the origin of the company's CSV ({self.csv_origin})"
            if _is_this_machine(url):
                raise PermanentError(f"{elsewhere}, but on the machine that runs LiveDash: it is not fetched")
            raise PermanentError(
                f"{elsewhere}; allow it with: {self.command('--allow-origin ' + shlex.quote(target.origin))}"
            )
        return target

    def is_home(self, target: Target) -> bool:
        """Return whether ``target`` is on the CSV's origin, the only one that receives the credentials."""
        return target.origin == self.csv_origin

    def command(self, options: str) -> str:
        """Return the command that updates this company, quoted for a shell: the name may contain anything."""
        return f"livedash company update {shlex.quote(self.company)} {options}"

    @cached_property
    def csv_origin(self) -> str:
        """The origin of ``csv_url``."""
        return self._configured_origin(self.csv_url, "--csv-url URL")

    @cached_property
    def _origins(self) -> frozenset[str]:
        extras = (self._configured_origin(origin, "--allow-origin ORIGIN") for origin in self.allowed_origins)
        return frozenset((self.csv_origin, *extras))

    def _configured_origin(self, address: str, option: str) -> str:
        try:
            return origin_of(url_of(address))
        except ValueError:
            raise SystemicError(
                f"{self.company}: one of its URLs is invalid; correct it with: {self.command(option)}",
                company_id=self.company_id,
            ) from None


def _is_this_machine(url: httpx2.URL) -> bool:
    address = literal_address(url)
    return url.raw_host.lower() == b"localhost" if address is None else is_own_machine(address)
