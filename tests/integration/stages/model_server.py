"""A model server that gives every request the same answer, for replies and moments that llmock does not have."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.integration.stages.loopback_server import LoopbackServer


class Model(LoopbackServer):
    """Gives every POST the same answer, and counts them; ``on_post`` is called before each answer."""

    body = b""
    status = 200
    posts = 0

    def __init__(self, on_post: Callable[[], object] = lambda: None) -> None:
        self.on_post = on_post

    def handler(self) -> type[BaseHTTPRequestHandler]:
        return _handler(self)


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            model.posts += 1
            model.on_post()
            self.send_response(model.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(model.body)))
            self.end_headers()
            self.wfile.write(model.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
            """Log nothing."""

    return Handler
