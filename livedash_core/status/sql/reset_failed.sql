-- FAILED becomes PENDING with zero attempts, within a scope. The failure history stays.
WITH chosen AS (
-- include: failed_{reach}
), locked AS MATERIALIZED (
    SELECT session_id, stage FROM livedash.session_processing_status
    WHERE (session_id, stage) IN (SELECT session_id, stage FROM chosen) AND status = 'FAILED'
    ORDER BY array_position(CAST(:stages AS text[]), stage), session_id
    FOR UPDATE
), reset AS (
    UPDATE livedash.session_processing_status AS status
    SET status = 'PENDING', attempts = 0, available_at = now(), started_at = NULL, completed_at = NULL
    FROM locked
    WHERE status.session_id = locked.session_id AND status.stage = locked.stage
    RETURNING status.stage, status.company_id, error_kind, error_group
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, change.status, change.sign * count(*)
    FROM reset CROSS JOIN (VALUES ('FAILED', -1), ('PENDING', 1)) AS change (status, sign)
    GROUP BY company_id, stage, change.status, change.sign
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions)
    SELECT company_id, stage, error_kind, error_group, -count(*)
    FROM reset GROUP BY company_id, stage, error_kind, error_group
)
SELECT stage, count(*) AS sessions FROM reset GROUP BY stage
