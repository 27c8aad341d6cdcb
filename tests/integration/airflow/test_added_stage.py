"""A sixth stage with a DAG of its own, from a package that is really installed: Airflow loads, chains and runs it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from livedash_core import entry_points
from livedash_core.models import Message, Session
from livedash_core.pipeline import BUILT_IN, load_pipeline
from livedash_core.web import create_app
from tests.extension.installation import install
from tests.integration.airflow.conftest import DAGS, Run, airflow_at
from tests.integration.records import NOON, Records
from tests.integration.web.conftest import HTML, allow_all, may_run_all, reader_of_all

ORDER = (*BUILT_IN.names[:3], "WORD_COUNT", *BUILT_IN.names[3:])


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow-with-extension")


@pytest.fixture(scope="module")
def airflow(airflow_home: Path, package: Path) -> Iterator[subprocess.Popen[str]]:
    """An Airflow in whose environment the package is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(package))
        with airflow_at(airflow_home) as process:
            yield process


def conversation(records: Records, company_id: UUID, session_id: UUID) -> None:
    """Store what SESSION_CREATION stores: the session and its messages."""
    with records.engine.begin() as connection:
        connection.execute(insert(Session).values(id=session_id, company_id=company_id, started_at=NOON, ended_at=NOON))
        for position, (role, content) in enumerate([("User", "How much leave is left?"), ("Assistant", "Ten days.")]):
            message = {"session_id": session_id, "position": position, "role": role, "content": content}
            connection.execute(insert(Message).values(**message, sent_at=NOON))


def test_sessions_from_before_the_installation_pass_through_the_added_stage(run: Run, records: Records):
    acme = records.company("Acme")
    spoken, silent = records.sessions(acme, 2, completed_stages=3)
    conversation(records, acme, spoken)

    added = run("WORD_COUNT", "asset_triggered")

    assert added.state == "success"
    assert (records.row(spoken, "WORD_COUNT").status, records.row(silent, "WORD_COUNT").status) == (
        "COMPLETED",
        "SKIPPED",
    )
    assert records.row(spoken, "WORD_COUNT").metadata == {"words": 7}
    assert added.events == [
        ["livedash_word_counts", {"claimed": 2, "completed": 1, "failed": 0, "skipped": 1, "released": 0}]
    ]
    assert run("AI_ANALYSIS", "asset_triggered").state == "success"
    assert records.row(spoken, "AI_ANALYSIS").status == "COMPLETED"


def test_a_session_does_not_reach_the_next_stage_before_the_added_one(run: Run, records: Records):
    records.sessions(records.company("Acme"), 1, completed_stages=3)

    early = run("AI_ANALYSIS", "asset_triggered")

    assert early.says("sessions due: 0")
    assert run("WORD_COUNT", "asset_triggered").states()["publish"] == "success"


def test_the_dag_processor_chains_the_added_dag(run: Run, airflow_home: Path, package: Path):
    run("WORD_COUNT", "scheduled", connected=False)  # its program has created Airflow's database then
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LIVEDASH"))}
    environment |= {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "PYTHONPATH": str(package),
    }
    program = Path(sys.executable).parent / "airflow"
    subprocess.run([program, "dag-processor", "--num-runs", "1"], env=environment, check=True, capture_output=True)

    with sqlite3.connect(airflow_home / "airflow.db") as database:
        assert database.execute("SELECT filename, stacktrace FROM import_error").fetchall() == []
        serialized = {dag for (dag,) in database.execute("SELECT DISTINCT dag_id FROM serialized_dag")}
        files = dict(database.execute("SELECT dag_id, relative_fileloc FROM dag"))
        waits = dict(
            database.execute(
                "SELECT dag_id, asset.name FROM dag_schedule_asset_reference JOIN asset ON asset.id = asset_id"
            )
        )
    assert serialized == {f"livedash_{stage.lower()}" for stage in ORDER} | {
        "livedash_alerts",
        "livedash_retention",
        "livedash_topics",
        "livedash_topic_edit",
    }
    assert waits["livedash_word_count"] == "livedash_sessions"
    assert waits["livedash_ai_analysis"] == "livedash_word_counts"
    # Each DAG of ours shows a file of its own as its source.
    ours = [
        f"livedash_{name}"
        for name in (*(stage.lower() for stage in BUILT_IN.names), "retention", "topics", "topic_edit")
    ]
    assert [files[dag] for dag in ours] == [f"{dag.removeprefix('livedash_')}.py" for dag in ours]
    assert files["livedash_word_count"] == "added_stages.py"


def test_the_pages_show_the_added_stage_and_link_to_its_dag(
    package: Path, records: Records, monkeypatch: pytest.MonkeyPatch
):
    records.sessions(records.company("Acme"), 2, completed_stages=3)
    monkeypatch.syspath_prepend(package)
    entry_points.search.cache_clear()
    load_pipeline.cache_clear()
    try:
        pipeline = load_pipeline()
    finally:
        entry_points.search.cache_clear()
        load_pipeline.cache_clear()
    assert pipeline.names == ORDER

    app = create_app(
        open_engine=lambda: records.engine,
        can_read=allow_all,
        may_run=may_run_all,
        visitor=reader_of_all,
        pipeline=pipeline,
    )
    with TestClient(app) as client:
        page = client.get("/", headers=HTML)

    assert page.status_code == 200
    assert "/dags/livedash_word_count" in page.text
