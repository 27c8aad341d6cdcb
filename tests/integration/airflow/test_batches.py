"""The lane of AI_ANALYSIS in batch mode: it submits a batch, defers, resumes by its trigger, collects; and cancels.

Through Airflow's own `dag.test()`, which runs triggers too, against a server of our own (`batch_server`).
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.integration.airflow.conftest import Finished, Run
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer, End, all_answered, not_run
from tests.integration.stages.batches import STAGE, Batches

pytestmark = pytest.mark.airflow
Analyse = Callable[..., Finished]

#: A trigger in its own event loop, as the triggerer runs it: deserialised from its stored form.
TRIGGER = """
import asyncio, importlib, json, sys
from airflow.serialization.serialized_objects import BaseSerialization
from livedash_core.airflow.batch_trigger import BatchTrigger

ids, what = json.loads(sys.argv[1]), sys.argv[2]
path, stored = BatchTrigger(ids, 0.05, 0.2, {"claimed": 3, "incidents": []}).serialize()
stored = BaseSerialization.deserialize(json.loads(json.dumps(BaseSerialization.serialize(stored))))
module, _, name = path.rpartition(".")
trigger = getattr(importlib.import_module(module), name)(**stored)

async def events():
    return [event.payload async for event in trigger.run()]

print(json.dumps(asyncio.run(events() if what == "run" else trigger.on_kill())))
"""


def environment(server: BatchServer) -> dict[str, str]:
    connection = {"conn_type": "openai", "password": "sk-test", "host": server.url}
    return {
        "AIRFLOW_CONN_LIVEDASH_OPENAI": json.dumps(connection),
        "LIVEDASH_MODEL": "gpt-4o-mini",
        "LIVEDASH_OPENAI_PRICES": "true",
        "LIVEDASH_BATCH_POLL_SECONDS": "0.05",
    }


@pytest.fixture
def analyse(run: Run, server: BatchServer) -> Analyse:
    def analyse(conf: dict[str, Any] | None = None, **more: str) -> Finished:
        return run(STAGE, "manual", conf, environment=environment(server) | more)

    return analyse


def test_a_run_in_batch_mode_submits_waits_collects_and_publishes(
    analyse: Analyse, batches: Batches, server: BatchServer
):
    server.ends = [End(output=all_answered, looks=3)]
    batches.sessions(batches.records.company("Acme"), 5)

    finished = analyse({"mode": "batch"})

    assert finished.state == "success"
    assert finished.states() == {
        "plan": "success",
        "lane[0]": "success",
        "publish": "success",
        "all_lanes_ok": "success",
    }
    assert batches.statuses() == {"COMPLETED": 5}
    counted = {"claimed": 5, "completed": 5, "failed": 0, "skipped": 0, "released": 0}
    assert finished.events == [["livedash_analyses", counted]]
    assert finished.metrics["livedash.ai_analysis.completed"] == 5
    assert finished.says("batch batch-0 is in_progress")
    ((dag_run,),) = batches.query("SELECT dag_run FROM livedash.ai_batch")
    assert dag_run.startswith("livedash_ai_analysis/manual__")
    batches.assert_paid_for(server)


def test_each_company_is_analysed_in_its_own_mode(
    analyse: Analyse, batches: Batches, server: BatchServer, records: Records
):
    batches.sessions(records.company("Acme", mode="batch"), 3)
    batches.sessions(records.company("Globex"), 2)
    batches.sessions(records.company("Rules", mode="batch", analyzer="offline"), 2)

    finished = analyse()

    assert finished.says("sessions due: 4, and batches of 1 companies; lanes: 2")
    assert batches.statuses() == {"COMPLETED": 7}
    modes = sorted(call.mode for call in batches.calls())
    assert modes == ["batch"] * 3 + ["realtime"] * 2
    batches.assert_paid_for(server)


def test_without_a_key_batch_mode_is_analysed_offline_at_once(run: Run, batches: Batches, records: Records):
    batches.sessions(records.company("Acme", mode="batch"), 2)

    finished = run(STAGE, "manual", {"mode": "batch"})

    assert finished.state == "success"
    assert batches.statuses() == {"COMPLETED": 2}
    assert batches.calls() == []


def test_realtime_mode_on_the_form_overrides_a_companys_batch_mode(
    analyse: Analyse, batches: Batches, server: BatchServer, records: Records
):
    batches.sessions(records.company("Acme", mode="batch"), 2)

    analyse({"mode": "realtime"})

    assert [call.mode for call in batches.calls()] == ["realtime"] * 2
    assert server.batches == {}


def test_a_limit_applies_to_both_modes_together(analyse: Analyse, batches: Batches, records: Records):
    batches.sessions(records.company("Acme", mode="batch"), 3)
    batches.sessions(records.company("Globex"), 2)

    analyse({"limit": 3})

    assert sorted(call.mode for call in batches.calls()) == ["batch", "realtime", "realtime"]


def test_few_due_sessions_wait_for_the_next_batch_while_one_is_under_way_and_named_sessions_do_not(
    analyse: Analyse, batches: Batches, server: BatchServer, records: Records
):
    acme = records.company("Acme", mode="batch")
    server.ends = [End(looks=99)]
    batches.sessions(acme, 2)
    with batches.runner(dag_run="another run") as jobs:
        jobs.submit([acme])
    first, second = batches.sessions(acme, 2)

    assert analyse().states()["plan"] == "success"
    assert len(server.batches) == 1
    analyse({"session_ids": [str(first)]})
    assert len(server.batches) == 2
    records.assert_stage(first, STAGE, "COMPLETED")
    analyse(LIVEDASH_BATCH_REQUESTS="1")  # a full batch does not wait either
    records.assert_stage(second, STAGE, "COMPLETED")


def test_a_batch_whose_run_has_died_is_collected_by_the_next_one(
    analyse: Analyse, run: Run, batches: Batches, server: BatchServer, records: Records
):
    acme = records.company("Acme", mode="batch")
    batches.sessions(acme, 3)
    with batches.runner(dag_run="livedash_ai_analysis/dead") as jobs:
        jobs.submit([acme])
    with batches.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.company SET mode = 'realtime'"))
    assert not analyse().says("batches to collect")  # another run still monitors it
    with batches.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.ai_batch SET monitored_until = now()"))

    woken = run("CSV_IMPORT", "scheduled", environment=environment(server))
    assert ["livedash_sessions", {"woken_by": "CSV_IMPORT"}] in woken.events
    finished = analyse()

    assert finished.says("batches to collect")
    assert batches.statuses() == {"COMPLETED": 3}
    batches.assert_paid_for(server)


def test_a_refused_key_turns_the_run_red_and_keeps_the_batch(
    analyse: Analyse, batches: Batches, server: BatchServer, records: Records
):
    server.refuses = {"GET /batches/ID": (401, {})}
    batches.sessions(records.company("Acme", mode="batch"), 2)

    finished = analyse()

    assert finished.state == "failed"
    assert "refuses the API key" in finished.errors()[-1]
    assert batches.statuses() == {"IN_PROGRESS": 2}
    server.refuses = {}
    assert analyse().state == "success"
    assert batches.statuses() == {"COMPLETED": 2}
    batches.assert_paid_for(server)


def test_expired_requests_are_released_and_the_run_reports_the_others(
    analyse: Analyse, batches: Batches, server: BatchServer, records: Records
):
    server.ends = [
        End(
            "expired",
            output=lambda asked: all_answered(asked[:1]),
            errors=lambda asked: [not_run(request["custom_id"], "batch_expired") for request in asked[1:]],
        )
    ]
    batches.sessions(records.company("Acme", mode="batch"), 3)

    finished = analyse()

    assert finished.events[0][1] == {"claimed": 3, "completed": 1, "failed": 0, "skipped": 0, "released": 2}
    assert batches.statuses() == {"COMPLETED": 1, "PENDING": 2}


@pytest.mark.parametrize("is_marked", [True, False])
def test_marking_the_running_task_failed_cancels_the_batch_and_stopping_its_worker_does_not(
    analyse: Analyse,
    airflow: subprocess.Popen[str],
    airflow_home: Path,
    batches: Batches,
    server: BatchServer,
    records: Records,
    is_marked: bool,
):
    batches.sessions(records.company("Acme", mode="batch"), 4)
    server.ends = [End(output=all_answered, looks=2)]

    def end() -> None:
        if is_marked:
            with sqlite3.connect(airflow_home / "airflow.db") as database:
                database.execute("UPDATE task_instance SET state = 'failed' WHERE state = 'running'")
        airflow.send_signal(signal.SIGTERM)

    server.meanwhile["GET /batches/ID"] = end
    finished = analyse()  # which tries again

    assert server.seen["POST /batches/ID/cancel"] == is_marked
    assert finished.tasks["lane[0]"] == ["success", 2]
    assert batches.statuses() == {"COMPLETED": 4}
    batches.assert_paid_for(server)


# --- the trigger by itself


def trigger(server: BatchServer, what: str, *, home: Any) -> Any:
    program = [sys.executable, "-c", TRIGGER, json.dumps({"openai": list(server.batches)}), what]
    settings = environment(server) | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=os.environ | settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def under_way(batches: Batches, server: BatchServer, company_id: UUID) -> Batches:
    server.ends = [End(looks=99)]
    batches.sessions(company_id, 4)
    with batches.runner() as jobs:
        jobs.submit([company_id])
    return batches


def test_a_stored_trigger_resumes_and_returns_the_report(under_way: Batches, server: BatchServer, tmp_path: Any):
    assert trigger(server, "run", home=tmp_path) == [{"report": {"claimed": 3, "incidents": []}}]


def test_marking_the_deferred_task_failed_cancels_the_batch_and_keeps_completed_replies(
    under_way: Batches, server: BatchServer, tmp_path: Any
):
    trigger(server, "kill", home=tmp_path)
    assert server.batches["batch-0"]["status"] == "cancelling"

    report = under_way.run()

    assert (report.completed, report.released) == (2, 2)
    under_way.assert_paid_for(server)
