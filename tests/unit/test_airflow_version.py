"""An Airflow outside the tested range is refused with one sentence."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from livedash_core.errors import ConfigurationError
from livedash_core.operations import airflow_version

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


def install(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    installed = {name.replace("_", "-"): version for name, version in versions.items()}

    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(airflow_version, "version", version)


@pytest.mark.parametrize("version", ["3.2.2", "3.3.0", "3.3.2", "3.3.3.post1", "3.4.0b2", "3.99"])
def test_a_version_of_the_range_is_accepted(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, apache_airflow_core=version)
    airflow_version.check_airflow_version()


@pytest.mark.parametrize("version", ["3.2.1", "3.1.8", "3.2.2rc1", "4.0.0", "4.0.0b1", "10.0"])
def test_another_version_is_named_with_the_range_and_the_command(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, apache_airflow_core=version, apache_airflow="3.3.2")

    with pytest.raises(ConfigurationError) as refusal:
        airflow_version.check_airflow_version()
    assert f"Airflow {version} is installed" in str(refusal.value)
    assert "pip install 'apache-airflow>=3.2.2,<4'" in str(refusal.value)


def test_airflow_2_which_has_no_core_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, apache_airflow="2.11.0")
    with pytest.raises(ConfigurationError, match=r"Airflow 2\.11\.0 is installed"):
        airflow_version.check_airflow_version()


def test_a_missing_airflow_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(ConfigurationError, match="Airflow is not installed"):
        airflow_version.check_airflow_version()


def test_the_range_is_the_one_that_pip_checks() -> None:
    assert f"apache-airflow{airflow_version.SUPPORTED}" in PYPROJECT["project"]["dependencies"]
