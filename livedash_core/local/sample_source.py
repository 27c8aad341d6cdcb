"""The sample company's web server: its CSV and transcripts on 127.0.0.1, with Basic authentication.

As a process: ``python -m livedash_core.local.sample_source --port N``, with the credentials in the environment
variables LIVEDASH_SAMPLE_USERNAME and LIVEDASH_SAMPLE_PASSWORD; SIGTERM or SIGINT ends it.
"""

from __future__ import annotations

import argparse
import hmac
import logging
import os
import signal
import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

from livedash_core.errors import ConfigurationError
from livedash_core.local.sample import build_sample

HOST = "127.0.0.1"
CSV_PATH = "/sessions.csv"
USERNAME_VARIABLE = "LIVEDASH_SAMPLE_USERNAME"
PASSWORD_VARIABLE = "LIVEDASH_SAMPLE_PASSWORD"  # noqa: S105 - the name of a variable, not a password

logger = logging.getLogger(__name__)


class _Resource(NamedTuple):
    body: bytes
    content_type: str
    etag: str


class SampleSource:
    """A context manager that serves the sample.

    ``port`` 0 takes a free port; ``port``, ``url`` and ``csv_url`` are final from ``__enter__`` on. ``until`` (default:
    today in UTC) is the day after the last session; the same day and port publish the same bytes.

    Raises ConfigurationError when a credential is empty, the username holds a colon (which Basic authentication
    cannot carry), or the port is taken.
    """

    def __init__(self, username: str, password: str, *, port: int = 0, until: date | None = None) -> None:
        if not username or not password:
            raise ConfigurationError("the sample source needs a username and a password, and one of them is empty")
        if ":" in username:
            raise ConfigurationError(
                "the sample source's username holds a colon, which Basic authentication cannot carry"
            )
        self._credentials = b64encode(f"{username}:{password}".encode())
        self._until = until or datetime.now(UTC).date()
        self.port = port

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    @property
    def csv_url(self) -> str:
        """The URL of the company's CSV."""
        return self.url + CSV_PATH

    def __enter__(self) -> Self:
        try:
            self._server = _Server((HOST, self.port), _Handler)
        except (OSError, OverflowError) as exc:
            raise ConfigurationError(
                f"the sample source cannot listen on {HOST}:{self.port} ({exc}); free it or choose another port"
            ) from exc
        self.port = self._server.server_port
        self._server.credentials = self._credentials
        self._server.resources = _resources(self.url, self._until)
        # serve_forever checks for a shutdown every 0.05 s.
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="sample-source", daemon=True)
        self._thread.start()
        logger.info("the sample company's chats are at %s", self.csv_url)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    credentials: bytes
    resources: dict[str, _Resource]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the standard library's signature
        """Log a client that disconnects; the default prints a traceback to stderr."""
        logger.debug("a request of %s broke off", client_address, exc_info=True)  # noqa: LOG014 - called while handling


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    #: Seconds until a silent connection is closed.
    timeout = 30
    #: Head and body are two writes: Nagle's algorithm would hold the second for the client's delayed ACK, 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if not self._authenticated():
            self._refuse(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="sample", charset="UTF-8"'})
        elif (resource := self.server.resources.get(self.path.partition("?")[0])) is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self._known_to_client(resource.etag):
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", resource.etag)
            self.end_headers()
        else:
            self._answer(HTTPStatus.OK, resource.body, {"Content-Type": resource.content_type, "ETag": resource.etag})

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
        # %r: the request line is the client's, and may hold control characters.
        logger.debug("%s %r", self.address_string(), format % args)

    def _authenticated(self) -> bool:
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(credentials.strip().encode(), self.server.credentials)

    def _known_to_client(self, etag: str) -> bool:
        """Return whether If-None-Match contains ``etag``, by weak comparison (RFC 9110, 13.1.2)."""
        tags = self.headers.get("If-None-Match", "").split(",")
        return etag in (tag.strip().removeprefix("W/") for tag in tags)

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self._answer(status, f"{status.phrase}\n".encode(), {"Content-Type": "text/plain", **(headers or {})})

    def _answer(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _resources(url: str, until: date) -> dict[str, _Resource]:
    sample = build_sample(url, until=until)
    published = {CSV_PATH: (sample.csv, "text/csv; charset=utf-8")} | {
        path: (body, "text/plain; charset=utf-8") for path, body in sample.transcripts.items()
    }
    return {
        path: _Resource(body, content_type, f'"{sha256(body).hexdigest()}"')
        for path, (body, content_type) in published.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code: 0 after a signal, 1 if it cannot start.

    Wrong usage, such as a missing variable, exits with 2.
    """
    parser = argparse.ArgumentParser(prog="python -m livedash_core.local.sample_source", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument(
        "--until",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="the sessions end before it (default: today, UTC)",
    )
    options = parser.parse_args(arguments)
    try:
        username, password = os.environ[USERNAME_VARIABLE], os.environ[PASSWORD_VARIABLE]
    except KeyError as exc:
        parser.error(f"the environment variable {exc.args[0]} is not set")
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the first thread starts, so that an early signal waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with SampleSource(username, password, port=options.port, until=options.until) as source:
            print(f"serving {source.csv_url}", flush=True)
            signal.sigwait(ends)
    except ConfigurationError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
