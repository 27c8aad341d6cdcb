-- Correct sessions that are older than an added stage: a PENDING stage waits while the stage before it is unfinished,
-- and is due otherwise. Rows are locked in the order of reopen.
WITH locked AS MATERIALIZED (
    SELECT session_id, stage, status, available_at = 'infinity' AS is_waiting,
           array_position(CAST(:stages AS text[]), stage) AS position
    FROM livedash.session_processing_status
    WHERE session_id = ANY (CAST(:session_ids AS uuid[])) AND stage = ANY (CAST(:stages AS text[]))
    ORDER BY array_position(CAST(:stages AS text[]), stage), session_id
    FOR UPDATE
), placed AS (
    SELECT session_id, stage, status, is_waiting,
           lag(status) OVER (PARTITION BY session_id ORDER BY position) IN ('COMPLETED', 'SKIPPED') AS is_due
    FROM locked
), moved AS (
    UPDATE livedash.session_processing_status AS status
    SET available_at = CASE WHEN placed.is_due THEN now() ELSE 'infinity' END
    FROM placed
    WHERE status.session_id = placed.session_id AND status.stage = placed.stage
      AND placed.status = 'PENDING' AND placed.is_waiting = placed.is_due
    RETURNING company_id, status.stage, placed.is_due
)
INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
SELECT company_id, stage, change.status, change.sign * sum(CASE WHEN is_due THEN 1 ELSE -1 END)
FROM moved CROSS JOIN (VALUES ('WAITING', -1), ('PENDING', 1)) AS change (status, sign)
GROUP BY company_id, stage, change.status, change.sign
