-- All stages of a session; available_at is NULL while it waits for an earlier stage.
SELECT stage, status, attempts, nullif(available_at, 'infinity') AS available_at, started_at, completed_at,
       error_kind, error_message, metadata
FROM livedash.session_processing_status
WHERE session_id = :session_id
