"""A company's own web server: its CSV and transcripts behind Basic authentication, as its admins wrote them.

Windows line ends, umlauts, quotes inside quotes, initial messages over several lines.
"""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

USER, PASSWORD = "jürgen", "p@ss/w:örd%"
CSV_PATH = "/export/chats.csv"
FIRST = datetime(2026, 5, 1, 8)


@dataclass
class Chat:
    """What was said; ``messages`` are (role, content). One chat an hour, in the company's own time."""

    number: int
    messages: list[tuple[str, str]]
    path: str = ""

    @property
    def external_id(self) -> str:
        return f"chat-{self.number:04d}"

    @property
    def started(self) -> datetime:
        return FIRST + timedelta(hours=self.number)

    @property
    def transcript(self) -> str:
        lines = (
            f"[{self.started + timedelta(minutes=minute):%d.%m.%Y %H:%M:%S}] {role}: {content}"
            for minute, (role, content) in enumerate(self.messages)
        )
        return "\n".join(lines).replace("\n", "\r\n")


def conversation(number: int) -> Chat:
    """The same for the same number, and unlike all others."""
    question = f'Grüezi, Frage {number}: Ferien, Überstunden; "Spesen"?\nUnd wie viele Tage, ca.?'
    messages = [("User", question), ("Assistant", f"Guten Tag – zu {number}:\n- öffnen Sie die App\n\n- «Antrag»")]
    messages += [("User", f"Danke {number}, {turn} 👍"[:60]) for turn in range(number % 4)]
    return Chat(number, messages, f"/t/{number}.txt")


@dataclass
class CompanyServer:
    """Publishes ``chats`` while ``serving()`` lasts. ``requests`` counts what was asked for, by path."""

    chats: list[Chat]
    password: str = PASSWORD
    #: In place of the transcript's own address, for rows that lead elsewhere.
    transcripts: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    url: str = ""
    #: Of the CSV; without one, no request is conditional.
    etag: str = ""
    #: Transcripts answered before the server holds back the next until ``resume``; None: never.
    pause_after: int | None = None
    #: How long it holds back a transcript at most; None: until ``resume``.
    pause_seconds: float | None = None
    paused: Event = field(default_factory=Event)
    resume: Event = field(default_factory=Event)
    #: Transcript requests that the server had at once, now and at most.
    at_once: int = 0
    peak: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def csv_url(self) -> str:
        return self.url + CSV_PATH

    def csv(self) -> bytes:
        file = io.StringIO()
        rows = csv.writer(file, lineterminator="\r\n")
        for chat in self.chats:
            began, ended = (f"{time:%d.%m.%Y %H:%M:%S}" for time in (chat.started, chat.started + timedelta(minutes=9)))
            link = (self.transcripts or self.url) + chat.path if chat.path else ""
            spoken = next((content for role, content in chat.messages if role == "User"), "")
            facts = (began, ended, "10.1.2.3", "CH", "German", len(chat.messages), "neutral", "no", "no")
            rows.writerow((chat.external_id, *facts, link, "1.5", "120", "0.0021", "", spoken))
        return file.getvalue().encode()

    @contextmanager
    def serving(self) -> Iterator[CompanyServer]:
        served = self
        expected = "Basic " + b64encode(f"{USER}:{self.password}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                if self.headers["Authorization"] != expected:
                    served.requests["refused"] += 1
                    status, body = 401, b"who are you?"
                else:
                    status, body = served.answer(self.path)
                if self.path == CSV_PATH and served.etag and self.headers["If-None-Match"] == served.etag:
                    status, body = 304, b""
                self.send_response(status)
                if self.path == CSV_PATH and served.etag:
                    self.send_header("ETag", served.etag)
                self.send_header("Content-Type", "text/csv; charset=utf-8" if self.path == CSV_PATH else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing: the test counts."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that was stopped has hung up."""

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self.resume.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, path: str) -> tuple[int, bytes]:
        if path == CSV_PATH:
            self.requests["csv"] += 1
            return 200, self.csv()
        chat = next((chat for chat in self.chats if chat.path == path), None)
        with self._lock:
            self.requests["transcript"] += 1
            self.at_once += 1
            self.peak = max(self.peak, self.at_once)
            held = self.pause_after is not None and self.requests["transcript"] > self.pause_after
        if held:
            self.paused.set()
            self.resume.wait(self.pause_seconds)
        with self._lock:
            self.at_once -= 1
        return (200, chat.transcript.encode()) if chat and chat.messages else (404, b"gone")
