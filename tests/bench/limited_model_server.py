"""A model server of limited capacity: ``python -m tests.bench.limited_model_server BODY SECONDS AT_ONCE REFUSES``.

It works on AT_ONCE requests, SECONDS each. More than those wait in the order in which they came, or are refused with
429 if REFUSES is 1.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.http_messages import HttpMessages
from tests.bench.model_server import COMPLETION
from tests.bench.server_process import started


def _message(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class _Capacity:
    """What all connections share."""

    def __init__(self, body: str, seconds: float, at_once: int, *, refuses: bool) -> None:
        self._answer = _message("200 OK", body)
        refusal = {"error": {"message": "Too many concurrent requests", "code": 429}}
        self._refusal = _message("429 Too Many Requests", json.dumps(refusal))
        self._seconds = seconds
        self._free = at_once
        self._refuses = refuses
        self._waiting: deque[asyncio.WriteTransport] = deque()

    def serve(self, transport: asyncio.WriteTransport) -> None:
        if self._free:
            self._free -= 1
            asyncio.get_running_loop().call_later(self._seconds, self._answered, transport)
        elif self._refuses:
            transport.write(self._refusal)
        else:
            self._waiting.append(transport)

    def _answered(self, transport: asyncio.WriteTransport) -> None:
        transport.write(self._answer)
        self._free += 1
        if self._waiting:
            self.serve(self._waiting.popleft())


class _Connection(HttpMessages):
    def __init__(self, capacity: _Capacity) -> None:
        super().__init__()
        self._capacity = capacity

    def message_received(self) -> None:
        self._capacity.serve(self.transport)


@contextmanager
def answering(seconds: float, at_once: int, *, refuses: bool) -> Iterator[str]:
    """Its base URL."""
    arguments = (json.dumps(COMPLETION), str(seconds), str(at_once), str(int(refuses)))
    with started("tests.bench.limited_model_server", *arguments) as url:
        yield f"{url}/v1"


async def _serve(body: str, seconds: float, at_once: int, *, refuses: bool) -> None:
    capacity = _Capacity(body, seconds, at_once, refuses=refuses)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(capacity), "127.0.0.1", 0, backlog=128)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), refuses=sys.argv[4] == "1"))
