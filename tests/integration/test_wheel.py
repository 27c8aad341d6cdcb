"""The wheel: what an installation without the checkout has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the sources: a build leaves files beside them."""
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"
    shutil.copytree(PROJECT / "livedash_core", source / "livedash_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (PROJECT / name).exists():
            shutil.copy(PROJECT / name, source)
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", directory, source], check=True)
    (built,) = directory.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile):
    files = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "livedash_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files - set(wheel.namelist()) == {"livedash_core/migrations/script.py.mako"}  # only to write migrations
    assert {"livedash_core/py.typed", "livedash_core/airflow/dags/csv_import.py"} <= set(wheel.namelist())


def test_the_wheel_registers_the_command_and_the_plugin(wheel: zipfile.ZipFile):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entries = wheel.read(name).decode()

    assert "livedash = livedash_core.cli:main" in entries
    assert "[airflow.plugins]\nlivedash = livedash_core.airflow.plugin:LiveDashPlugin" in entries
