"""docker-compose.yaml, Dockerfile and .env.example, as far as they can be proved without a Docker engine."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from livedash_core.settings import Settings
from tests.unit.test_docs import table_rows

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
COMPOSE_TEXT = COMPOSE_FILE.read_text()
EXAMPLE_TEXT = (ROOT / ".env.example").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

REQUIRED = sorted(set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT)))
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
DOCUMENTED_SETTINGS = table_rows(CONFIGURATION, "Settings")
#: What the UI offers; every provider that is installed here is one of the image's (see pyproject.toml).
LIST_CONNECTION_TYPES = """
from airflow.providers_manager import ProvidersManager
print(*ProvidersManager().hooks)
"""
AIRFLOW_SERVICES = {
    "airflow-init",
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-worker",
}


def run_compose_config(directory: Path, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """``docker-compose config`` with these values in its .env and nothing of this shell's."""
    if shutil.which("docker-compose") is None:
        if "CI" in os.environ:
            pytest.fail("docker-compose is missing in CI: nothing proves docker-compose.yaml there")
        pytest.skip("NOT PROVED: docker-compose.yaml, because docker-compose is not installed (Debian: docker-compose)")
    (directory / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    shutil.copy(COMPOSE_FILE, directory)
    return subprocess.run(
        ["docker-compose", "config"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    """A value for each secret, made by the command that .env.example gives for it."""
    recipes = re.findall(r"^# (python3 -c .+)\n(\w+)=$", EXAMPLE_TEXT, flags=re.MULTILINE)
    return {
        name: subprocess.check_output([sys.executable, *shlex.split(recipe)[1:]], text=True).strip()
        for recipe, name in recipes
    }


@pytest.fixture(scope="module")
def services(secrets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = run_compose_config(tmp_path_factory.mktemp("compose"), secrets)
    assert done.returncode == 0, done.stderr
    rendered: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return rendered


def test_the_example_says_how_to_make_every_secret_and_lists_every_variable(secrets: dict[str, str]) -> None:
    assert sorted(secrets) == REQUIRED
    listed = set(re.findall(r"^(?:# )?(\w+)=", EXAMPLE_TEXT, flags=re.MULTILINE))
    interpolated = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    assert interpolated <= listed
    # Read by what runs in the containers; FORWARDED_ALLOW_IPS by uvicorn.
    read = {row[0].strip("`") for row in DOCUMENTED_SETTINGS} | {"FORWARDED_ALLOW_IPS"}
    others = {name for name in listed - interpolated - read if not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))}
    assert others == set()


#: Set by docker-compose.yaml itself, whatever .env says.
OF_COMPOSE = {"LIVEDASH_DATABASE_URL", "AIRFLOW_CONN_LIVEDASH_POSTGRES"}


def test_every_documented_setting_and_connection_in_env_reaches_every_airflow_container(
    secrets: dict[str, str], tmp_path: Path
) -> None:
    documented = {row[0].strip("`") for row in DOCUMENTED_SETTINGS}
    documented |= {row[1].strip("`").replace("<ID>", "ACME_HTTP") for row in table_rows(CONFIGURATION, "Connections")}
    assert {name.upper() for name in Settings.model_fields} <= {name.removeprefix("LIVEDASH_") for name in documented}
    values = {name: f"value-of-{name.lower()}" for name in documented}
    values["AIRFLOW_CONN_ACME_HTTP"] = """'{"conn_type": "generic", "login": "u", "password": "p @:/#ss"}'"""
    values |= {
        "AIRFLOW__API__BASE_URL": "https://x.example",
        "AIRFLOW__CORE__PARALLELISM": "64",
        "LIVEDASH_PORT": "8099",
    }
    done = run_compose_config(tmp_path, {**secrets, **values})
    assert done.returncode == 0, done.stderr
    rendered = yaml.safe_load(done.stdout)["services"]

    for name in AIRFLOW_SERVICES:
        environment = rendered[name]["environment"]
        reached = {variable for variable in values if environment.get(variable) == values[variable].strip("'")}
        assert reached == values.keys() - OF_COMPOSE, name
        assert secrets["LIVEDASH_DB_PASSWORD"] in environment["LIVEDASH_DATABASE_URL"]
    for name in rendered.keys() - AIRFLOW_SERVICES:
        assert not values.keys() & rendered[name]["environment"].keys(), name


def test_no_airflow_container_has_a_secret_that_only_others_need(
    services: dict[str, Any], secrets: dict[str, str]
) -> None:
    for name in AIRFLOW_SERVICES:
        environment = services[name]["environment"]
        assert not any(secrets["POSTGRES_PASSWORD"] in str(value) for value in environment.values())
        admin = {variable for variable, value in environment.items() if value == secrets["AIRFLOW_ADMIN_PASSWORD"]}
        assert admin == ({"ADMIN_PASSWORD"} if name == "airflow-init" else set())
        assert {variable for variable in REQUIRED if environment.get(variable)} == set()


@pytest.mark.airflow
def test_the_connection_types_that_the_documents_name_exist_in_production(tmp_path: Path) -> None:
    named = {row[2] for row in table_rows(CONFIGURATION, "Connections")}
    known = subprocess.run(
        [sys.executable, "-c", LIST_CONNECTION_TYPES],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert known.returncode == 0, known.stderr
    assert named
    assert {name.lower() for name in named} <= set(known.stdout.splitlines()[-1].split())


def test_the_example_makes_values_that_their_readers_take(secrets: dict[str, str]) -> None:
    Fernet(secrets["AIRFLOW_FERNET_KEY"])
    assert len(secrets["AIRFLOW_JWT_SECRET"]) >= 64
    in_urls = [secrets[name] for name in REQUIRED if name.endswith("_PASSWORD")]
    assert in_urls
    assert all(re.fullmatch(r"[0-9a-z]{32,}", value) for value in in_urls)


@pytest.mark.parametrize("missing", REQUIRED)
def test_compose_refuses_to_start_without(missing: str, secrets: dict[str, str], tmp_path: Path) -> None:
    done = run_compose_config(tmp_path, {**secrets, missing: ""})
    assert done.returncode != 0
    assert missing in done.stderr
    assert "see .env.example" in done.stderr


def test_every_part_of_airflow_has_its_service(services: dict[str, Any]) -> None:
    assert set(services) == AIRFLOW_SERVICES | {"postgres", "postgres-init", "redis"}
    assert services["airflow-worker"]["command"] == ["airflow", "celery", "worker"]


def test_all_of_airflow_runs_one_image_with_the_same_secrets(services: dict[str, Any], secrets: dict[str, str]) -> None:
    airflow = {name: services[name] for name in AIRFLOW_SERVICES}
    assert len({service["image"] for service in airflow.values()}) == 1
    for service in airflow.values():
        environment = service["environment"]
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == secrets["AIRFLOW_JWT_SECRET"]
        assert environment["AIRFLOW__API__SECRET_KEY"] == secrets["AIRFLOW_API_SECRET_KEY"]
        assert environment["AIRFLOW__CORE__FERNET_KEY"] == secrets["AIRFLOW_FERNET_KEY"]
        assert yaml.safe_load(environment["AIRFLOW_CONN_LIVEDASH_POSTGRES"])["password"] in secrets.values()


def test_every_airflow_setting_is_an_option_that_airflow_knows(services: dict[str, Any]) -> None:
    core = distribution("apache-airflow-core").locate_file("airflow/config_templates/config.yml")
    sections = yaml.safe_load(Path(str(core)).read_text())
    # Run as a file: importing it by name would import Airflow, four seconds.
    celery = distribution("apache-airflow-providers-celery").locate_file(
        "airflow/providers/celery/get_provider_info.py"
    )
    sections |= runpy.run_path(str(celery))["get_provider_info"]()["config"]

    names = {name for service in services.values() for name in service.get("environment", {})}
    settings = sorted(name for name in names if name.startswith("AIRFLOW__"))
    assert settings
    for name in settings:
        _, section, option = name.split("__")
        assert option.lower() in sections[section.lower()]["options"], name


@pytest.mark.airflow
def test_the_executor_imports_with_the_pinned_celery(tmp_path: Path) -> None:
    """Celery 5.7 satisfies the provider's own bounds and breaks its import."""
    done = subprocess.run(
        [sys.executable, "-c", "import airflow.providers.celery.executors.celery_executor_utils"],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_the_api_server_has_a_port_and_only_on_loopback(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("ports")] == ["airflow-apiserver"]
    (port,) = yaml.safe_load(COMPOSE_TEXT)["services"]["airflow-apiserver"]["ports"]
    assert port.startswith("${LIVEDASH_BIND_ADDRESS:-127.0.0.1}:")


def test_services_wait_for_what_they_need(services: dict[str, Any]) -> None:
    def waits_for(name: str) -> dict[str, str]:
        return {other: how["condition"] for other, how in services[name]["depends_on"].items()}

    assert waits_for("postgres-init") == {"postgres": "service_healthy"}
    assert waits_for("airflow-init") == {"postgres-init": "service_completed_successfully"}
    for name in AIRFLOW_SERVICES - {"airflow-init"}:
        assert waits_for(name)["airflow-init"] == "service_completed_successfully"
    assert (
        waits_for("airflow-worker").items()
        >= {"airflow-apiserver": "service_healthy", "redis": "service_healthy"}.items()
    )
    long_running = [service for service in services.values() if service["restart"] == "unless-stopped"]
    assert len(long_running) == 7
    assert all("healthcheck" in service for service in long_running)


def test_no_secret_is_written_in_the_file() -> None:
    document = yaml.safe_load(COMPOSE_TEXT)
    environments = [document["x-environment"]]
    environments += [service.get("environment", {}) for service in document["services"].values()]
    for environment in environments:
        for name, value in environment.items():
            if re.search(r"PASSWORD|SECRET|KEY$|AUTH$", name) and value:
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), name
    passwords = re.findall(r"://\w*:([^@\s]+)@|\"password\": \"([^\"]+)\"", COMPOSE_TEXT)
    assert passwords
    assert all((in_url or in_json).startswith("${") for in_url, in_json in passwords)
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["version"]
    tagged = {name: (ROOT / name).read_text() for name in ("docker-compose.yaml", ".env.example")}
    assert all(re.findall(r"livedash-pipeline:([\d.]+)", text) == [version] for text in tagged.values())
    assert re.findall(r'tag: "([\d.]+)"', (ROOT / "docs/install.md").read_text()) == [version]
    released = re.findall(r"^## \[([\d.]+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == version


def test_every_image_says_its_version(services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in images:
        assert re.search(r":\d+(\.\d+)*", image), image
    assert f"livedash-pipeline:{PROJECT['version']}" in images
    assert f'org.opencontainers.image.version="{PROJECT["version"]}"' in DOCKERFILE


def test_the_image_copies_what_exists_and_the_builder_is_sent_nothing_else() -> None:
    copied = {
        PurePosixPath(name).name
        for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    }
    assert all((ROOT / name).exists() for name in copied)
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_the_image_installs_with_the_installer_of_make_install_and_checks_hashes() -> None:
    (of_make,) = re.findall(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r'"uv==(.+?)"', DOCKERFILE) == [of_make]
    pins = (ROOT / "requirements.txt").read_text()
    names = re.findall(r"^[a-z0-9][^\s=]*==", pins, re.MULTILINE)
    assert len(names) > 100
    assert len(re.findall(r"^[a-z0-9][^\n]* \\\n    --hash=sha256:", pins, re.MULTILINE)) == len(names)


def test_the_image_installs_an_extra_that_exists_and_does_not_run_as_root() -> None:
    assert re.findall(r'"\.\[([\w,]+)\]"', DOCKERFILE) == ["production,topics"]
    assert {"production", "topics"} <= set(PROJECT["optional-dependencies"])
    assert re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE) == ["50000"]
