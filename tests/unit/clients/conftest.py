"""A real HTTP server on loopback that does what it is told and writes down what it saw."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from livedash_core.clients.fetch import BasicCredentials, Fetcher, Source

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

COMPANY_ID = UUID("0198c0de-0000-7000-8000-000000000001")
CREDENTIALS = BasicCredentials("reader", "p:ss wörd")


def http(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """A whole response; the length is added."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


@dataclass
class Request:
    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """``answers`` by path: the bytes of a response, or a coroutine function that writes it."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            request_line, *lines = head.rstrip().split("\r\n")
            path = request_line.split()[1]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            self.requests.append(Request(path, headers))
            answer = self.answers.get(path.partition("?")[0], http(status="404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
                break


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Start as many servers as the test needs: ``server = await serve({"/path": answer})``."""
    conversations: set[asyncio.Task[None]] = set()
    listeners: list[asyncio.Server] = []

    async def start(answers: dict[str, Answer], *, tls: ssl.SSLContext | None = None) -> Server:
        server = Server(answers=answers, scheme="https" if tls else "http")

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            conversations.add(task)
            try:
                await server.talk(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass  # the client hung up, or the test is over
            finally:
                writer.close()

        listener = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
        listeners.append(listener)
        server.port = listener.sockets[0].getsockname()[1]
        return server

    yield start
    for listener in listeners:
        listener.close()
    for task in conversations:
        task.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)
    for listener in listeners:
        await listener.wait_closed()


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher() as fetcher:
        yield fetcher


@pytest.fixture
def source_at() -> Callable[..., Source]:
    """The source of a company whose CSV is on ``server``; loopback is allowed unless the test says otherwise."""

    def make(server: Server, **changes: Any) -> Source:
        fields = {
            "company_id": COMPANY_ID,
            "company": "Acme & Sons",
            "csv_url": server.url("/sessions.csv"),
            "credentials": CREDENTIALS,
            "allowed_origins": (),
            "allowed_networks": (ip_network("127.0.0.0/8"),),
        }
        return Source(**{**fields, **changes})

    return make
