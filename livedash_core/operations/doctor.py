"""The health checks of `livedash doctor`: each finding is a sentence that says what to do."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from livedash_core.alerts.store import last_evaluation, list_alerts, open_alerts
from livedash_core.analyzers import load_analyzers
from livedash_core.costs import ABANDONED_AFTER_SECONDS, list_traits, load_prices, recount, stored_totals
from livedash_core.operations.erasure import count_expired
from livedash_core.operations.rejections import csv_findings
from livedash_core.pipeline import Pipeline
from livedash_core.status import read_breakdown
from livedash_core.status.incidents import cause_sentence, group_by_cause, list_incidents

#: The retention DAG runs daily; one failed run is not a finding.
_RETENTION_GRACE = timedelta(days=2)
#: The alerts DAG runs every five minutes.
_EVALUATION_GRACE = timedelta(minutes=30)


class Finding(NamedTuple):
    """A problem, or a fact to know. ``check`` is the stable short name of the check."""

    check: str
    message: str
    #: False for what LiveDash takes into account by itself: it does not make `livedash doctor` exit with 1.
    is_problem: bool = True


def examine(connection: Connection, pipeline: Pipeline) -> list[Finding]:
    """Run all checks, without writing; an empty list means that nothing is wrong.

    While stages run, call it on one snapshot (``db.snapshot``): it compares counts with the rows that they count.
    """
    return [
        *_incidents(connection),
        *_counted(connection, "stuck lease", _STUCK_LEASES, "the next run of that stage reclaims their sessions"),
        *_counted(connection, "orphan", _WITHOUT_LEASE, "they are in progress without a lease; please report it"),
        *_counted(connection, "orphan", _WITHOUT_STATUS, "they cannot be processed; please report it"),
        *_counted(connection, "company", _WITHOUT_CSV, "give it one: livedash company update NAME --csv-url URL"),
        *_counted(
            connection, "batch", _UNCOLLECTED, "no run has polled it for a day; the next analysis run collects it"
        ),
        *_csvs(connection),
        *_counted(
            connection,
            "batch",
            _OVERDUE,
            "it should have ended within a day; cancel it at the provider, or wait: it is given up after a week",
        ),
        *_expired(connection),
        *_drift(connection, pipeline),
        *_counted(
            connection,
            "cost",
            _LEFT_OPEN,
            "the process that made them ended; the next analysis run counts them as unknown",
        ),
        *_prices(connection),
        *_model_servers(connection),
        *_alerts(connection),
    ]


def _incidents(connection: Connection) -> list[Finding]:
    return [
        Finding("incident" if group[0].kind == "systemic" else group[0].kind, cause_sentence(group))
        for group in group_by_cause(list_incidents(connection))
    ]


def _counted(connection: Connection, check: str, query: str, advice: str) -> list[Finding]:
    return [Finding(check, f"{row.what}: {advice}") for row in connection.execute(text(query))]


def _csvs(connection: Connection) -> list[Finding]:
    findings = csv_findings(connection)
    return [
        *(Finding("rejection", found.sentence) for found in findings if found.rejected),
        *(Finding("csv", f"{found.company}: {note}", is_problem=False) for found in findings for note in found.notes),
    ]


def _expired(connection: Connection) -> list[Finding]:
    return [
        Finding(
            "retention",
            f"{company} has {sessions:,} sessions older than its retention: let the DAG livedash_retention run daily, "
            f"or erase them: livedash erase --company {shlex.quote(company)} --before DATE",
        )
        for company, sessions in count_expired(connection, grace=_RETENTION_GRACE).items()
    ]


def _drift(connection: Connection, pipeline: Pipeline) -> list[Finding]:
    findings = []
    if read_breakdown(connection, pipeline) != read_breakdown(connection, pipeline, recount=True):
        findings.append(Finding("counts", "the breakdown differs from the rows that it counts; please report it"))
    if stored_totals(connection) != recount(connection):
        findings.append(Finding("ledger", "the stored cost totals differ from the sum of the calls; please report it"))
    return findings


def _prices(connection: Connection) -> list[Finding]:
    """Models without a price, both of past calls and of active companies."""
    prices = load_prices(connection)
    without_model = [one.name for one in load_analyzers().definitions if not one.asks_model]
    wanted = [row.model for row in connection.execute(text(_MODELS), {"without_model": without_model})]

    def has_price(model: str, *, openai_prices: bool = True) -> bool:
        now = datetime.now(UTC)
        return prices.find((model,), "realtime", None, now, 0, openai_prices=openai_prices) is not None

    #: Model → its billed calls that have no price, and those whose server reported no tokens.
    gaps, uncounted = Counter[str](), Counter[str]()
    for row in connection.execute(text(_UNPRICED)):
        found = uncounted if has_price(row.model, openai_prices=row.openai_prices) else gaps
        found[row.model] += row.calls
    gaps.update({model: 0 for model in wanted if not has_price(model)})
    return [
        Finding(
            "price",
            f"{model} has no price, {calls} billed calls are missing in the totals: "
            f"livedash price set {model} --input USD --output USD",
        )
        for model, calls in gaps.items()
    ] + [
        Finding(
            "price",
            f"{model}: the server reported no token usage for {calls} billed calls; enable usage in its replies",
        )
        for model, calls in uncounted.items()
    ]


def _model_servers(connection: Connection) -> list[Finding]:
    return [
        Finding("model server", f"{traits.sentence}; this is taken into account, and tried again after a day", False)
        for traits in list_traits(connection)
    ]


def _alerts(connection: Connection) -> list[Finding]:
    alerts, evaluated = list_alerts(connection), last_evaluation(connection)
    findings = [Finding("alerts", open_alerts(len(alerts)), is_problem=False)] if alerts else []
    if evaluated is not None and evaluated < datetime.now(UTC) - _EVALUATION_GRACE:
        findings.append(
            Finding(
                "alerts",
                f"the rules were last evaluated {evaluated:%Y-%m-%d %H:%MZ}: unpause the DAG livedash_alerts, and "
                "look at its last run",
            )
        )
    errors = {f"{name} could not send alerts: {error}" for alert in alerts for name, error in alert.errors.items()}
    return [*findings, *(Finding("alerts", f"{error}; each run tries again") for error in sorted(errors))]


_STUCK_LEASES = """
    SELECT stage || ': ' || count(*) || ' expired, held by ' || string_agg(DISTINCT owner, ', ') AS what
    FROM livedash.session_processing_lease WHERE expires_at < now() GROUP BY stage ORDER BY stage
