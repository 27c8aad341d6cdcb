"""Servers that others wrote, each installed into an environment of its own and started on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.integration.conftest import (
    database_url,
    engine,
    execute_maintenance,
    postgres,
    records,
    template,
)
from tests.integration.stages.conftest import companies, faulty, pipeline, sessions

__all__ = [
    "companies",
    "database_url",
    "engine",
    "execute_maintenance",
    "faulty",
    "pipeline",
    "postgres",
    "records",
    "sessions",
    "template",
]

#: The packages, at the versions that were tried.
LITELLM, FAKELLM = "litellm[proxy]==1.108.7", "fakellm==0.3.5"
#: The folder of an environment that has them already.
INSTALLED = "OTHER_SERVERS"
#: A proxy imports a hundred packages before it answers.
START_SECONDS = 300.0

Start = Callable[..., str]


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install a package with pip into a new environment; returns the folder of its commands."""

    def install(package: str) -> Path:
        if installed := os.environ.get(INSTALLED):
            return Path(installed) / "bin"
        home = tmp_path_factory.mktemp("server") / "venv"
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True)
        return home / "bin"

    return install


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command that serves at the port in ``{port}`` of its arguments; returns the base URL when it answers."""
    with ExitStack() as stack:

        def start(*command: str | Path, probe: str, **environment: str) -> str:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            arguments = [str(part).replace("{port}", str(port)) for part in command]
            log = stack.enter_context((tmp_path / "server.log").open("w"))
            process = subprocess.Popen(
                arguments, cwd=tmp_path, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START_SECONDS
            while not answers(url + probe):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the server did not start: {(tmp_path / 'server.log').read_text()[-2_000:]}")
                time.sleep(0.2)
            return f"{url}/v1"

        yield start


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture(scope="session")
def litellm(install: Callable[[str], Path]) -> Path:
    return install(LITELLM)


@pytest.fixture(scope="session")
def fakellm(install: Callable[[str], Path]) -> Path:
    return install(FAKELLM)


def write_json(path: Path, content: object) -> Path:
    """YAML is a superset of JSON."""
    path.write_text(json.dumps(content))
    return path
