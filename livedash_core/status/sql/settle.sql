-- Complete or skip sessions that the token holds, and open their next stage in the same statement.
-- The lease is locked first, so that no claim takes it as expired, then the rows in sorted order, so that two
-- statements never deadlock.
-- :metadata is {session_id: metadata}, parsed once: a generic plan would parse it again for each row.
-- The sessions of a token were claimed at one instant, so one duration is stored for all of them, at least 0.1 ms.
WITH parameters AS MATERIALIZED (
    SELECT CAST(:metadata AS jsonb) AS metadata
), lease AS MATERIALIZED (
    SELECT token FROM livedash.session_processing_lease WHERE token = :token FOR KEY SHARE
), held AS MATERIALIZED (
    SELECT ctid FROM livedash.session_processing_status
    WHERE lease_token = (SELECT token FROM lease) AND status = 'IN_PROGRESS'
      AND stage = :stage AND session_id IN (SELECT unnest(CAST(:session_ids AS uuid[])))
    ORDER BY session_id
    FOR UPDATE
), settled AS (
    UPDATE livedash.session_processing_status
    SET status = :status, completed_at = now(), lease_token = NULL, error_kind = NULL, error_message = NULL,
        metadata = (SELECT metadata FROM parameters) -> session_id::text
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM held))
    RETURNING session_id, company_id, started_at
), opened AS (
    UPDATE livedash.session_processing_status
    SET available_at = now()
    WHERE session_id = ANY (ARRAY(SELECT session_id FROM settled)) AND stage = :next_stage
      AND status = 'PENDING' AND available_at = 'infinity'
    RETURNING company_id
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions, slot, duration_bucket)
    SELECT company_id, :stage, 'IN_PROGRESS', -count(*), NULL, NULL FROM settled GROUP BY company_id
    UNION ALL
    SELECT company_id, :stage, :status, count(*), date_bin('10 minutes', now(), 'epoch'),
           floor(ln(greatest(extract(epoch FROM now() - started_at), 0.0001)) / ln(1.2))
    FROM settled GROUP BY company_id, started_at
    UNION ALL
    SELECT company_id, :next_stage, change.status, change.sign * count(*), NULL, NULL
    FROM opened CROSS JOIN (VALUES ('WAITING', -1), ('PENDING', 1)) AS change (status, sign)
    GROUP BY company_id, change.status, change.sign
)
SELECT session_id FROM settled
