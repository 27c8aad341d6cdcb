-- The breakdown of the sessions that started in a window, counted one by one: at most :at_most of them.
-- OFFSET 0 forces one look-up per session: a plan that joins would read the whole table for a few thousand.
WITH chosen AS MATERIALIZED (
    SELECT session.id FROM livedash.company CROSS JOIN LATERAL (
        SELECT id FROM livedash.session_import
        WHERE company_id = company.id
          AND started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
          AND started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
        LIMIT :at_most
    ) AS session
    WHERE CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[]))
    LIMIT :at_most
)
SELECT stage, counted_as AS status, count(*) AS sessions
FROM chosen CROSS JOIN LATERAL (
    SELECT stage, CASE WHEN status <> 'PENDING' THEN status WHEN available_at = 'infinity' THEN 'WAITING'
                       WHEN available_at > now() THEN 'RETRYING' ELSE 'PENDING' END AS counted_as
    FROM livedash.session_processing_status WHERE session_id = chosen.id OFFSET 0
) AS placed
GROUP BY stage, counted_as
