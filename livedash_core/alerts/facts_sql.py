"""The queries of ``read_facts``. Each reads an index or a table of counts; none scans the sessions."""

from __future__ import annotations

#: One look-up in the ready index per stage and company.
DUE = """
    SELECT stage.name, company.id, oldest.available_at
    FROM unnest(CAST(:stages AS text[])) AS stage (name)
    CROSS JOIN livedash.company
    CROSS JOIN LATERAL (
        SELECT available_at FROM livedash.session_processing_status
        WHERE stage = stage.name AND company_id = company.id
          AND status = 'PENDING' AND available_at < 'infinity' AND available_at <= :before
        ORDER BY available_at
        LIMIT 1
    ) AS oldest
    WHERE company.status = 'ACTIVE'
    ORDER BY oldest.available_at
"""
#: Stages with a claim, a renewal, a settlement or a failure since then. The lease of a batch says nothing: it is valid
#: for days. A slot of settlements is ten minutes long.
WORKING = """
    SELECT stage.name FROM unnest(CAST(:stages AS text[])) AS stage (name)
    WHERE EXISTS (
        SELECT FROM livedash.session_processing_lease AS lease
        WHERE lease.stage = stage.name AND lease.claimed_at <= :now
          AND (lease.claimed_at > :since OR (lease.expires_at > :now AND NOT EXISTS (
              SELECT FROM livedash.ai_batch WHERE lease_token = lease.token AND status <> 'closed'
          )))
    ) OR EXISTS (
        SELECT FROM livedash.session_processing_activity AS activity
        WHERE activity.stage = stage.name AND slot > :since - interval '10 minutes' AND slot <= :now
    ) OR EXISTS (
        SELECT FROM livedash.session_processing_delta AS delta
        WHERE delta.stage = stage.name AND slot > :since - interval '10 minutes' AND slot <= :now
    ) OR EXISTS (
        SELECT FROM livedash.session_processing_failure AS failure
        WHERE failure.stage = stage.name AND failed_at > :since AND failed_at <= :now
    )
"""
#: The deaths of workers are another rule's.
FAILED = """
    WITH finished AS MATERIALIZED (
        SELECT company_id, stage, sum(sessions) AS sessions
        FROM (
            SELECT company_id, stage, slot, sessions FROM livedash.session_processing_activity
            UNION ALL
            SELECT company_id, stage, slot, sessions FROM livedash.session_processing_delta
        ) AS settled
        WHERE slot > :since - interval '10 minutes' AND slot <= :now
        GROUP BY company_id, stage
    )
    SELECT stage.name, company.id, failed.sessions, CAST(coalesce(finished.sessions, 0) AS int8), failed.since
    FROM unnest(CAST(:stages AS text[])) AS stage (name)
    CROSS JOIN livedash.company
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions, min(completed_at) AS since
        FROM (
            SELECT completed_at FROM livedash.session_processing_status
            WHERE stage = stage.name AND company_id = company.id AND status = 'FAILED'
              AND completed_at > :since AND completed_at <= :now AND error_kind <> 'lease_expired'
            LIMIT :most
        ) AS recent
    ) AS failed
    LEFT JOIN finished ON finished.company_id = company.id AND finished.stage = stage.name
    WHERE company.status = 'ACTIVE' AND failed.sessions >= :least
    ORDER BY company.name
"""
BATCHES = """
    SELECT batch.id, batch.company_id, batch.created_at, batch.requests, batch.remote_status
    FROM livedash.ai_batch AS batch
    WHERE batch.status <> 'closed' AND batch.created_at < :before
    ORDER BY batch.created_at
"""
#: A worker is counted once, however many claims and sessions it held.
LOST = """
    SELECT stage, count(*) AS workers, min(since) AS since
    FROM (
        SELECT stage, owner, dag_run, min(lost_at) AS since
        FROM (
            SELECT stage, error_message AS owner, dag_run, failed_at AS lost_at
            FROM livedash.session_processing_failure
            WHERE error_kind = 'lease_expired' AND failed_at > :since AND failed_at <= :now
            UNION ALL
            SELECT stage, 'the worker ' || owner || ' stopped without settling its claim', dag_run, expires_at
            FROM livedash.session_processing_lease WHERE expires_at > :since AND expires_at <= :now
        ) AS lost
        GROUP BY stage, owner, dag_run
    ) AS worker
    GROUP BY stage
    ORDER BY stage
"""
#: The newest sessions past the retention are those that a missed run leaves. The older ones are erased, and are not
#: read.
OVERDUE = """
    SELECT company.id, overdue.since
    FROM livedash.company
    CROSS JOIN LATERAL (
        SELECT min(started_at) FILTER (WHERE erased_at IS NULL) AS since
        FROM (
            SELECT started_at, erased_at FROM livedash.session_import
            WHERE company_id = company.id
              AND started_at < CAST(:before AS timestamptz) - make_interval(days => company.retention_days)
            ORDER BY started_at DESC
            LIMIT 100
        ) AS newest
    ) AS overdue
    WHERE company.retention_days IS NOT NULL AND overdue.since IS NOT NULL
    ORDER BY company.name
"""
#: The spending of a month as the budget counts it: the cost, and the most that unknown and open calls can cost.
COMPANIES = """
    WITH spent AS (
        SELECT company_id, day, sum(cost) AS cost, sum(cost + max_cost) AS most
        FROM livedash.ai_cost_daily
        WHERE day >= least(CAST(:month AS date), CAST(:today AS date) - 28) AND day <= :today
        GROUP BY company_id, day
    ), summed AS (
        SELECT company_id,
               sum(most) FILTER (WHERE day >= :month) AS month,
               sum(cost) FILTER (WHERE day = :today) AS today,
               sum(cost) FILTER (WHERE day < :today AND day >= CAST(:today AS date) - 7) AS week,
               avg(cost) FILTER (WHERE day < :today AND day >= CAST(:today AS date) - 28 AND cost > 0) AS usual,
               count(*) FILTER (WHERE day < :today AND day >= CAST(:today AS date) - 28 AND cost > 0) AS days
        FROM spent GROUP BY company_id
    ), reserved AS (
        SELECT company_id, sum(max_cost) AS most FROM livedash.ai_processing_request
        WHERE outcome = 'sent' AND requested_at >= date_trunc('month', CAST(:now AS timestamptz), 'UTC')
          AND requested_at <= :now
        GROUP BY company_id
    )
    SELECT company.id, company.name, company.status = 'ACTIVE', company.csv_url IS NOT NULL, company.retention_days,
           company.monthly_budget_usd, coalesce(summed.month, 0) + coalesce(reserved.most, 0),
           coalesce(summed.today, 0), coalesce(summed.week, 0), coalesce(summed.usual, 0), coalesce(summed.days, 0)
    FROM livedash.company
    LEFT JOIN summed ON summed.company_id = company.id
    LEFT JOIN reserved ON reserved.company_id = company.id
    ORDER BY company.name
"""
