-- The failure groups by counting all FAILED rows: verifies the counts, but is too slow to replace them.
SELECT stage, error_kind, error_group, count(*) AS sessions
FROM livedash.session_processing_status
WHERE status = 'FAILED'
GROUP BY stage, error_kind, error_group
