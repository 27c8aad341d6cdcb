"""Connects to permitted addresses only: resolve once, check every address, connect to one of them (SSRF guard)."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address, ip_network

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from livedash_core.clients.addresses import Address, is_inside, is_own_machine, may_connect
from livedash_core.clients.source import Source
from livedash_core.errors import PermanentError, TransientError


class SsrfGuard(AbstractResolver):
    """The addresses of one source. TLS and the Host header use the name, the socket uses the checked address.

    As the resolver of an aiohttp connector it refuses a name if any address of it is not permitted (its next lookup
    could return that one). ``socket`` is the connector's socket factory, which checks again: aiohttp does not ask the
    resolver about hosts that look like addresses. ``seconds`` limits a lookup.
    """

    def __init__(self, source: Source, *, encrypted: bool, seconds: float) -> None:
        self._source = source
        self._encrypted = encrypted
        self._seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``.

        Raises ``PermanentError`` if any of them is not permitted, ``TransientError`` if there is none.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        except (OSError, UnicodeError) as exc:  # UnicodeError: a label longer than DNS allows
            raise TransientError(f"{self._source.company}: the name {host[:200]} could not be resolved") from exc
        for _, _, _, _, sockaddr in answers:
            self._check_address(host, ip_address(sockaddr[0]))
        return [
            ResolveResult(
                hostname=host,
                host=str(sockaddr[0]),
                port=port,
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, sockaddr in answers
        ]

    async def close(self) -> None:
        """Nothing is open."""

    def socket(self, addr_info: AddrInfoType) -> socket.socket:
        """Create the socket for a connection to an address. Raises ``PermanentError`` if it is not permitted."""
        family, kind, protocol, _, (host, *_) = addr_info
        try:
            address = ip_address(host)
        except ValueError:  # "127.1" in an aiohttp that does not refuse it
            raise PermanentError(
                f"{self._source.company}: {str(host)[:200]} is not an address in its usual form"
            ) from None
        self._check_address(str(host), address)
        return socket.socket(family, kind, protocol)

    def _check_address(self, host: str, address: Address) -> None:
        networks = self._source.allowed_networks
        if not may_connect(address, networks):
            problem = "which is not on the public internet"
        elif not (self._encrypted or is_inside(address, networks)):
            problem = "and http is not encrypted: use https"
        else:
            return
        if is_own_machine(address):
            # An attacker who controls a transcript URL must not get an operator to allow this.
            raise PermanentError(
                f"{self._source.company}: {host[:200]} has the address {address}, which is not on the public internet "
                "but belongs to the machine that runs LiveDash: nothing is fetched from there"
            )
        raise PermanentError(
            f"{self._source.company}: {host[:200]} has the address {address}, {problem}; if it is your own network, "
            f"allow it with: {self._source.command(f'--allow-network {ip_network(address)}')}"
        )
