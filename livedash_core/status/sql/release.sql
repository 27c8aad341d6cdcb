-- Release the sessions that the token still holds, or the named ones among them, without counting the attempt. A lease
-- that holds no more sessions is deleted.
WITH lease AS MATERIALIZED (
    SELECT token FROM livedash.session_processing_lease WHERE token = :token FOR UPDATE
), held AS MATERIALIZED (
    SELECT ctid, session_id FROM livedash.session_processing_status
    WHERE lease_token = (SELECT token FROM lease) AND status = 'IN_PROGRESS'
      AND (CAST(:session_ids AS uuid[]) IS NULL OR session_id = ANY (CAST(:session_ids AS uuid[])))
    ORDER BY session_id
    FOR UPDATE
), released AS (
    UPDATE livedash.session_processing_status
    SET status = 'PENDING', attempts = attempts - 1, lease_token = NULL, started_at = NULL,
        available_at = now() + make_interval(secs => :delay_seconds)
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM held))
    RETURNING session_id, company_id, stage
), ended AS (
    DELETE FROM livedash.session_processing_lease
    WHERE token = :token AND NOT EXISTS (
        SELECT FROM livedash.session_processing_status
        WHERE lease_token = :token AND status = 'IN_PROGRESS' AND session_id NOT IN (SELECT session_id FROM held)
    )
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, change.status, change.sign * count(*)
    FROM released CROSS JOIN (VALUES ('IN_PROGRESS', -1), ('PENDING', 1)) AS change (status, sign)
    GROUP BY company_id, stage, change.status, change.sign
)
SELECT session_id FROM released
