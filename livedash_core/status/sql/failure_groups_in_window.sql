-- FAILED sessions by reason, of those that started in a window, counted one by one: at most :at_most sessions are read.
-- OFFSET 0 forces one look-up per session, as in breakdown_in_window. The first column is the number of sessions read.
WITH chosen AS MATERIALIZED (
-- include: started_in_window
), failed AS (
    SELECT failure.* FROM chosen CROSS JOIN LATERAL (
        SELECT session_id, company_id, stage, error_kind, error_group, completed_at
        FROM livedash.session_processing_status WHERE session_id = chosen.id AND status = 'FAILED' OFFSET 0
    ) AS failure
)
SELECT total.read, stage, error_kind, error_group, company_id, count(*) AS sessions, min(completed_at) AS first_seen_at,
       max(completed_at) AS last_seen_at, to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
       (array_agg(session_id ORDER BY completed_at DESC))[1:3] AS newest
FROM (SELECT count(*) AS read FROM chosen) AS total LEFT JOIN failed ON true
GROUP BY total.read, stage, error_kind, error_group, company_id, day
