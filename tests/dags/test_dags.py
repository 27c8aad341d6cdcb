"""The five DAGs as Airflow reads them: no scheduler, no database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).parents[2] / "dags"
STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")

# In a process of its own: importing Airflow sets up logging, warnings and signal handlers that are not ours.
READ_DAGS = """
import json, sys, sqlite3
import sqlalchemy, psycopg
connected = []
psycopg.connect = lambda *a, **k: connected.append("psycopg")
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(dag_folder=sys.argv[1])
heavy = [module for module in ("openai", "eld") if module in sys.modules]
read = {"errors": bag.import_errors, "connected": connected, "heavy": heavy}
for dag_id, dag in bag.dags.items():
    DagSerialization.to_dict(dag)
    awaited = getattr(dag.timetable, "asset_condition", None)
    read[dag_id] = {
        "waits_for": sorted(asset.name for asset in awaited.objects) if awaited else [],
        "publishes": sorted(o.name for t in dag.tasks for o in t.outlets if type(o).__name__ == "Asset"),
        "tasks": sorted(dag.task_ids),
        "params": sorted(dag.params),
        "doc": bool(dag.doc_md and "When it is red" in dag.doc_md),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "owner": dag.owner,
        "tags": sorted(dag.tags),
    }
print(json.dumps(read))
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> dict:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = [sys.executable, "-c", READ_DAGS, str(DAGS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_dag_is_read_and_serialised_without_an_error_a_query_or_a_heavy_import(read):
    assert read["errors"] == {}
    assert read["connected"] == []
    assert read["heavy"] == []


def test_there_is_one_dag_per_stage(read):
    assert {key for key in read if key.startswith("livedash_")} == {f"livedash_{stage.lower()}" for stage in STAGES}


def test_the_chain_of_assets_is_the_order_of_the_stages(read):
    published = [read[f"livedash_{stage.lower()}"]["publishes"] for stage in STAGES]
    awaited = [read[f"livedash_{stage.lower()}"]["waits_for"] for stage in STAGES]

    assert published == [
        ["livedash_imports"],
        ["livedash_transcripts"],
        ["livedash_sessions"],
        ["livedash_analyses"],
        ["livedash_questions"],
    ]
    assert awaited == [[], *published[:-1]]


@pytest.mark.parametrize("stage", STAGES)
def test_each_dag_has_what_its_users_need(read, stage):
    dag = read[f"livedash_{stage.lower()}"]

    assert dag["doc"]
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert (dag["owner"], dag["tags"]) == ("livedash", ["livedash"])
    assert {"plan", "lane", "publish", "all_lanes_ok"} <= set(dag["tasks"])
    assert {"company", "from", "to", "session_ids", "retry_failed", "limit"} <= set(dag["params"])


def test_the_core_never_imports_airflow():
    code = (
        "import sys, livedash_core, livedash_core.cli, livedash_core.stages.registry, livedash_core.web.app;"
        "sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
