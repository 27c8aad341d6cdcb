-- FAILED becomes SKIPPED by a person's decision, within a scope, and the next stage opens. The failure history stays.
-- :metadata has the reason and who decided. The rows of the next stages are locked along with the failed ones, in the
-- order of reopen. No duration is counted: nothing was processed.
WITH chosen AS MATERIALIZED (
-- include: failed_{reach}
), locked AS MATERIALIZED (
    SELECT session_id, stage, status, error_kind, error_group, error_message
    FROM livedash.session_processing_status
    WHERE (session_id, stage) IN (
        SELECT session_id, stage FROM chosen
        UNION ALL
        SELECT session_id, (CAST(:pipeline AS text[]))[array_position(CAST(:pipeline AS text[]), stage) + 1] FROM chosen
    )
    ORDER BY array_position(CAST(:pipeline AS text[]), stage), session_id
    FOR UPDATE
), skipped AS (
    UPDATE livedash.session_processing_status AS status
    SET status = 'SKIPPED', completed_at = now(), error_kind = NULL, error_message = NULL, error_group = NULL,
        metadata = CAST(:metadata AS jsonb) || jsonb_build_object('failure', locked.error_message)
    FROM locked JOIN chosen USING (session_id, stage)
    WHERE status.session_id = locked.session_id AND status.stage = locked.stage AND locked.status = 'FAILED'
    RETURNING status.session_id, status.company_id, status.stage, locked.error_kind, locked.error_group
), opened AS (
    UPDATE livedash.session_processing_status AS next
    SET available_at = now()
    FROM skipped
    WHERE next.session_id = skipped.session_id AND next.status = 'PENDING' AND next.available_at = 'infinity'
      AND next.stage = (CAST(:pipeline AS text[]))[array_position(CAST(:pipeline AS text[]), skipped.stage) + 1]
    RETURNING next.company_id, next.stage
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, change.status, change.sign * count(*)
    FROM (SELECT company_id, stage, 'FAILED' AS before, 'SKIPPED' AS after FROM skipped
          UNION ALL SELECT company_id, stage, 'WAITING', 'PENDING' FROM opened) AS moved
    CROSS JOIN LATERAL (VALUES (before, -1), (after, 1)) AS change (status, sign)
    GROUP BY company_id, stage, change.status, change.sign
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions)
    SELECT company_id, stage, error_kind, error_group, -count(*)
    FROM skipped GROUP BY company_id, stage, error_kind, error_group
)
SELECT stage, count(*) AS sessions FROM skipped GROUP BY stage
