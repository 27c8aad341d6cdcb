"""Installs a package as pip installs any other, apart from the environment of the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def install(directory: Path, package: Path = Path(__file__).parent) -> Path:
    """Build the wheel of ``package`` (this folder's) and install it; returns the folder to put on ``PYTHONPATH``."""
    # From a copy: a build leaves files beside its sources.
    source = shutil.copytree(package, directory / "source")
    target = directory / "installed"
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    return target
