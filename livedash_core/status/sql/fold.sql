-- Move deltas into the counts. Rows another fold is moving are left to it.
WITH moved AS (
    DELETE FROM livedash.session_processing_delta
    WHERE id IN (SELECT id FROM livedash.session_processing_delta FOR UPDATE SKIP LOCKED)
    RETURNING company_id, stage, status, sessions
)
INSERT INTO livedash.session_processing_count AS count (company_id, stage, status, sessions)
SELECT company_id, stage, status, sum(sessions) FROM moved GROUP BY company_id, stage, status
ORDER BY company_id, stage, status
ON CONFLICT (company_id, stage, status) DO UPDATE SET sessions = count.sessions + excluded.sessions
