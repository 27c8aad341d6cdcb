-- Insert one row per session and stage. Existing rows stay.
WITH session AS (
    SELECT id, company_id, CAST(:completed_stages AS int) AS completed_stages, CAST(NULL AS jsonb) AS metadata
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:company_ids AS uuid[])) AS given (id, company_id)
), fresh AS (
-- include: initialize_rows
    ORDER BY session.id, stage.position
    ON CONFLICT (session_id, stage) DO NOTHING
    RETURNING session_id, company_id, stage,
              CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
), count_deltas AS (
-- include: initialize_deltas
)
SELECT session_id, count(*) = cardinality(CAST(:stages AS text[])) AS is_new FROM fresh GROUP BY session_id
