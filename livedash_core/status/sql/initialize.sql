-- Sessions get one row per stage. What is there already stays as it is.
WITH fresh AS (
-- include: initialize_rows
    ORDER BY session.id, stage.position
    ON CONFLICT (session_id, stage) DO NOTHING
    RETURNING session_id, company_id, stage,
              CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
), ledger AS (
-- include: initialize_ledger
)
SELECT session_id, count(*) = cardinality(CAST(:stages AS text[])) AS is_new FROM fresh GROUP BY session_id
