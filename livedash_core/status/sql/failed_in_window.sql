    -- Failures by the start of their session. An open end becomes an infinite one: the window is a range of the index.
    SELECT failed.*
    FROM livedash.company
    JOIN livedash.session_import AS session ON session.company_id = company.id
    JOIN livedash.session_processing_status AS failed ON failed.session_id = session.id
    WHERE failed.status = 'FAILED' AND failed.stage = ANY (CAST(:stages AS text[]))
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[])))
      AND session.started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
      AND session.started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
      AND (CAST(:error_kinds AS text[]) IS NULL OR failed.error_kind = ANY (CAST(:error_kinds AS text[])))
