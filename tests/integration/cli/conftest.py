"""The real program, run as its user runs it, in an environment that says nothing but what a test wants."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from livedash_core.operations.companies import add_company
from tests import fork_server
from tests.integration.cli.company_server import PASSWORD, USER, CompanyServer, conversation

CONNECTION = f"http://{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@example.com"
_OURS = ("LIVEDASH_", "AIRFLOW", "OPENAI_", "COLUMNS", "FORCE_COLOR")


class CommandLine:
    """Runs `livedash`, and checks that it prints neither a traceback nor a password."""

    def __init__(self, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environment = {**kept, **environment}

    def start(self, *arguments: str) -> fork_server.ForkedProcess:
        return fork_server.start(
            "livedash", *arguments, env=self.environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def finish(self, process: fork_server.ForkedProcess, code: int = 0, *, seconds: float = 60) -> tuple[str, str]:
        """Standard output and standard error of a program that ended with ``code``."""
        out, err = process.communicate(timeout=seconds)
        for secret in (PASSWORD, quote(PASSWORD, safe=""), "Traceback"):
            assert secret not in out + err
        assert process.returncode == code, f"{process.args} ended with {process.returncode}: {out}{err}"
        return out, err

    def __call__(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        return self.finish(self.start(*arguments), code)

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code)[0])

    def refuses(self, *commands: tuple[str, ...], code: int = 2) -> list[str]:
        """Run the commands concurrently; return the one line that each prints, on standard error only."""
        results = [self.finish(process, code) for process in [self.start(*command) for command in commands]]
        for out, err in results:
            assert out == ""
            assert err.count("\n") == 1, err
        return [err for _, err in results]

    def with_environment(self, changes: Mapping[str, str]) -> CommandLine:
        return CommandLine(**{**self.environment, **changes})


@pytest.fixture
def livedash(database_url: str) -> CommandLine:
    return CommandLine(LIVEDASH_DATABASE_URL=database_url, AIRFLOW_CONN_ACME=CONNECTION)


Publish = Callable[..., CompanyServer]


@pytest.fixture
def acme(engine: Engine) -> Iterator[Publish]:
    """``server = acme(20)``: a company whose server publishes so many chats, or those given."""
    with ExitStack() as stack:

        def publish(chats: int | list[Any], **how: Any) -> CompanyServer:
            listed = [conversation(number) for number in range(chats)] if isinstance(chats, int) else chats
            server = stack.enter_context(CompanyServer(listed, **how).serving())
            with engine.begin() as connection:
                add_company(
                    connection,
                    "Acme",
                    {
                        "csv_url": server.csv_url,
                        "http_conn_id": "acme",
                        "timezone": "Europe/Zurich",
                        "allowed_networks": ["127.0.0.0/8"],
                    },
                )
            return server

        yield publish
