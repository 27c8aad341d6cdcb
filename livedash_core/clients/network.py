"""Connects to permitted addresses only: resolve once, check every address, connect to one of them (SSRF guard)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import httpcore2

from livedash_core.clients.addresses import Address, is_inside, is_own_machine, may_connect
from livedash_core.clients.source import Source
from livedash_core.errors import PermanentError, TransientError


class SsrfGuardBackend(httpcore2.AsyncNetworkBackend):
    """The network backend of one source. TLS and the Host header use the name, the socket uses the checked address.

    Raises ``PermanentError`` if any address of a name is not permitted (its next lookup could return that one),
    ``TransientError`` if the name has no address.
    """

    def __init__(self, source: Source, *, encrypted: bool) -> None:
        self._source = source
        self._encrypted = encrypted
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of ``host`` that answers; ``timeout`` seconds for the lookup and for each."""

        async def connect(address: Address) -> httpcore2.AsyncNetworkStream:
            return await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)

        addresses = await self._resolve(host, port, timeout)
        for address in addresses:
            self._check_address(host, address)
        *others, last = addresses
        for address in others:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await connect(address)
        return await connect(last)

    async def _resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:  # UnicodeError: a label longer than DNS allows
            raise TransientError(f"{self._source.company}: the name {host[:200]} could not be resolved") from exc
        return [ip_address(sockaddr[0]) for *_, sockaddr in answers]

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
