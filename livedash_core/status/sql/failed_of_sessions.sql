    -- Named sessions by primary key, filtered by the rest of the scope.
    SELECT failed.*
    FROM livedash.session_processing_status AS failed
    LEFT JOIN livedash.session_import AS session ON session.id = failed.session_id
    WHERE failed.session_id = ANY (CAST(:session_ids AS uuid[])) AND failed.stage = ANY (CAST(:stages AS text[]))
      AND failed.status = 'FAILED'
      AND (CAST(:company_ids AS uuid[]) IS NULL OR failed.company_id = ANY (CAST(:company_ids AS uuid[])))
      AND (CAST(:started_from AS timestamptz) IS NULL OR session.started_at >= :started_from)
      AND (CAST(:started_before AS timestamptz) IS NULL OR session.started_at < :started_before)
      AND (CAST(:error_kinds AS text[]) IS NULL OR failed.error_kind = ANY (CAST(:error_kinds AS text[])))
