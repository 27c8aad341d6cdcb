"""The task of the DAG livedash_alerts: evaluates the rules, and sends what has begun, become worse or ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError
from sqlalchemy import Engine

from livedash_core.airflow import connections
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.notifiers import configured, send
from livedash_core.airflow.reporting import emit_gauges
from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.messages import example, write_messages
from livedash_core.alerts.rules import RETENTION_DAG
from livedash_core.alerts.store import END_IS_NEWS, count_open, list_alerts, record_delivery
from livedash_core.db import in_transaction
from livedash_core.pipeline import Pipeline, load_pipeline
from livedash_core.settings import NotifierSettings, Settings

log = logging.getLogger(__name__)
_NOT_FOUND = 404


def run() -> dict[str, int]:
    """Evaluate and send; returns the number of open alerts and of sent messages.

    Raises ``AirflowFailException`` if a message could not be sent: the next run sends it.
    """
    with fail_without_retry():
        settings, engine, pipeline = connections.settings(), connections.checked_engine(), load_pipeline()
        evaluate(engine, pipeline, settings, stopped_dags=lambda: stopped_dags(pipeline))
        sent, errors = deliver(engine, configured(settings), base_url())
        with engine.connect() as connection:
            still_open = count_open(connection)
            emit_gauges(connection, pipeline)
    log.info("%d alerts are open, %d messages were sent", still_open, sent)
    if errors:
        raise AirflowFailException("; ".join(errors) + "; the next run tries again")
    return {"open": still_open, "sent": sent}


def deliver(engine: Engine, notifiers: list[NotifierSettings], link_base: str | None) -> tuple[int, list[str]]:
    """Send each notifier what it has not sent yet; returns the number of messages, and the errors.

    A notifier that fails is not asked again in this run. The others go on.
    """
    now = datetime.now(UTC)
    sent, errors = 0, []
    for wanted in notifiers:
        with engine.connect() as connection:
            alerts = list_alerts(connection, with_ended_since=now - END_IS_NEWS, steady_at=now)
        error = None
        for message in write_messages(alerts, wanted.label, link_base):
            error = error or send(wanted, message)
            in_transaction(engine, _recorder(wanted.label, message.alerts, now, error))
            sent += error is None
        if error is not None:
            log.error("%s could not send alerts: %s", wanted.label, error)
            errors.append(f"{wanted.label} could not send alerts: {error}")
    return sent, errors


def _recorder(notifier: str, alerts: Any, now: datetime, error: str | None) -> Callable[[Any], None]:
    return lambda connection: record_delivery(connection, notifier, alerts, now, error)


def send_test(settings: Settings) -> dict[str, str | None]:
    """Send a test message with every notifier; returns the error of each by its name, None where it was sent."""
    message = example(base_url())
    return {wanted.label: send(wanted, message) for wanted in configured(settings)}


def base_url() -> str | None:
    """The address of Airflow as its users see it; None if Airflow's setting is missing."""
    return conf.get("api", "base_url", fallback="") or None


def stopped_dags(pipeline: Pipeline) -> dict[str, str] | None:
    """The stages' and the erasure's DAGs that are paused or missing → how; None if Airflow does not say."""
    instance = get_current_context()["ti"]
    found: dict[str, str] = {}
    for dag_id in (*pipeline.dag_ids, RETENTION_DAG):
        try:
            if instance.get_dag(dag_id).is_paused:
                found[dag_id] = "is paused"
        except AirflowRuntimeError as error:
            if (error.error.detail or {}).get("status_code") != _NOT_FOUND:
                return None
            found[dag_id] = "does not exist"
        except (AttributeError, NotImplementedError):  # a version of Airflow that cannot be asked
            return None
    return found
