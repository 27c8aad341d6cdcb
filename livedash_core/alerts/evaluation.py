"""Evaluates the rules and stores the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Engine

from livedash_core.alerts.facts import read_facts
from livedash_core.alerts.found import DAGS
from livedash_core.alerts.rules import find
from livedash_core.alerts.store import last_evaluation, list_alerts, record
from livedash_core.db import in_transaction
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings


def evaluate(
    engine: Engine,
    pipeline: Pipeline,
    settings: Settings,
    *,
    now: datetime | None = None,
    stopped_dags: Callable[[], Mapping[str, str] | None] = lambda: None,
) -> None:
    """Begin, change and end the alerts as of ``now`` (unset: the present); sends nothing.

    ``stopped_dags`` asks for the id of each DAG that does not run → why, as in "is paused". It returns None where
    Airflow cannot be asked: those that did not run at the last evaluation are taken not to run.

    Changes nothing if another evaluation is recorded meanwhile: that one may have read newer facts.
    """
    instant = now or datetime.now(UTC)
    with engine.connect() as connection:
        # Before anything else is read or asked. No lock is held meanwhile, because Airflow may take minutes to answer.
        before = last_evaluation(connection)
    stopped = stopped_dags()
    with engine.connect() as connection:
        if stopped is None:
            stopped = {alert.page.removeprefix(DAGS): "is paused" for alert in list_alerts(connection, rule="paused")}
        facts = read_facts(connection, pipeline, settings, now=instant, stopped_dags=stopped)
    found = find(facts, pipeline, settings)
    in_transaction(engine, lambda connection: record(connection, found, instant, after=before))
