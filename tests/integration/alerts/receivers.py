"""Real receivers of alerts on loopback: an SMTP server that wants a login, and a webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.integration.stages.loopback_server import LoopbackServer

LOGIN, PASSWORD = "livedash", "mail-pw-93c1f0aa"
#: In the webhook's address, as chat programs have it.
TOKEN = "T0-B0-5f3d9a71c2e8"


class Mailbox:
    """An SMTP server; ``refuses`` is the answer to every message, if it is set."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuses: str | None = None
        self.port = 0

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        if not session.authenticated:
            return "530 log in"
        if self.refuses:
            return self.refuses
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def connection(self) -> str:
        """The Airflow connection that sends to it."""
        extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0, "timeout": 5}
        return json.dumps(
            {
                "conn_type": "smtp",
                "host": "127.0.0.1",
                "port": self.port,
                "login": LOGIN,
                "password": PASSWORD,
                "extra": extra,
            }
        )


class _AnyPort(Controller):
    """On a free port, where the original connects to port 0 to see that it serves."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        expected = LoginPassword(LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=data == expected)

    box = Mailbox()
    controller = _AnyPort(box, hostname="127.0.0.1", port=0, authenticator=authenticate, auth_require_tls=False)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


class Webhook(LoopbackServer):
    """Keeps what is posted to its secret address; answers with ``status``."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.status = 200

    def handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.path == f"/v1/{TOKEN}"
                if right and webhook.status == 200:
                    webhook.posts.append(json.loads(body))
                self.send_response(webhook.status if right else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    def connection(self) -> str:
        """The Airflow connection that posts to it."""
        return json.dumps({"conn_type": "generic", "host": f"{self.url}/{TOKEN}"})
