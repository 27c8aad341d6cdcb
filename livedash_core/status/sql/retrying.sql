-- Sessions of each stage that are due later, at most :at_most per company: a range of the ready index.
SELECT stage.name AS stage, sum(waiting.sessions) AS sessions
FROM unnest(CAST(:stages AS text[])) AS stage (name)
CROSS JOIN livedash.company
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions FROM (
        SELECT FROM livedash.session_processing_status
        WHERE stage = stage.name AND company_id = company.id
          AND status = 'PENDING' AND available_at < 'infinity' AND available_at > now()
        LIMIT :at_most
    ) AS later
) AS waiting
WHERE CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[]))
GROUP BY stage.name
