-- Sessions that have a row for the first stage and none for some other, in the order of the primary key.
SELECT known.session_id, known.company_id
FROM livedash.session_processing_status AS known
WHERE known.stage = (CAST(:stages AS text[]))[1]
  AND known.session_id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
  AND EXISTS (
    SELECT FROM unnest(CAST(:stages AS text[])) AS stage (name)
    WHERE NOT EXISTS (
        SELECT FROM livedash.session_processing_status AS own
        WHERE own.session_id = known.session_id AND own.stage = stage.name
    )
  )
ORDER BY known.session_id
LIMIT :limit
