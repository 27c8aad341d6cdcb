-- Sessions per stage and status without reading the status table: the folded counts plus the deltas, in one snapshot.
SELECT stage, status, sum(sessions) AS sessions
FROM (
-- include: counted
) AS counted
WHERE CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[]))
GROUP BY stage, status
HAVING sum(sessions) <> 0
