"""Connects to judged addresses only: resolve once, judge every answer, connect to what was judged."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from ipaddress import ip_address, ip_network

import httpcore2

from livedash_core.clients.addresses import Address, is_inside, may_connect
from livedash_core.clients.sockets import Socket
from livedash_core.clients.source import Source
from livedash_core.errors import PermanentError, TransientError


async def connect(source: Source, host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> Socket:
    """Connect to the first address of ``host`` that answers; ``seconds`` for the lookup and for each.

    TLS, if any, checks the name; only the socket sees the address. Raises ``PermanentError`` for a name with an
    address that ``source`` may not reach (one is enough: such a name is not to be trusted with the next lookup
    either), ``TransientError`` for a name without addresses, ``httpcore2.ConnectError`` (from what was wrong) and
    ``httpcore2.ConnectTimeout``.
    """

    async def connect_to(address: Address) -> Socket:
        try:
            async with asyncio.timeout(seconds):
                # The text of an address is never looked up.
                _, connected = await asyncio.get_running_loop().create_connection(
                    Socket, str(address), port, ssl=tls, server_hostname=host if tls else None
                )
        except TimeoutError as exc:
            raise httpcore2.ConnectTimeout from exc
        except OSError as exc:
            raise httpcore2.ConnectError from exc
        return connected

    addresses = await _resolve(source, host, port, seconds)
    for address in addresses:
        _judge(source, host, address, encrypted=tls is not None)
    *others, last = addresses
    for address in others:
        with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
            return await connect_to(address)
    return await connect_to(last)


async def _resolve(source: Source, host: str, port: int, seconds: float) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:  # UnicodeError: a label that DNS does not have room for
        raise TransientError(f"{source.company}: the name {host[:200]} cannot be resolved now") from exc
    return [ip_address(sockaddr[0]) for *_, sockaddr in answers]


def _judge(source: Source, host: str, address: Address, *, encrypted: bool) -> None:
    networks = source.allowed_networks
    if not may_connect(address, networks):
        problem = "which is not on the public internet"
    elif not (encrypted or is_inside(address, networks)):
        problem = "and http would show everything to everyone on the way there: use https"
    else:
        return
    raise PermanentError(
        f"{source.company}: {host[:200]} has the address {address}, {problem}; if it is your own network, "
        f"allow it with: {source.command(f'--allow-network {ip_network(address)}')}"
    )
