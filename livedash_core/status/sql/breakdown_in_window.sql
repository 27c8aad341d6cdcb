-- The breakdown of the sessions that started in a window, counted one by one: at most :at_most of them.
-- OFFSET 0 forces one look-up per session: a plan that joins would read the whole table for a few thousand.
WITH chosen AS MATERIALIZED (
-- include: started_in_window
)
SELECT stage, counted_as AS status, count(*) AS sessions
FROM chosen CROSS JOIN LATERAL (
    SELECT stage, CASE WHEN status <> 'PENDING' THEN status WHEN available_at = 'infinity' THEN 'WAITING'
                       WHEN available_at > now() THEN 'RETRYING' ELSE 'PENDING' END AS counted_as
    FROM livedash.session_processing_status WHERE session_id = chosen.id OFFSET 0
) AS placed
GROUP BY stage, counted_as
