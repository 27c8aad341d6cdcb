"""The pages for everyone on 127.0.0.1: ``python -m tests.soak.page_server DATABASE_URL`` prints their URL."""

from __future__ import annotations

import socket
import sys

import uvicorn

from livedash_core.db import make_engine
from tests.bench.pages import pages_for_everyone


def main() -> None:
    engine = make_engine(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/livedash", flush=True)
        config = uvicorn.Config(pages_for_everyone(engine), log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
