"""How long the alerts' evaluation and pages take beside much activity, over very many sessions of a year."""

from __future__ import annotations

import time
from statistics import median

from sqlalchemy import text

from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.store import list_alerts
from livedash_core.db import make_engine
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from tests.bench.database import Server
from tests.bench.harness import Row, at_most
from tests.bench.pages import COMPANIES, LISTS, fill, measured_pages

MILLISECONDS = 50
ROUNDS = 30
#: The last hour has failures, dead workers and running claims; each company has a budget, a retention and an incident.
BUSY_HOUR = """
UPDATE livedash.company SET monthly_budget_usd = 1, retention_days = 300, csv_url = 'https://acme.example/x.csv';

INSERT INTO livedash.systemic_incident (stage, company_id, message)
SELECT 'CSV_IMPORT', id, 'its server does not answer' FROM livedash.company;

UPDATE livedash.session_processing_status SET completed_at = now() - random() * interval '1 hour'
WHERE session_id IN (
    SELECT session_id FROM livedash.session_processing_status
    WHERE status = 'COMPLETED' AND stage = 'TRANSCRIPT_FETCH' LIMIT 20000
) AND stage = 'TRANSCRIPT_FETCH';

UPDATE livedash.session_processing_status
SET status = 'FAILED', error_kind = 'permanent', error_message = 'x', error_group = 'x'
WHERE session_id IN (
    SELECT session_id FROM livedash.session_processing_status
    WHERE stage = 'TRANSCRIPT_FETCH' AND status = 'COMPLETED' AND completed_at > now() - interval '1 hour'
) AND stage = 'TRANSCRIPT_FETCH';

INSERT INTO livedash.session_processing_failure
    (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message)
SELECT session_id, company_id, stage, 1, completed_at, completed_at,
       CASE WHEN random() < 0.2 THEN 'lease_expired' ELSE 'transient' END, 'the worker ' || row_number() OVER () % 7
FROM livedash.session_processing_status
WHERE stage = 'TRANSCRIPT_FETCH' AND status = 'FAILED' AND completed_at > now() - interval '1 hour';

INSERT INTO livedash.session_processing_activity (slot, company_id, stage, duration_bucket, sessions)
SELECT date_bin('10 minutes', now(), 'epoch') - ago * interval '10 minutes', id, stage, bucket, sum(100)
FROM livedash.company CROSS JOIN generate_series(0, 143) AS ago CROSS JOIN generate_series(1, 10) AS bucket
CROSS JOIN unnest(CAST(:stages AS text[])) AS stages (stage)
GROUP BY GROUPING SETS ((ago, id, stage, bucket), (ago, stage, bucket))
"""


def alerts(server: Server) -> list[Row]:
    """the alerts' evaluation: queries, rules, and storing what was found; pages beside much activity"""
    sessions = server.scale.large_backlog
    with server.database() as database:
        fill(database, sessions)
        with database.engine.begin() as connection:
            for statement in BUSY_HOUR.split(";"):
                connection.execute(text(statement), {"stages": list(BUILT_IN.names)})
        database.execute("VACUUM ANALYZE")
        engine = make_engine(database.url)
        settings = Settings()
        figures = []
        for number in range(ROUNDS + 3):
            began = time.perf_counter()
            evaluate(engine, BUILT_IN, settings, stopped_dags=dict)
            if number >= 3:  # after those that fill caches
                figures.append(1000 * (time.perf_counter() - began))
        with engine.connect() as connection:
            found = {alert.rule for alert in list_alerts(connection)}
        engine.dispose()
        beside = {f"{name} beside 20,000 failures in an hour": address for name, address in LISTS.items()}
        rows = measured_pages(database, beside, server.scale.page_views, sessions)
    return [
        Row(
            f"evaluation of the alerts of {COMPANIES} companies, over {sessions:,} sessions: median of {ROUNDS}",
            "ms",
            [median(figures)],
            goal=at_most(MILLISECONDS),
            correct={"source", "failures", "workers", "retention"} <= found,
            note=", ".join(sorted(found)),
        ),
        *rows,
    ]
