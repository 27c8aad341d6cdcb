-- A transient failure waits its turn again while attempts are left; every other one waits for a person.
-- :delays is the backoff per attempt; up to a tenth is added so that a crowd does not return as one.
-- :failures is {session_id: {kind, message, reason, retry_after}}: read once, then a look-up per row, never a join
-- that a plan could square.
WITH asked AS MATERIALIZED (
    SELECT CAST(:failures AS jsonb) AS failures
), lease AS MATERIALIZED (
    SELECT token, dag_run FROM livedash.session_processing_lease WHERE token = :token FOR KEY SHARE
), held AS MATERIALIZED (
    SELECT status.ctid, failure.kind, failure.message, failure.reason, failure.retry_after,
           failure.kind = 'transient' AND status.attempts < :max_attempts AS again
    FROM livedash.session_processing_status AS status
    CROSS JOIN LATERAL jsonb_to_record((SELECT failures FROM asked) -> status.session_id::text)
        AS failure (kind text, message text, reason text, retry_after float8)
    WHERE status.lease_token = (SELECT token FROM lease) AND status.status = 'IN_PROGRESS'
      AND status.stage = :stage AND status.session_id IN (SELECT unnest(CAST(:session_ids AS uuid[])))
    ORDER BY status.session_id
    FOR UPDATE OF status
), failed AS (
    UPDATE livedash.session_processing_status AS status
    SET status = CASE WHEN again THEN 'PENDING' ELSE 'FAILED' END,
        available_at = CASE WHEN again THEN now() + make_interval(secs => greatest(
            held.retry_after, (CAST(:delays AS float8[]))[attempts] * (1 + random() / 10))) ELSE available_at END,
        completed_at = CASE WHEN again THEN NULL ELSE now() END,
        lease_token = NULL, error_kind = held.kind, error_message = held.message, error_group = held.reason
    FROM held
    WHERE status.ctid = held.ctid
    RETURNING session_id, company_id, attempts, started_at, status.status, error_kind, error_message, error_group
), history AS (
    INSERT INTO livedash.session_processing_failure
        (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message, dag_run)
    SELECT session_id, company_id, :stage, attempts, started_at, now(), error_kind, error_message, lease.dag_run
    FROM failed CROSS JOIN lease
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, 'IN_PROGRESS', -count(*) FROM failed GROUP BY company_id
    UNION ALL
    SELECT company_id, :stage, status, count(*) FROM failed GROUP BY company_id, status
), reasons AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions, seen_at)
    SELECT company_id, :stage, error_kind, error_group, count(*), now()
    FROM failed WHERE status = 'FAILED' GROUP BY company_id, error_kind, error_group
)
SELECT session_id, status FROM failed
