"""Loading DAGs from packages: for an existing Airflow, and of added stages. Each check in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from livedash_core.pipeline import BUILT_IN

PROJECT = Path(__file__).parents[2]
BESIDE_STAGES = ("livedash_alerts", "livedash_retention", "livedash_topic_edit", "livedash_topics")

LOAD_ONE_FILE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
print(json.dumps({"errors": bag.import_errors, "dags": sorted(bag.dags)}))
"""

LOAD_BUNDLES = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
found = {}
for bundle in DagBundlesManager().get_all_dag_bundles():
    bundle.initialize()
    bag = DagBag(dag_folder=str(bundle.path))
    found[bundle.name] = {"errors": bag.import_errors, "dags": sorted(bag.dags)}
print(json.dumps(found))
"""

LOAD_PLUGINS = """
import json
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
print(json.dumps({"errors": errors, "sources": [str(p.source) for p in plugins if p.name == "livedash"]}))
"""

BROKEN_STAGES = """
from dataclasses import replace
from livedash_core.airflow.dag_loader import load_dags
from livedash_core.pipeline import BUILT_IN
first, second, third, *_ = BUILT_IN.stages
load_dags([replace(first, dag="no_such_module:dag"), replace(second, dag=third.dag), replace(third, dag="os:getcwd")])
"""


def python(code: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", **environment}
    command = [sys.executable, "-c", code, *arguments]
    # Not in the checkout: what a build leaves there would count as a second installation.
    return subprocess.run(command, capture_output=True, text=True, check=False, env=settings, cwd=home)


def test_one_line_in_the_dag_folder_of_an_existing_airflow_loads_every_dag(tmp_path: Path):
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "livedash.py").write_text("from livedash_core.airflow.all_dags import *\n")

    done = python(LOAD_ONE_FILE, tmp_path, str(folder))

    loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded == {"errors": {}, "dags": sorted([*BUILT_IN.dag_ids, *BESIDE_STAGES])}


def test_the_documented_dag_bundle_loads_every_dag_beside_the_dag_folder(tmp_path: Path):
    documented = re.findall(r"DAG_BUNDLE_CONFIG_LIST='(.+?)'", (PROJECT / "docs/install.md").read_text(), re.DOTALL)
    done = python(LOAD_BUNDLES, tmp_path, AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=documented[0])

    loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded["dags-folder"] == {"errors": {}, "dags": []}
    assert loaded["livedash"] == {"errors": {}, "dags": sorted([*BUILT_IN.dag_ids, *BESIDE_STAGES])}


def test_the_plugin_is_registered_once_where_its_file_and_its_entry_point_are_both_present(tmp_path: Path):
    done = python(LOAD_PLUGINS, tmp_path, AIRFLOW__CORE__PLUGINS_FOLDER=str(PROJECT / "plugins"))

    loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded["errors"] == {}
    assert len(loaded["sources"]) == 1
    assert "livedash_core.airflow.plugin" in loaded["sources"][0]


@pytest.mark.parametrize(
    "complaint",
    [
        "the DAG of the stage CSV_IMPORT cannot be created: ModuleNotFoundError: No module named 'no_such_module'",
        "the stage TRANSCRIPT_FETCH must have the id livedash_transcript_fetch, not livedash_session_creation",
        "the DAG of the stage SESSION_CREATION cannot be created: TypeError: os:getcwd returns str, not a DAG",
    ],
)
def test_an_error_names_every_stage_whose_dag_is_missing(broken_stages: str, complaint: str):
    assert complaint in broken_stages


@pytest.fixture(scope="module")
def broken_stages(tmp_path_factory: pytest.TempPathFactory) -> str:
    return python(BROKEN_STAGES, tmp_path_factory.mktemp("airflow")).stderr
