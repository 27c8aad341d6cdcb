"""The folder of a local installation: where it is, whose it is, and the DAG folder in it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from livedash_core import settings
from livedash_core.errors import ConfigurationError
from livedash_core.local import environment
from livedash_core.local.environment import LocalInstallation
from livedash_core.settings import PROJECT, Settings


def test_a_checkout_keeps_its_data_beside_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVEDASH_HOME", raising=False)

    assert Settings().home == PROJECT / ".livedash"
    assert LocalInstallation(Settings().home).dags == PROJECT / "dags"


def test_an_installed_package_keeps_its_data_in_the_user_s_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "IS_CHECKOUT", False)
    monkeypatch.delenv("LIVEDASH_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")

    assert Settings().home == Path("/data/livedash")
    monkeypatch.setenv("LIVEDASH_HOME", "/srv/livedash")
    assert Settings().home == Path("/srv/livedash")


def test_an_installed_package_has_a_dag_folder_with_the_documented_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "IS_CHECKOUT", False)
    installation = LocalInstallation(tmp_path / "home")
    configured = installation.airflow_environment()

    (file,) = Path(configured["AIRFLOW__CORE__DAGS_FOLDER"]).glob("*.py")
    line = "from livedash_core.airflow.all_dags import *"
    assert line in file.read_text()
    assert line in (PROJECT / "docs/install.md").read_text()
    assert configured["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(tmp_path / "home/airflow/plugins")


def test_a_new_folder_is_for_its_owner_only_and_an_existing_one_is_left_as_it_is(tmp_path: Path) -> None:
    LocalInstallation(tmp_path / "a/b/new").create()
    (existing := tmp_path / "existing").mkdir()
    existing.chmod(0o755)
    LocalInstallation(existing).create()

    assert stat.S_IMODE((tmp_path / "a/b/new").stat().st_mode) == 0o700
    assert stat.S_IMODE(existing.stat().st_mode) == 0o755


def test_a_folder_that_cannot_be_created_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"file/home cannot be created: .+; set LIVEDASH_HOME"):
        LocalInstallation(tmp_path / "file/home").create()
