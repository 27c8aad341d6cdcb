-- Move the deltas into the counts and the activity of the last day, per company and of all companies together. Rows
-- that another fold has locked are skipped.
WITH moved AS (
    DELETE FROM livedash.session_processing_delta
    WHERE id IN (SELECT id FROM livedash.session_processing_delta FOR UPDATE SKIP LOCKED)
    RETURNING company_id, stage, status, sessions, slot, duration_bucket
), forgotten AS (
    DELETE FROM livedash.session_processing_activity WHERE slot < now() - interval '25 hours'
), active AS (
    INSERT INTO livedash.session_processing_activity AS activity (slot, stage, company_id, duration_bucket, sessions)
    SELECT slot, stage, company_id, duration_bucket, sum(sessions)
    FROM moved WHERE slot IS NOT NULL
    GROUP BY GROUPING SETS ((slot, stage, company_id, duration_bucket), (slot, stage, duration_bucket))
    ORDER BY slot, stage, company_id, duration_bucket
    ON CONFLICT (slot, stage, company_id, duration_bucket)
    DO UPDATE SET sessions = activity.sessions + excluded.sessions
)
INSERT INTO livedash.session_processing_count AS count (company_id, stage, status, sessions)
SELECT company_id, stage, status, sum(sessions) FROM moved GROUP BY company_id, stage, status
ORDER BY company_id, stage, status
ON CONFLICT (company_id, stage, status) DO UPDATE SET sessions = count.sessions + excluded.sessions
