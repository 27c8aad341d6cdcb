-- Ids that a claim could take now, oldest first, without taking them.
SELECT waiting.session_id
FROM livedash.session_processing_status AS waiting
JOIN livedash.company ON company.id = waiting.company_id AND company.status = 'ACTIVE'
WHERE waiting.stage = :stage AND waiting.status = 'PENDING' AND waiting.available_at <= now()
ORDER BY waiting.available_at, waiting.session_id
LIMIT :limit
