-- A transient failure waits its turn again while attempts are left; every other one waits for a person.
-- :delays is the backoff per attempt; up to a tenth is added so that a crowd does not return as one.
WITH asked AS (
    SELECT session_id, kind, message, retry_after
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:messages AS text[]),
                CAST(:retry_after_seconds AS float8[])) AS asked (session_id, kind, message, retry_after)
    ORDER BY session_id
), failed AS (
    UPDATE livedash.session_processing_status AS status
    SET status = CASE WHEN retries.again THEN 'PENDING' ELSE 'FAILED' END,
        available_at = CASE WHEN retries.again THEN now() + make_interval(secs => greatest(
            asked.retry_after, (CAST(:delays AS float8[]))[status.attempts] * (1 + random() / 10)))
            ELSE status.available_at END,
        completed_at = CASE WHEN retries.again THEN NULL ELSE now() END,
        lease_token = NULL, error_kind = asked.kind, error_message = asked.message
    FROM asked
    JOIN livedash.session_processing_status AS held ON held.session_id = asked.session_id AND held.stage = :stage
    CROSS JOIN LATERAL (SELECT asked.kind = 'transient' AND held.attempts < :max_attempts) AS retries (again)
    WHERE status.session_id = asked.session_id AND status.stage = :stage
      AND status.status = 'IN_PROGRESS' AND status.lease_token = :token
    RETURNING status.session_id, status.company_id, status.attempts, status.started_at, status.status,
              asked.kind, asked.message
), history AS (
    INSERT INTO livedash.session_processing_failure
        (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message, dag_run)
    SELECT session_id, company_id, :stage, attempts, started_at, now(), kind, message,
           (SELECT dag_run FROM livedash.session_processing_lease WHERE token = :token)
    FROM failed
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, 'IN_PROGRESS', -count(*) FROM failed GROUP BY company_id
    UNION ALL
    SELECT company_id, :stage, status, count(*) FROM failed GROUP BY company_id, status
)
SELECT session_id, status FROM failed
