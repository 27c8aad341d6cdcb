"""HTTP/1.1 over bare asyncio transports: only when a whole message has come, its length told by ``Content-Length``."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HttpMessages(asyncio.Protocol, ABC):
    """A connection that says when a message has come; one without a length has no body."""

    def __init__(self) -> None:
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, end, body = self._unread.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and len(body) == (int(length[1]) if length else 0):
            self._unread = b""
            self.message_received()

    @abstractmethod
    def message_received(self) -> None:
        """A message has come whole."""
