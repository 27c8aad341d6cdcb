-- Extend a lease: one row, however many sessions it holds. If no row is returned, the lease is lost.
UPDATE livedash.session_processing_lease
SET expires_at = now() + make_interval(secs => :lease_seconds)
WHERE token = :token
RETURNING token
