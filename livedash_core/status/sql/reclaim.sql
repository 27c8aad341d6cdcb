-- Reclaim sessions of expired leases, whose holders crashed or hang: they are due again, or FAILED if no attempts are
-- left. At most ten leases at a time, so that a claim stays short after many crashes. A lease whose holder is settling
-- at this moment is locked and skipped.
WITH expired AS (
    DELETE FROM livedash.session_processing_lease WHERE token IN (
        SELECT token FROM livedash.session_processing_lease
        WHERE stage = :stage AND expires_at <= now()
        ORDER BY expires_at
        LIMIT 10
        FOR UPDATE SKIP LOCKED
    )
    RETURNING token, owner, dag_run
), held AS MATERIALIZED (
    SELECT status.ctid, expired.owner, expired.dag_run FROM expired
    JOIN livedash.session_processing_status AS status
      ON status.lease_token = expired.token AND status.status = 'IN_PROGRESS'
    ORDER BY status.session_id
    FOR UPDATE OF status
), lost AS (
    UPDATE livedash.session_processing_status AS status
    SET status = CASE WHEN attempts < :max_attempts THEN 'PENDING' ELSE 'FAILED' END,
        completed_at = CASE WHEN attempts < :max_attempts THEN NULL ELSE now() END,
        available_at = now(), lease_token = NULL, error_kind = 'lease_expired',
        error_message = 'the worker ' || held.owner || ' stopped without settling its claim',
        error_group = 'the worker stopped without settling its claim'
    FROM held
    WHERE status.ctid = held.ctid
    RETURNING session_id, company_id, attempts, started_at, status, error_message, error_group, held.dag_run
), history AS (
    INSERT INTO livedash.session_processing_failure
        (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message, dag_run)
    SELECT session_id, company_id, :stage, attempts, started_at, now(), 'lease_expired', error_message, dag_run
    FROM lost
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, 'IN_PROGRESS', -count(*) FROM lost GROUP BY company_id
    UNION ALL
    SELECT company_id, :stage, status, count(*) FROM lost GROUP BY company_id, status
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions, seen_at)
    SELECT company_id, :stage, 'lease_expired', error_group, count(*), now()
    FROM lost WHERE status = 'FAILED' GROUP BY company_id, error_group
)
SELECT session_id FROM lost
