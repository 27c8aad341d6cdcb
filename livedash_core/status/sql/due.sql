-- Ids of the sessions that a claim could take now, oldest first.
SELECT waiting.session_id
FROM livedash.company
CROSS JOIN LATERAL (
    SELECT session_id, available_at FROM livedash.session_processing_status
    WHERE stage = :stage AND company_id = company.id
      AND status = 'PENDING' AND available_at < 'infinity' AND available_at <= now()
    ORDER BY available_at
    LIMIT :limit
) AS waiting
WHERE company.status = 'ACTIVE'
ORDER BY waiting.available_at, waiting.session_id
LIMIT :limit
