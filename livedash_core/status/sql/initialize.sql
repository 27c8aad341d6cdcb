-- Sessions get one row per stage. What is there already stays as it is.
WITH session AS (
    SELECT id, company_id, CAST(:completed_stages AS int) AS completed_stages, CAST(NULL AS jsonb) AS metadata
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:company_ids AS uuid[])) AS given (id, company_id)
), fresh AS (
-- include: initialize_rows
    ORDER BY session.id, stage.position
    ON CONFLICT (session_id, stage) DO NOTHING
    RETURNING session_id, company_id, stage,
              CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
), ledger AS (
-- include: initialize_ledger
)
SELECT session_id, count(*) = cardinality(CAST(:stages AS text[])) AS is_new FROM fresh GROUP BY session_id
