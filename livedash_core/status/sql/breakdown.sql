-- Exact without touching the status table: what is folded plus what is not, read in one snapshot.
SELECT stage, status, sum(sessions) AS sessions
FROM (
    SELECT company_id, stage, status, sessions FROM livedash.session_processing_count
    UNION ALL
    SELECT company_id, stage, status, sessions FROM livedash.session_processing_delta
) AS ledger
WHERE CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[]))
GROUP BY stage, status
HAVING sum(sessions) <> 0
