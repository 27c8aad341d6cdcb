"""A model server that answers as a test says, and counts its requests by conversation."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from tests.integration.stages.loopback_server import LoopbackServer
from tests.unit.analysis.openai.scripted_server import VALID_REPLY

#: Conversations are told apart by these words; a request without one is a question of LiveDash's own.
MARK = re.compile(r"conversation-(\d+)")
OWN = "own"


class Answer(NamedTuple):
    """A response: its status, its body (sent unchanged if it is bytes), headers, and the seconds before it."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}
    seconds: float = 0.0


class Asked(NamedTuple):
    """A request: its number from 1 on, the conversation it is about (or ``OWN``), its JSON and its headers."""

    number: int
    about: str
    body: dict[str, Any]
    path: str
    headers: Mapping[str, str]


def good(**fields: Any) -> Answer:
    """A completion with a valid reply, of 100 and 50 tokens."""
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    message = {"role": "assistant", "content": json.dumps(VALID_REPLY)}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return Answer(200, {"object": "chat.completion", "choices": [choice], "usage": usage} | fields)


class FaultyServer(LoopbackServer):
    """A context manager. ``most`` is the largest number of requests that it was handling at once."""

    def __init__(self, answer: Callable[[Asked], Answer] = lambda _asked: good()) -> None:
        self.answer = answer
        #: Called with each answer when it is about to be sent.
        self.after: Callable[[Answer], object] = lambda _answer: None
        self.asked: list[Asked] = []
        self.most = 0
        self._active = 0
        self._lock = threading.Lock()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        return _handler(self)

    @property
    def posts(self) -> Counter[str]:
        """The requests by conversation."""
        return Counter(asked.about for asked in self.asked)

    def serve(self, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        body = json.loads(content)
        found = MARK.search(content.decode())
        with self._lock:
            self._active += 1
            self.most = max(self.most, self._active)
            asked = Asked(len(self.asked) + 1, found[1] if found else OWN, body, path, headers)
            self.asked.append(asked)
        answer = self.answer(asked)
        time.sleep(answer.seconds)  # the latency of the server that is simulated
        with self._lock:
            self._active -= 1
            self.after(answer)
        return answer


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            answer = server.serve(self.path, {name.lower(): value for name, value in self.headers.items()}, content)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
            """Log nothing."""

    return Handler
