-- The open incidents whose cause can still be there: of active companies, in stages that are not finished.
-- CSV_IMPORT reads a source and not sessions: its runs close its incidents.
-- Those of the kind "partial" are what a model server was found to do: prompts that it reads in part are shortened for
-- a day, or until it has read a longer one as a whole.
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
UNION ALL
SELECT 'AI_ANALYSIS', NULL,
       concat(
           server, ' read ', read_tokens, ' of about ', sent_tokens, ' tokens of a conversation for ',
           quote_literal(model), '; give the model a larger context there (Ollama: OLLAMA_CONTEXT_LENGTH). ',
           'Until then conversations are shortened'
       ),
       found_at, now(), 'partial'
FROM livedash.model_server
WHERE read_tokens IS NOT NULL AND found_at > now() - interval '1 day'
ORDER BY first_seen_at, stage, company
