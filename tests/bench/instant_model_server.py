"""The same answer to everyone: ``python -m tests.bench.instant_model_server CONTENT_TYPE BODY SECONDS``.

As lean as it can be, so that what is measured beside it is the client: it reads how long a request is, and no more.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractContextManager

from tests.bench.http_messages import HttpMessages
from tests.bench.server_process import started


class _Connection(HttpMessages):
    def __init__(self, answer: bytes, seconds: float) -> None:
        super().__init__()
        self._answer = answer
        self._seconds = seconds

    def message_received(self) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self.transport.write, self._answer)
        else:
            self.transport.write(self._answer)


def answering(content_type: str, body: str, *, seconds: float) -> AbstractContextManager[str]:
    """Its URL, without a trailing slash; it answers so long after a request has come."""
    return started("tests.bench.instant_model_server", content_type, body, str(seconds))


async def _serve(content_type: str, body: bytes, seconds: float) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(head + body, seconds), "127.0.0.1", 0, backlog=128
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2].encode(), float(sys.argv[3])))
