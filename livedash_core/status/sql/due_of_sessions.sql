    -- Named sessions by primary key, filtered by the rest of the scope.
    SELECT waiting.ctid
    FROM livedash.session_processing_status AS waiting
    JOIN livedash.company ON company.id = waiting.company_id
    LEFT JOIN livedash.session_import AS session ON session.id = waiting.session_id
    WHERE waiting.session_id = ANY (CAST(:session_ids AS uuid[])) AND waiting.stage = :stage
      AND waiting.status = 'PENDING' AND waiting.available_at <= now() AND company.status = 'ACTIVE'
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[])))
      AND NOT company.id = ANY (CAST(:without_company_ids AS uuid[]))
      AND (CAST(:started_from AS timestamptz) IS NULL OR session.started_at >= :started_from)
      AND (CAST(:started_before AS timestamptz) IS NULL OR session.started_at < :started_before)
      AND (CAST(:error_kinds AS text[]) IS NULL OR waiting.error_kind = ANY (CAST(:error_kinds AS text[])))
    ORDER BY waiting.available_at
    LIMIT :limit
    FOR UPDATE OF waiting SKIP LOCKED
