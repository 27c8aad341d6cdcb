-- Complete or skip: only the holder may, and the next stage opens in the same statement.
-- Ids are sorted so that two settlers of the same rows lock them in one order.
WITH asked AS (
    SELECT session_id, metadata
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:metadata AS jsonb[])) AS asked (session_id, metadata)
    ORDER BY session_id
), settled AS (
    UPDATE livedash.session_processing_status AS status
    SET status = :status, completed_at = now(), lease_token = NULL,
        error_kind = NULL, error_message = NULL, metadata = asked.metadata
    FROM asked
    WHERE status.session_id = asked.session_id AND status.stage = :stage
      AND status.status = 'IN_PROGRESS' AND status.lease_token = :token
    RETURNING status.session_id, status.company_id
), opened AS (
    UPDATE livedash.session_processing_status AS next
    SET available_at = now()
    FROM settled
    WHERE next.session_id = settled.session_id AND next.stage = :next_stage
      AND next.status = 'PENDING' AND next.available_at = 'infinity'
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, change.status, change.sign * count(*)
    FROM settled CROSS JOIN (VALUES ('IN_PROGRESS', -1), (:status, 1)) AS change (status, sign)
    GROUP BY company_id, change.status, change.sign
)
SELECT session_id FROM settled
