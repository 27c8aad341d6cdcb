-- The folded counts and the deltas that are not folded yet, in one snapshot: the sum of both is exact.
SELECT company_id, stage, status, sessions FROM livedash.session_processing_count
UNION ALL
SELECT company_id, stage, status, sessions FROM livedash.session_processing_delta
