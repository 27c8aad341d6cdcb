"""The pages for everyone on 127.0.0.1: ``python -m tests.soak.page_server DATABASE_URL`` prints their URL."""

from __future__ import annotations

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from livedash_core.db import make_engine
from livedash_core.operations.company_access import Visitor
from livedash_core.pipeline import BUILT_IN
from livedash_core.web import create_app


def main() -> None:
    engine = make_engine(sys.argv[1])
    app = create_app(
        open_engine=lambda: engine,
        can_read=lambda: None,
        may_run=lambda: lambda _: True,
        visitor=lambda: Visitor("soak", None),
        pipeline=BUILT_IN,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/livedash", flush=True)
        config = uvicorn.Config(Starlette(routes=[Mount("/livedash", app)]), log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
