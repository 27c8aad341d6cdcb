-- Lock every stage of these sessions. Rows are locked in the order of reopen.
SELECT FROM livedash.session_processing_status
WHERE session_id = ANY (CAST(:session_ids AS uuid[]))
ORDER BY array_position(CAST(:stages AS text[]), stage) NULLS FIRST, session_id
FOR UPDATE
