-- The stages of sessions that a person skipped, within a scope: an index of their own has them, and there are few.
SELECT skipped.stage, skipped.session_id
FROM livedash.session_processing_status AS skipped
LEFT JOIN livedash.session_import AS session ON session.id = skipped.session_id
WHERE skipped.status = 'SKIPPED' AND skipped.metadata ? 'skipped_by'
  AND skipped.stage = ANY (CAST(:stages AS text[]))
  AND (CAST(:company_ids AS uuid[]) IS NULL OR skipped.company_id = ANY (CAST(:company_ids AS uuid[])))
  AND (CAST(:session_ids AS uuid[]) IS NULL OR skipped.session_id = ANY (CAST(:session_ids AS uuid[])))
  AND (CAST(:started_from AS timestamptz) IS NULL OR session.started_at >= :started_from)
  AND (CAST(:started_before AS timestamptz) IS NULL OR session.started_at < :started_before)
ORDER BY array_position(CAST(:stages AS text[]), skipped.stage), skipped.session_id
