"""A chat completions server that gives everyone the same judgement: ``python -m tests.bench.model_server SECONDS``.

As lean as it can be, so that what is measured beside it is the client: it reads how long a request is, and no more.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

JUDGEMENT = {
    "language": "en",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
    "summary": "The employee asked how many days of leave are left this year and was told where to look.",
    "questions": ["How many days of leave do I have left?", "Until when can I take them?"],
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "bench-model",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(JUDGEMENT)}}
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
}
_BODY = json.dumps(COMPLETION).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, end, body = self._unread.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) == int(length[1]):
            self._unread = b""
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        self._transport.write(_ANSWER)


@contextmanager
def answering(seconds: float) -> Iterator[str]:
    """Its base URL, from a process of its own; it answers so long after a request has come."""
    command = [sys.executable, "-m", "tests.bench.model_server", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve(seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(seconds), "127.0.0.1", 0, backlog=128)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
