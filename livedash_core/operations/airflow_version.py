"""The Airflow versions that LiveDash was tested with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import SpecifierSet

from livedash_core.errors import ConfigurationError

#: The range in pyproject.toml (a test compares them); docs/install.md lists the versions that were tried.
SUPPORTED = ">=3.2.2,<4"


def check_airflow_version() -> None:
    """Check the installed Airflow; reads its metadata and does not import it.

    Raises ``ConfigurationError`` if it is missing or its version is outside the range.
    """
    found = _installed("apache-airflow-core") or _installed("apache-airflow")
    if found is None:
        raise ConfigurationError(f"Airflow is not installed; install it: pip install 'apache-airflow{SUPPORTED}'")
    if not SpecifierSet(SUPPORTED).contains(found, prereleases=True):
        raise ConfigurationError(
            f"LiveDash is tested with Airflow {SUPPORTED}, and Airflow {found} is installed; "
            f"install one of the range: pip install 'apache-airflow{SUPPORTED}'"
        )


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
