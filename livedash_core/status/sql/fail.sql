-- Record failed attempts. A transient failure is retried while attempts are left; any other makes the session FAILED.
-- :delays is the backoff per attempt; up to a tenth is added so that many failures are not retried at one moment.
-- :failures is {session_id: {kind, message, reason, retry_after}}: parsed once, then looked up per row, because a join
-- could become a nested loop over all pairs.
WITH parameters AS MATERIALIZED (
    SELECT CAST(:failures AS jsonb) AS failures
), lease AS MATERIALIZED (
    SELECT token, dag_run FROM livedash.session_processing_lease WHERE token = :token FOR KEY SHARE
), held AS MATERIALIZED (
    SELECT status.ctid, failure.kind, failure.message, failure.reason, failure.retry_after,
           failure.kind = 'transient' AND status.attempts < :max_attempts AS is_retried
    FROM livedash.session_processing_status AS status
    CROSS JOIN LATERAL jsonb_to_record((SELECT failures FROM parameters) -> status.session_id::text)
        AS failure (kind text, message text, reason text, retry_after float8)
    WHERE status.lease_token = (SELECT token FROM lease) AND status.status = 'IN_PROGRESS'
      AND status.stage = :stage AND status.session_id IN (SELECT unnest(CAST(:session_ids AS uuid[])))
    ORDER BY status.session_id
    FOR UPDATE OF status
), failed AS (
    UPDATE livedash.session_processing_status AS status
    SET status = CASE WHEN is_retried THEN 'PENDING' ELSE 'FAILED' END,
        available_at = CASE WHEN is_retried THEN now() + make_interval(secs => greatest(
            held.retry_after, (CAST(:delays AS float8[]))[attempts] * (1 + random() / 10))) ELSE available_at END,
        completed_at = CASE WHEN is_retried THEN NULL ELSE now() END,
        lease_token = NULL, error_kind = held.kind, error_message = held.message, error_group = held.reason
    FROM held
    WHERE status.ctid = held.ctid
    RETURNING session_id, company_id, attempts, started_at, status.status, error_kind, error_message, error_group
), history AS (
    INSERT INTO livedash.session_processing_failure
        (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message, dag_run)
    SELECT session_id, company_id, :stage, attempts, started_at, now(), error_kind, error_message, lease.dag_run
    FROM failed CROSS JOIN lease
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, 'IN_PROGRESS', -count(*) FROM failed GROUP BY company_id
    UNION ALL
    SELECT company_id, :stage, status, count(*) FROM failed GROUP BY company_id, status
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions, seen_at)
    SELECT company_id, :stage, error_kind, error_group, count(*), now()
    FROM failed WHERE status = 'FAILED' GROUP BY company_id, error_kind, error_group
)
SELECT session_id, status FROM failed
