-- End a lease whose sessions are all settled, in the transaction that settles the last of them.
DELETE FROM livedash.session_processing_lease WHERE token = :token AND NOT EXISTS (
    SELECT FROM livedash.session_processing_status WHERE lease_token = :token AND status = 'IN_PROGRESS'
)
