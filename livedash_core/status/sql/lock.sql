-- Lock the rows of these sessions, of all stages or only of some, in the order of reopen.
SELECT FROM livedash.session_processing_status
WHERE session_id = ANY (CAST(:session_ids AS uuid[]))
  AND (CAST(:only AS text[]) IS NULL OR stage = ANY (CAST(:only AS text[])))
ORDER BY array_position(CAST(:stages AS text[]), stage) NULLS FIRST, session_id
FOR UPDATE
