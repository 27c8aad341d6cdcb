"""Run our DAGs without a scheduler: one request per line of standard input, one result per line of standard output.

A separate process, because importing Airflow sets up logging, warnings and signal handlers that would affect the tests.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

DAGS, LOG = sys.argv[1:]
answers = os.fdopen(os.dup(1), "w")
with open(LOG, "ab") as log:  # noqa: PTH123 - its descriptor becomes our standard output
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)

from airflow.configuration import conf as airflow_conf  # noqa: E402 - Airflow logs to the streams that it finds
from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.models import dagrun  # noqa: E402
from airflow.models.asset import AssetEvent  # noqa: E402
from airflow.models.dagrun import DagRun  # noqa: E402
from airflow.models.taskinstance import clear_task_instances  # noqa: E402
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger  # noqa: E402
from airflow.sdk.observability import stats  # noqa: E402
from airflow.utils.db import initdb  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from airflow.utils.state import DagRunState  # noqa: E402
from airflow.utils.types import DagRunType  # noqa: E402
from sqlalchemy import select  # noqa: E402


class Recorder(NoStatsLogger):
    """An Airflow stats backend that keeps our metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, float] = {}

    def incr(self, stat: str, count: int = 1, **_: Any) -> None:
        if stat.startswith("livedash."):
            self.found[stat] = self.found.get(stat, 0) + count

    def timing(self, stat: str, dt: Any, **_: Any) -> None:
        if stat.startswith("livedash."):
            self.found[stat] = dt.total_seconds()


def run(
    dag_id: str,
    run_type: str,
    conf: dict[str, Any],
    interval: list[str] | None,
    environment: dict[str, str],
    cleared_run: str | None,
) -> dict[str, Any]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        return run_once(dag_id, run_type, conf, interval, cleared_run)
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_once(
    dag_id: str, run_type: str, conf: dict[str, Any], interval: list[str] | None, cleared_run: str | None
) -> dict[str, Any]:
    recorder = Recorder()
    if not airflow_conf.getboolean("metrics", "otel_on"):
        stats.initialize(factory=lambda: recorder, export_legacy_names=False)

    def create_dagrun(*, dag: Any, session: Any, **given: Any) -> Any:
        """As `dag.test()` does, but of any type, as the scheduler would; or the finished run, after it was cleared."""
        if cleared_run is not None:
            found = session.scalars(select(DagRun).where(DagRun.run_id == cleared_run)).one()
            found.dag = dag
            clear_task_instances(found.get_task_instances(session=session), session, DagRunState.RUNNING)
            return found
        kind = DagRunType(run_type)
        window = tuple(datetime.fromisoformat(end) for end in interval) if interval else None
        start = window[0] if window else None
        given |= {"run_type": kind, "logical_date": start, "data_interval": window}
        given["run_id"] = kind.generate_run_id(suffix=given["run_after"].isoformat())
        return dag.create_dagrun(state=DagRunState.RUNNING, session=session, **given)

    dagrun.get_or_create_dagrun = create_dagrun
    began = Path(LOG).stat().st_size
    finished = DagBag(DAGS, load_op_links=False).dags[dag_id].test(run_conf=conf, logical_date=None)
    with create_session() as session:
        tasks = {
            f"{task.task_id}{'' if task.map_index < 0 else f'[{task.map_index}]'}": [task.state, task.try_number]
            for task in finished.get_task_instances(session=session)
        }
        events = [
            [event.asset.name, event.extra]
            for event in session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == finished.run_id))
        ]
    sys.stdout.flush()
    log = [json.loads(line) for line in Path(LOG).read_bytes()[began:].splitlines() if line.startswith(b"{")]
    return {
        "run_id": finished.run_id,
        "state": finished.state,
        "tasks": tasks,
        "events": events,
        "metrics": recorder.found,
        "log": [entry for entry in log if entry["logger"].startswith("livedash_core")],
    }


initdb()
for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), file=answers, flush=True)
