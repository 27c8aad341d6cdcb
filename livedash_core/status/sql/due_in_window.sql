    -- Sessions by start time, each row looked up by primary key. An open end becomes an infinite one, so that the
    -- window is always a range of the index.
    SELECT waiting.ctid
    FROM livedash.company
    JOIN livedash.session_import AS session ON session.company_id = company.id
    JOIN livedash.session_processing_status AS waiting ON waiting.session_id = session.id AND waiting.stage = :stage
    WHERE company.status = 'ACTIVE'
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[])))
      AND NOT company.id = ANY (CAST(:without_company_ids AS uuid[]))
      AND session.started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
      AND session.started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
      AND waiting.status = 'PENDING' AND waiting.available_at <= now()
      AND (CAST(:error_kinds AS text[]) IS NULL OR waiting.error_kind = ANY (CAST(:error_kinds AS text[])))
    ORDER BY waiting.available_at
    LIMIT :limit
    FOR UPDATE OF waiting SKIP LOCKED
