-- The sessions that a token still holds.
SELECT session_id FROM livedash.session_processing_status
WHERE lease_token = :token AND status = 'IN_PROGRESS'
