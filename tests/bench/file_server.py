"""A directory over HTTP on 127.0.0.1: ``python -m tests.bench.file_server DIRECTORY [USER:PASSWORD]``."""

from __future__ import annotations

import sys
from base64 import b64encode
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.bench.server_process import started


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Head and body are two writes: Nagle's algorithm would hold the second for the client's delayed ACK, 40 ms.
    disable_nagle_algorithm = True

    def __init__(self, *args: Any, login: str | None, **how: Any) -> None:
        # Set first: the base class handles the requests in its constructor.
        self._expected = login and f"Basic {b64encode(login.encode()).decode()}"
        super().__init__(*args, **how)

    def do_GET(self) -> None:
        if self._expected is None or self.headers["Authorization"] == self._expected:
            super().do_GET()
        else:
            self.send_error(HTTPStatus.UNAUTHORIZED)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
        """A line per request would be part of what is measured."""


class _Server(ThreadingHTTPServer):
    #: As many as connect at once; a connection beyond the default of 5 is tried again after a second.
    request_queue_size = 128


def serving(directory: Path, login: str | None = None) -> AbstractContextManager[str]:
    """Its URL, without a trailing slash; ``login`` (USER:PASSWORD) is demanded as HTTP Basic authentication."""
    return started("tests.bench.file_server", str(directory), *filter(None, [login]))


def main() -> None:
    login = sys.argv[2] if len(sys.argv) > 2 else None
    with _Server(("127.0.0.1", 0), partial(_Handler, directory=sys.argv[1], login=login)) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
