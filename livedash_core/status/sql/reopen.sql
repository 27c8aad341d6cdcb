-- A stage and all after it are to be done again: a changed import, a new prompt. Whoever holds one of them loses
-- it. What the stages stored stays until it is replaced.
WITH before AS (
    SELECT status.session_id, status.stage, status.status, status.company_id,
           CASE WHEN status.stage <> :stage OR EXISTS (
               SELECT FROM livedash.session_processing_status AS previous
               WHERE previous.session_id = status.session_id AND previous.stage = :previous_stage
                 AND previous.status NOT IN ('COMPLETED', 'SKIPPED')
           ) THEN 'infinity' ELSE now() END AS available_at
    FROM livedash.session_processing_status AS status
    WHERE status.session_id = ANY (CAST(:session_ids AS uuid[])) AND status.stage = ANY (CAST(:stages AS text[]))
    ORDER BY status.session_id, status.stage
    FOR UPDATE
), reopened AS (
    UPDATE livedash.session_processing_status AS status
    SET status = 'PENDING', available_at = before.available_at, attempts = 0, lease_token = NULL,
        started_at = NULL, completed_at = NULL, error_kind = NULL, error_message = NULL
    FROM before
    WHERE status.session_id = before.session_id AND status.stage = before.stage
    RETURNING status.session_id, status.stage, status.company_id, before.status AS before
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, before, -count(*) FROM reopened GROUP BY company_id, stage, before
    UNION ALL
    SELECT company_id, stage, 'PENDING', count(*) FROM reopened GROUP BY company_id, stage
)
SELECT DISTINCT session_id FROM reopened
