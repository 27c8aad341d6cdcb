"""`livedash up` from an empty directory to the first results, and a second company added through the API."""

from __future__ import annotations

import subprocess
from datetime import date
from typing import Any

import httpx2
import pytest

from livedash_core.local.sample_source import SampleSource
from tests.e2e.client import counts
from tests.e2e.conftest import LIVEDASH, Stack
from tests.waiting import wait_until

#: PENDING for good: four stages of the session whose row failed, and three of the one without a transcript.
WAITING = 4 + 3
STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")


def analysed(api: httpx2.Client) -> int:
    """The number of sessions that AI_ANALYSIS completed, according to the events of its Asset."""
    events = api.get("/api/v2/assets/events", params={"source_dag_id": "livedash_ai_analysis", "limit": 100}).json()
    return sum(event["extra"].get("completed", 0) for event in events["asset_events"])


def test_the_sample_passes_every_stage_and_each_session_is_accounted_for(stack: Stack):
    def settled() -> dict[str, Any] | None:
        status = stack.livedash("status", "--json", "--company", "Lindeveld Groep")
        is_open = sum(counts["PENDING"] + counts["IN_PROGRESS"] for counts in status["stages"].values())
        return status if is_open == WAITING else None

    # Other tests may have retried some of its sessions just now.
    status = wait_until(settled, "the end of the sample's retries")

    assert status["total_sessions"] == 109
    assert list(status["stages"]) == list(STAGES)
    assert all(sum(counts.values()) == 109 for counts in status["stages"].values())
    assert status["stages"]["CSV_IMPORT"] == {
        "PENDING": 0,
        "IN_PROGRESS": 0,
        "COMPLETED": 108,
        "FAILED": 1,
        "SKIPPED": 0,
    }
    assert status["stages"]["TRANSCRIPT_FETCH"]["FAILED"] == 1
    assert status["stages"]["QUESTION_EXTRACTION"]["COMPLETED"] == 104
    assert status["stages"]["QUESTION_EXTRACTION"]["SKIPPED"] == 3


def test_a_failure_names_its_session_and_airflow_run(stack: Stack):
    failed = stack.livedash("failures", "--json", "--stage", "TRANSCRIPT_FETCH", "--company", "Lindeveld Groep")
    assert [failure["external_session_id"] for failure in failed] == ["LV-0017"]

    session = stack.livedash("session", "LV-0017", "--json")
    # Others may have retried it meanwhile.
    for attempt in (attempts := session["stages"][1]["failures"]):
        assert attempt["dag_run"].startswith("livedash_transcript_fetch/")
    assert attempts


def test_an_import_triggered_over_the_api_carries_a_new_company_through_the_asset_chain(stack: Stack):
    with (
        SampleSource("user", "pass", until=date(2026, 3, 31)) as source,
        stack.api() as api,
        stack.database() as engine,
    ):
        connection = {"connection_id": "second_http", "conn_type": "http", "login": "user", "password": "pass"}
        api.post("/api/v2/connections", json=connection).raise_for_status()
        stack.livedash(
            "company", "add", "Second", "--csv-url", source.csv_url, "--http-conn-id", "second_http",
            "--timezone", "Europe/Amsterdam", "--allow-network", "127.0.0.0/8",
        )  # fmt: skip

        before = analysed(api)
        answer = api.post(
            "/api/v2/dags/livedash_csv_import/dagRuns", json={"logical_date": None, "conf": {"company": "Second"}}
        )
        assert answer.status_code == 200, answer.text

        def through() -> bool:
            last = counts(engine, "Second", "QUESTION_EXTRACTION")
            return last["COMPLETED"] + last["SKIPPED"] == 107

        wait_until(through, "107 sessions through QUESTION_EXTRACTION", 300)
        for stage in STAGES[1:]:
            runs = api.get(f"/api/v2/dags/livedash_{stage.lower()}/dagRuns").json()["dag_runs"]
            assert any(run["run_type"] == "asset_triggered" for run in runs), stage
        wait_until(lambda: analysed(api) - before == 104, "the events about 104 analysed sessions")


def test_a_second_up_on_the_same_data_prints_the_address_of_the_first(stack: Stack):
    second = subprocess.run([LIVEDASH, "up"], env=stack.environment, capture_output=True, text=True, check=False)

    assert second.returncode == 1
    assert f"livedash up is running already, at {stack.url}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_one_line_that_names_another(stack: Stack, tmp_path):
    port = stack.environment["LIVEDASH_PORT"]
    second = subprocess.run(
        [LIVEDASH, "up"],
        env=stack.environment | {"LIVEDASH_HOME": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr.strip() == (
        f"livedash: port {port} is taken; choose another one with the variable LIVEDASH_PORT, "
        f"for example {int(port) + 1}"
    )


@pytest.mark.parametrize("secret", ["admin_password", "sample_password", "fernet_key", "jwt_secret"])
def test_no_secret_reaches_a_log(stack: Stack, secret: str):
    value = stack.home.secrets[secret]
    for log in [*stack.home.logs.rglob("*.log"), *(stack.home.airflow / "logs").rglob("*.log")]:
        assert value not in log.read_text(errors="replace"), f"{secret} stands in {log.name}"
