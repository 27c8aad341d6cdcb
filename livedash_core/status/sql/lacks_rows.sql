-- One row if any of these sessions has a row for some stage and none for another.
SELECT session_id FROM livedash.session_processing_status
WHERE session_id = ANY (CAST(:session_ids AS uuid[])) AND stage = ANY (CAST(:stages AS text[]))
GROUP BY session_id
HAVING count(*) < cardinality(CAST(:stages AS text[]))
LIMIT 1
