"""What it takes to add LiveDash to an environment that has Airflow."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from livedash_core.settings import PROJECT
from tests.bench.database import Server
from tests.bench.harness import Row, at_most, seconds
from tests.bench.product import new_directory

UV = Path(sys.executable).with_name("uv")
AIRFLOW = ("apache-airflow", "apache-airflow-providers-postgres")
SOURCES = ("livedash_core", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")


def install(server: Server) -> list[Row]:
    """the wheel, installed by pip into a new environment that has Airflow"""
    directory = new_directory(server, "install")
    wheel = _built(directory)
    pins = ["--constraint", str(PROJECT / "requirements.txt")]
    figures = []
    for number in range(server.scale.long_rounds + 1):
        environment = directory / f"venv-{number}"
        python = environment / "bin/python"
        _run(UV, "venv", "--quiet", "--seed", "--python", sys.executable, environment)
        airflow = [f"{package}=={version(package)}" for package in AIRFLOW]
        _run(UV, "pip", "install", "--quiet", "--python", python, *pins, *airflow)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
        figures.append(seconds(lambda command=pip: _run(*command)))  # type: ignore[misc] # run at once
        shutil.rmtree(environment)
    # The first one fills pip's cache.
    return [Row("`pip install` of the wheel beside Airflow", "s", figures[1:], goal=at_most(15))]


def _built(directory: Path) -> Path:
    """The wheel, from a copy of the sources: a build leaves files beside them."""
    source = directory / "source"
    source.mkdir()
    for name in SOURCES:
        path = PROJECT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(path, source / name)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    _run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", directory, source)
    (wheel,) = directory.glob("*.whl")
    return wheel


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)
