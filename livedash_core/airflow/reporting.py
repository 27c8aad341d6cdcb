"""Reports of lanes and runs: log lines for people, metrics, one structured record per run for a log collector."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from airflow.sdk import conf
from airflow.sdk.observability import stats
from sqlalchemy import Connection

from livedash_core.operations.gauges import read_gauges
from livedash_core.pipeline import Pipeline
from livedash_core.stages.report import StageReport

log = logging.getLogger(__name__)

#: The XCom key of a lane's report.
REPORT = "report"
COUNTED = ("claimed", "completed", "failed", "skipped", "released")
#: The path of the plugin's nav item in Airflow's UI.
PAGE = "/plugin/livedash"


def log_report(report: StageReport) -> None:
    """Log the end of a lane: a small table, the first failures, and where to find the others."""
    settled = report.completed + report.failed + report.skipped
    rate = settled / report.seconds if report.seconds else 0.0
    headings = (*COUNTED, "seconds", "sessions/s")
    numbers = (*(f"{getattr(report, name):,}" for name in COUNTED), f"{report.seconds:.1f}", f"{rate:.1f}")
    widths = [max(len(heading), len(number)) for heading, number in zip(headings, numbers, strict=True)]
    for line in (headings, numbers):
        log.info("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for session_id, message in report.failures:
        log.warning("session %s failed: %s", session_id, message)
    for deferred in report.deferred:
        log.warning("%s", deferred)
    for company, (lines, first) in report.rejected.items():
        log.warning(
            "%s: %d lines of its CSV were rejected; %s; `livedash rejections` lists them", company, lines, first
        )
    if report.failed:
        base = conf.get("api", "base_url", fallback="") or ""
        log.warning(
            "All failures are shown at %s%s and by `livedash failures --stage %s`",
            base.rstrip("/"),
            PAGE,
            report.stage,
        )


def emit_metrics(report: StageReport) -> None:
    """Emit a lane's counts as ``livedash.<stage>.claimed`` and so on; ``duration`` is the lane's wall clock time."""
    prefix = f"livedash.{report.stage.lower()}"
    for name in COUNTED:
        stats.incr(f"{prefix}.{name}", getattr(report, name))
    stats.timing(f"{prefix}.duration", timedelta(seconds=report.seconds))


def emit_gauges(connection: Connection, pipeline: Pipeline) -> None:
    """Emit ``operations.gauges`` if Airflow's metrics go to OpenTelemetry; StatsD has no tags to tell them apart."""
    if conf.getboolean("metrics", "otel_on", fallback=False):
        for gauge in read_gauges(connection, pipeline):
            stats.gauge(gauge.name, gauge.value, tags=gauge.tags)


def sum_reports(reports: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The counts of all lanes of a run."""
    return {name: sum(report[name] for report in reports) for name in COUNTED}


def log_run_summary(stage: str, dag_run: Any, reports: Sequence[Mapping[str, Any]]) -> None:
    """Log one structured record per run, with a field per fact, for a log collector such as OpenTelemetry.

    ``seconds`` is the sum of the lanes' wall clock times.
    """
    structlog.get_logger(__name__).info(
        "livedash.run",
        stage=stage,
        dag_id=dag_run.dag_id,
        run_id=dag_run.run_id,
        run_type=dag_run.run_type.value,
        lanes=len(reports),
        seconds=round(sum(report["seconds"] for report in reports), 3),
        **sum_reports(reports),
    )
