-- Reset these stages to PENDING, for example after a changed import or a new prompt. Claims on them are lost. The data
-- that the stages stored stays until they replace it.
-- Rows are locked stage by stage and sorted, in the order in which settle locks them, and the stage before is locked
-- too, so that its status cannot change meanwhile. A row that changed during a wait has a new ctid: update by key.
WITH locked AS MATERIALIZED (
    SELECT session_id, stage, error_kind, error_group,
           stage = :previous_stage AND status NOT IN ('COMPLETED', 'SKIPPED') AS holds_back,
           CASE WHEN status = 'PENDING' AND available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
    FROM livedash.session_processing_status
    WHERE session_id = ANY (CAST(:session_ids AS uuid[]))
      AND (stage = ANY (CAST(:stages AS text[])) OR stage = :previous_stage)
    ORDER BY array_position(CAST(:stages AS text[]), stage) NULLS FIRST, session_id
    FOR UPDATE
), before AS (
    SELECT session_id, stage, counted_as, error_kind, error_group, stage <> (CAST(:stages AS text[]))[1]
           OR bool_or(holds_back) OVER (PARTITION BY session_id) AS waits
    FROM locked
), reopened AS (
    UPDATE livedash.session_processing_status AS status
    SET status = 'PENDING', available_at = CASE WHEN before.waits THEN 'infinity' ELSE now() END, attempts = 0,
        lease_token = NULL, started_at = NULL, completed_at = NULL, error_kind = NULL, error_message = NULL,
        error_group = NULL
    FROM before
    WHERE status.session_id = before.session_id AND status.stage = before.stage
      AND status.stage = ANY (CAST(:stages AS text[]))
    RETURNING status.session_id, company_id, status.stage, before.counted_as, before.error_kind, before.error_group,
              CASE WHEN before.waits THEN 'WAITING' ELSE 'PENDING' END AS counts_as
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, counted_as, -count(*) FROM reopened GROUP BY company_id, stage, counted_as
    UNION ALL
    SELECT company_id, stage, counts_as, count(*) FROM reopened GROUP BY company_id, stage, counts_as
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions)
    SELECT company_id, stage, error_kind, error_group, -count(*)
    FROM reopened WHERE counted_as = 'FAILED' GROUP BY company_id, stage, error_kind, error_group
)
SELECT DISTINCT session_id FROM reopened
