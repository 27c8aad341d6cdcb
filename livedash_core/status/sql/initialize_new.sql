-- The same for ids that the caller has just made: nobody else has them, so nothing is looked up, and the order is free.
WITH session AS (
    SELECT id, company_id, completed_stages, metadata FROM pg_temp.new_session
), fresh AS (
-- include: initialize_rows
    RETURNING company_id, stage, CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
)
-- include: initialize_ledger
