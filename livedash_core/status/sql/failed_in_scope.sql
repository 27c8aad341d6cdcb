    SELECT failed.session_id, failed.stage, failed.company_id, company.name AS company,
           session.external_session_id, failed.attempts, failed.error_kind, failed.error_message,
           failed.completed_at AS failed_at
    FROM livedash.session_processing_status AS failed
    JOIN livedash.company ON company.id = failed.company_id
    JOIN livedash.session_import AS session ON session.id = failed.session_id
    WHERE failed.status = 'FAILED'
      AND failed.stage = ANY (CAST(:stages AS text[]))
      AND (CAST(:company_ids AS uuid[]) IS NULL OR failed.company_id = ANY (CAST(:company_ids AS uuid[])))
      AND (CAST(:started_from AS timestamptz) IS NULL OR session.started_at >= :started_from)
      AND (CAST(:started_before AS timestamptz) IS NULL OR session.started_at < :started_before)
      AND (CAST(:session_ids AS uuid[]) IS NULL OR failed.session_id = ANY (CAST(:session_ids AS uuid[])))
      AND (CAST(:error_kinds AS text[]) IS NULL OR failed.error_kind = ANY (CAST(:error_kinds AS text[])))
    ORDER BY failed.completed_at DESC, failed.session_id
    LIMIT :limit
