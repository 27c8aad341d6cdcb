"""A directory over HTTP on 127.0.0.1, from a process of its own.

``python -m tests.bench.file_server DIRECTORY SECONDS``: each answer takes so long.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Head and body are two writes: Nagle's algorithm would hold the second for the client's delayed ACK, 40 ms.
    disable_nagle_algorithm = True
    seconds = 0.0

    def do_GET(self) -> None:
        time.sleep(self.seconds)
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's own name
        """A line per request would be part of what is measured."""


class _Server(ThreadingHTTPServer):
    #: As many as connect at once; a connection beyond the default of 5 is tried again after a second.
    request_queue_size = 128


@contextmanager
def serving(directory: Path, *, seconds: float = 0) -> Iterator[str]:
    """Its URL, without a trailing slash."""
    command = [sys.executable, "-m", "tests.bench.file_server", str(directory), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    _Handler.seconds = float(sys.argv[2])
    with _Server(("127.0.0.1", 0), partial(_Handler, directory=sys.argv[1])) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