"""
_WITHOUT_LEASE = """
    SELECT status.stage || ': ' || count(*) || ' sessions' AS what
    FROM livedash.session_processing_status AS status
    LEFT JOIN livedash.session_processing_lease AS lease ON lease.token = status.lease_token
    WHERE status.status = 'IN_PROGRESS' AND lease.token IS NULL
    GROUP BY status.stage ORDER BY status.stage
"""
_WITHOUT_STATUS = """
    SELECT company.name || ': ' || count(*) || ' imported rows without a status' AS what
    FROM livedash.session_import AS session
    JOIN livedash.company ON company.id = session.company_id
    WHERE NOT EXISTS (
        SELECT FROM livedash.session_processing_status AS status WHERE status.session_id = session.id
    )
    GROUP BY company.name ORDER BY company.name
"""
_UNCOLLECTED = """
    SELECT company.name || ': a batch of ' || batch.requests || ' sessions, sent '
           || to_char(batch.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"') AS what
    FROM livedash.ai_batch AS batch
    JOIN livedash.company ON company.id = batch.company_id
    WHERE batch.status <> 'closed' AND batch.monitored_until < now() - interval '1 day'
    ORDER BY batch.id
"""
_OVERDUE = """
    SELECT company.name || ': a batch of ' || batch.requests || ' sessions, sent '
           || to_char(batch.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"')
           || coalesce(', is still ' || batch.remote_status, '') AS what
    FROM livedash.ai_batch AS batch
    JOIN livedash.company ON company.id = batch.company_id
    WHERE batch.status = 'submitted' AND batch.created_at < now() - interval '25 hours'
    ORDER BY batch.id
"""
_WITHOUT_CSV = """
    SELECT name || ' is ACTIVE but has no CSV' AS what
    FROM livedash.company WHERE status = 'ACTIVE' AND csv_url IS NULL ORDER BY name
"""
_LEFT_OPEN = f"""
    SELECT company.name || ': ' || count(*) || ' model calls are open since '
           || to_char(min(requested_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"') AS what
    FROM livedash.ai_processing_request AS request JOIN livedash.company ON company.id = request.company_id
    WHERE outcome = 'sent' AND request.mode = 'realtime'
      AND requested_at < now() - interval '{ABANDONED_AFTER_SECONDS} s'
    GROUP BY company.name ORDER BY company.name
"""  # noqa: S608 - a number of ours
_UNPRICED = """
    SELECT model_requested AS model, openai_prices, count(*) AS calls
    FROM livedash.ai_processing_request WHERE outcome = 'answered' AND cost IS NULL
    GROUP BY model_requested, openai_prices ORDER BY model_requested, openai_prices
"""
_MODELS = """
    SELECT DISTINCT model FROM livedash.company
    WHERE status = 'ACTIVE' AND analyzer <> ALL (CAST(:without_model AS text[])) AND model IS NOT NULL ORDER BY model
"""
