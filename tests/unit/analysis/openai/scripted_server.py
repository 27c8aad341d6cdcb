"""A model server with scripted responses, for what the third-party server llmock cannot do.

Refusals, errors with status 200, broken connections: a test scripts each response byte by byte if necessary.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from livedash_core.analysis.contract import AnalysisRequest, Turn

VALID_REPLY = {
    "summary": "The employee asked how to request leave and was told to use the app.",
    "questions": ["How do I request leave?"],
    "outcome_reason": "The chatbot explained how to request leave.",
    "outcome": "RESOLVED",
    "missing": "NONE",
    "language": "nl",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
}
SECRET = "Mijn dochter heet Zonnebloem"  # what no message may quote


def request_of(*turns: Turn, language_hint: str | None = None) -> AnalysisRequest:
    return AnalysisRequest(uuid4(), uuid4(), turns, language_hint)


Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Sends its answers in order, one per connection, and stores the JSON bodies of the requests."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    def says(self, body: Any, *, status: str = "200 OK", headers: tuple[str, ...] = ()) -> None:
        """Script a response; ``body`` is sent unchanged if it is bytes, otherwise as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
        if not any(header.lower().startswith("content-type") for header in headers):
            head.append("Content-Type: application/json")
        self.answers.append("\r\n".join([*head, "", ""]).encode() + content)

    def completes(self, content: Any, **more: Any) -> None:
        """Script a chat completion with ``content``; ``more`` sets headers, finish reason, message or body fields."""
        message = {"role": "assistant", "content": content} | more.pop("message", {})
        headers = more.pop("headers", ())
        choice = {"index": 0, "finish_reason": more.pop("finish_reason", "stop"), "message": message}
        self.says(
            {"object": "chat.completion", "model": "small-model-2026", "choices": [choice], **more}, headers=headers
        )

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self.posted.append(json.loads(await reader.readexactly(int(length.split(b":")[1]))))
            answer = self.answers.pop(0)
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()
        except ConnectionError:
            pass  # some tests make the client disconnect
        finally:
            writer.close()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    async with listener:
        yield server
