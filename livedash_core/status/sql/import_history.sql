-- Insert the rows of sessions that another system has processed, with their statuses there. Existing rows stay.
-- :histories is [[{stage, status, …}, …], …], shared by many sessions; a stage missing in a history is PENDING.
-- As in realign, PENDING is due if the stage before it is finished, so that all verbs find it.
WITH state AS MATERIALIZED (
    SELECT history.number, stage.name AS stage, stage.position, coalesce(imported.status, 'PENDING') AS status,
           coalesce(imported.attempts, 0) AS attempts, imported.started_at, imported.completed_at,
           imported.error_message, imported.error_group, imported.metadata,
           coalesce(lag(coalesce(imported.status, 'PENDING')) OVER (PARTITION BY history.number ORDER BY stage.position)
                    IN ('COMPLETED', 'SKIPPED'), true) AS is_due
    FROM jsonb_array_elements(CAST(:histories AS jsonb)) WITH ORDINALITY AS history (stages, number)
    CROSS JOIN unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stage (name, position)
    LEFT JOIN LATERAL jsonb_to_recordset(history.stages) AS imported (stage text, status text, attempts int2,
        started_at timestamptz, completed_at timestamptz, error_message text, error_group text, metadata jsonb)
        ON imported.stage = stage.name
), fresh AS (
    INSERT INTO livedash.session_processing_status (session_id, company_id, stage, status, available_at, started_at,
        completed_at, attempts, error_kind, error_message, error_group, metadata)
    SELECT session.id, session.company_id, state.stage, state.status,
           CASE WHEN state.status = 'PENDING' AND NOT state.is_due THEN 'infinity' ELSE now() END,
           CASE WHEN state.status <> 'PENDING' THEN coalesce(state.started_at, session.settled_at) END,
           CASE WHEN state.status <> 'PENDING' THEN coalesce(state.completed_at, session.settled_at) END,
           state.attempts, CASE WHEN state.status = 'FAILED' THEN 'permanent' END,
           state.error_message, state.error_group, state.metadata
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:company_ids AS uuid[]), CAST(:settled_at AS timestamptz[]),
                CAST(:numbers AS int[])) AS session (id, company_id, settled_at, number)
    JOIN state ON state.number = session.number
    ORDER BY session.id, state.position
    ON CONFLICT (session_id, stage) DO NOTHING
    RETURNING *, CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
), failures AS (
    INSERT INTO livedash.session_processing_failure
        (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message)
    SELECT session_id, company_id, stage, attempts, started_at, completed_at, error_kind, error_message
    FROM fresh WHERE status = 'FAILED'
), failure_deltas AS (
    INSERT INTO livedash.session_failure_delta (company_id, stage, error_kind, error_group, sessions, seen_at)
    SELECT company_id, stage, error_kind, error_group, count(*), max(completed_at)
    FROM fresh WHERE status = 'FAILED' GROUP BY company_id, stage, error_kind, error_group
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, stage, counted_as, count(*) FROM fresh GROUP BY company_id, stage, counted_as
)
SELECT DISTINCT session_id FROM fresh
