    -- The sessions a scope names: found by when they started, then looked up by primary key.
    SELECT waiting.ctid
    FROM livedash.session_import AS session
    JOIN livedash.company ON company.id = session.company_id AND company.status = 'ACTIVE'
    JOIN livedash.session_processing_status AS waiting
      ON waiting.session_id = session.id AND waiting.stage = :stage
    WHERE waiting.status = 'PENDING' AND waiting.available_at <= now()
      AND (CAST(:company_ids AS uuid[]) IS NULL OR session.company_id = ANY (CAST(:company_ids AS uuid[])))
      AND NOT session.company_id = ANY (CAST(:without_company_ids AS uuid[]))
      AND (CAST(:started_from AS timestamptz) IS NULL OR session.started_at >= :started_from)
      AND (CAST(:started_before AS timestamptz) IS NULL OR session.started_at < :started_before)
      AND (CAST(:session_ids AS uuid[]) IS NULL OR session.id = ANY (CAST(:session_ids AS uuid[])))
      AND (CAST(:error_kinds AS text[]) IS NULL OR waiting.error_kind = ANY (CAST(:error_kinds AS text[])))
    ORDER BY waiting.available_at
    LIMIT :limit
    FOR UPDATE OF waiting SKIP LOCKED
