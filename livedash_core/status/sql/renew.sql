-- One row, however many sessions the lease holds. No row: the lease is lost.
UPDATE livedash.session_processing_lease
SET expires_at = now() + make_interval(secs => :lease_seconds)
WHERE token = :token
RETURNING token
