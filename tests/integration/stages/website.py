"""A company's web server on 127.0.0.1, and the CSV that it publishes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

CSV = "/sessions.csv"
CONVERSATION = "User: How many days of leave do I have left?\nAssistant: You have twelve days left.\n"


class Answer(NamedTuple):
    body: str | bytes = ""
    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


class Site:
    """Answers what stands in ``answers``, else 404; ``asked`` are the paths in the order in which they were."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        #: Path → the ETag that is still right; and the ETags that were asked about, "" for none.
        self.not_modified: dict[str, str] = {}
        self.conditional: dict[str, list[str]] = {}
        #: The Authorization header of the last request; it replaces "{authorization}" in an answer.
        self.authorization = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def csv_url(self) -> str:
        return self.url + CSV

    def publish(self, rows: Iterable[list[str]], *, also: bytes = b"") -> None:
        """Make these rows the CSV; ``also`` stands after them."""
        self.answers[CSV] = Answer(as_csv(rows) + also)

    def rows(self, number: int, transcript: str = CONVERSATION) -> list[list[str]]:
        """That many new rows, S1 and on, with a transcript behind each."""
        return [self.row(f"S{position}", transcript) for position in range(1, number + 1)]

    def row(self, external_id: str, transcript: str = CONVERSATION, **columns: str) -> list[str]:
        path = f"/transcripts/{external_id}.txt"
        self.answers[path] = Answer(transcript)
        values = {
            "external_session_id": external_id,
            "start_time": "02.03.2026 12:00:00",
            "end_time": "02.03.2026 12:05:00",
            "ip_address": "192.0.2.1",
            "country_code": "NL",
            "language": "en",
            "messages_sent": "1",
            "sentiment": "neutral",
            "escalated": "no",
            "forwarded_hr": "no",
            "full_transcript_url": self.url + path,
            "avg_response_time_seconds": "2.5",
            "tokens": "700",
            "tokens_eur": "0.0014",
            "category": "leave",
            "initial_message": "How many days of leave do I have left?",
        }
        return list((values | columns).values())

    def answer(self, path: str, etag: str = "") -> Answer:
        """The answer to a request for ``path``."""
        self.asked.append(path)
        self.conditional.setdefault(path, []).append(etag)
        if etag and etag == self.not_modified.get(path):
            return Answer(status=HTTPStatus.NOT_MODIFIED)
        return self.answers.get(path, Answer(status=HTTPStatus.NOT_FOUND))

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def as_csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            answer = site.answer(self.path, self.headers.get("If-None-Match", ""))
            site.authorization = self.headers.get("Authorization", "")
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            body = body.replace(b"{authorization}", site.authorization.encode())
            self.send_response(answer.status)
            for name, value in ({"Content-Type": "text/plain; charset=utf-8"} | dict(answer.headers)).items():
                self.send_header(name, value.replace("{authorization}", site.authorization))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
            """Tests read what was asked from ``asked``."""

    return Handler
