-- The failure groups by looking at every failed row: the proof of the counts, not the way to read them.
SELECT stage, error_kind, error_group, count(*) AS sessions
FROM livedash.session_processing_status
WHERE status = 'FAILED'
GROUP BY stage, error_kind, error_group
