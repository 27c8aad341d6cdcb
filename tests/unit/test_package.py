"""The public names of livedash_core, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import livedash_core
from livedash_core.settings import Settings


def test_the_package_exports_what_it_lists_and_nothing_else():
    assert livedash_core.__all__ == sorted(livedash_core._MODULES)
    for name in livedash_core.__all__:
        assert getattr(livedash_core, name).__name__ == name


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, livedash_core; sys.exit(bool({'sqlalchemy', 'openai', 'airflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_settings_show_no_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("LIVEDASH_DATABASE_URL", "postgresql://user:hunter2@host/db")

    assert "very-secret" not in repr(Settings())
    assert "hunter2" not in repr(Settings())


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("LIVEDASH_MODEL", "")

    assert Settings().openai_api_key is None
    assert Settings().model is None
