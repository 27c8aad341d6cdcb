-- Give back what the token still holds (or the named part of it): nobody's failure, so the attempt is given back
-- too. A lease that holds nothing any more goes with it.
WITH released AS (
    UPDATE livedash.session_processing_status
    SET status = 'PENDING', attempts = attempts - 1, lease_token = NULL, started_at = NULL,
        available_at = now() + make_interval(secs => :delay_seconds)
    WHERE lease_token = :token AND status = 'IN_PROGRESS'
      AND (CAST(:session_ids AS uuid[]) IS NULL OR session_id = ANY (CAST(:session_ids AS uuid[])))
    RETURNING session_id, company_id, stage
), lease AS (
    DELETE FROM livedash.session_processing_lease
    WHERE token = :token AND CAST(:session_ids AS uuid[]) IS NULL
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, change.status, change.sign * count(*)
    FROM released CROSS JOIN (VALUES ('IN_PROGRESS', -1), ('PENDING', 1)) AS change (status, sign)
    GROUP BY company_id, stage, change.status, change.sign
)
SELECT session_id FROM released
