-- The breakdown by counting all rows: verifies the counts, but is too slow to replace them.
SELECT stage, CASE WHEN status = 'PENDING' AND available_at = 'infinity' THEN 'WAITING' ELSE status END AS status,
       count(*) AS sessions
FROM livedash.session_processing_status
WHERE CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[]))
GROUP BY 1, 2
