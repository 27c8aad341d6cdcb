-- Erase the failure texts and the metadata of these sessions, history included; counts stay exact. Claims on them are
-- released without counting the attempt, so that their holders cannot store content again. A failure's reason may quote
-- the session, so the failure moves to the group of erased ones, and its counts with it. Of the metadata, only the fact
-- that a skipped session had a reason remains.
-- The statement before this one has locked the rows: only a statement that begins later sees what was stored while that
-- one waited.
WITH before AS MATERIALIZED (
    SELECT session_id, stage, status, error_group, status = 'IN_PROGRESS' AS is_held
    FROM livedash.session_processing_status
    WHERE session_id = ANY (CAST(:session_ids AS uuid[]))
), erased AS (
    UPDATE livedash.session_processing_status AS status
    SET status = CASE WHEN is_held THEN 'PENDING' ELSE before.status END,
        attempts = CASE WHEN is_held THEN attempts - 1 ELSE attempts END,
        available_at = CASE WHEN is_held THEN now() ELSE available_at END,
        started_at = CASE WHEN is_held THEN NULL ELSE started_at END,
        lease_token = NULL,
        error_message = CASE WHEN error_message IS NOT NULL THEN :placeholder END,
        error_group = CASE WHEN before.error_group IS NOT NULL THEN :placeholder END,
        metadata = CASE WHEN before.status = 'SKIPPED' THEN jsonb_build_object('reason', CAST(:placeholder AS text)) END
    FROM before
    WHERE status.session_id = before.session_id AND status.stage = before.stage
      AND (is_held OR error_message IS NOT NULL OR before.error_group IS NOT NULL OR metadata IS NOT NULL)
    RETURNING company_id, status.stage, is_held, status.status, status.error_kind, completed_at,
              before.error_group AS left_group
), history AS (
    UPDATE livedash.session_processing_failure SET error_message = :placeholder
    WHERE session_id = ANY (CAST(:session_ids AS uuid[]))
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, change.status, change.sign * count(*)
    FROM erased CROSS JOIN (VALUES ('IN_PROGRESS', -1), ('PENDING', 1)) AS change (status, sign)
    WHERE is_held GROUP BY company_id, stage, change.status, change.sign
)
INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions, seen_at)
SELECT company_id, stage, error_kind, left_group, -count(*), NULL
FROM erased WHERE status = 'FAILED' GROUP BY company_id, stage, error_kind, left_group
UNION ALL
SELECT company_id, stage, error_kind, :placeholder, count(*), max(completed_at)
FROM erased WHERE status = 'FAILED' GROUP BY company_id, stage, error_kind
