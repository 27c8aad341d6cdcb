"""A directory over HTTP on 127.0.0.1: ``python -m tests.bench.file_server DIRECTORY``."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.bench.server_process import started


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Head and body are two writes: Nagle's algorithm would hold the second for the client's delayed ACK, 40 ms.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
        """A line per request would be part of what is measured."""


class _Server(ThreadingHTTPServer):
    #: As many as connect at once; a connection beyond the default of 5 is tried again after a second.
    request_queue_size = 128


def serving(directory: Path) -> AbstractContextManager[str]:
    """Its URL, without a trailing slash."""
    return started("tests.bench.file_server", str(directory))


def main() -> None:
    with _Server(("127.0.0.1", 0), partial(_Handler, directory=sys.argv[1])) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
