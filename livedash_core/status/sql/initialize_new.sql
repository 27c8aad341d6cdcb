-- Like initialize, for ids that this transaction created: there can be no conflicts, so rows need no look-up or order.
WITH session AS (
    SELECT id, company_id, completed_stages, metadata FROM pg_temp.new_session
), fresh AS (
-- include: initialize_rows
    RETURNING company_id, stage, CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
)
-- include: initialize_deltas
