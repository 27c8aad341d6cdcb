-- The open incidents whose cause can still be there: of active companies, in stages that are not finished.
-- CSV_IMPORT reads a source and not sessions: its runs close its incidents.
WITH progress AS (
    SELECT company_id, stage, bool_and(status NOT IN ('PENDING', 'IN_PROGRESS')) AS is_finished
    FROM (
        SELECT company_id, stage, status
        FROM (
-- include: counted
        ) AS counted
        WHERE EXISTS (SELECT FROM livedash.systemic_incident)
        GROUP BY company_id, stage, status
        HAVING sum(sessions) > 0
    ) AS present
    GROUP BY company_id, stage
)
SELECT incident.stage, company.name AS company, incident.message, incident.first_seen_at, incident.last_seen_at,
       incident.kind
FROM livedash.systemic_incident AS incident
LEFT JOIN livedash.company ON company.id = incident.company_id
WHERE (incident.company_id IS NULL OR company.status = 'ACTIVE')
  AND (
      incident.stage = 'CSV_IMPORT'
      OR (
          SELECT bool_and(is_finished) IS NOT TRUE
          FROM progress
          WHERE progress.stage = incident.stage
            AND (incident.company_id IS NULL OR progress.company_id = incident.company_id)
      )
  )
ORDER BY incident.first_seen_at, incident.stage, company.name
