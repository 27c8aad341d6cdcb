    -- The newest failures of each stage and company: the limit bounds the rows that are read.
    SELECT failed.*
    FROM livedash.company
    CROSS JOIN unnest(CAST(:stages AS text[])) AS asked (stage)
    CROSS JOIN LATERAL (
        SELECT * FROM livedash.session_processing_status
        WHERE stage = asked.stage AND company_id = company.id AND status = 'FAILED'
          AND (CAST(:error_kinds AS text[]) IS NULL OR error_kind = ANY (CAST(:error_kinds AS text[])))
        ORDER BY completed_at DESC
        LIMIT :limit
    ) AS failed
    WHERE CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[]))
