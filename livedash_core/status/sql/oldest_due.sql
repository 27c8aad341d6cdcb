-- Since when the oldest due session of each stage has been due: one look-up in the ready index per stage and company.
SELECT stage.name AS stage, min(oldest.available_at) AS since
FROM unnest(CAST(:stages AS text[])) AS stage (name)
CROSS JOIN livedash.company
CROSS JOIN LATERAL (
    SELECT available_at FROM livedash.session_processing_status
    WHERE stage = stage.name AND company_id = company.id
      AND status = 'PENDING' AND available_at < 'infinity' AND available_at <= now()
    ORDER BY available_at
    LIMIT 1
) AS oldest
WHERE company.status = 'ACTIVE'
  AND (CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[])))
GROUP BY stage.name
