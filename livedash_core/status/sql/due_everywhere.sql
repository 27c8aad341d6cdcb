    -- The queue of each active company, oldest first, in random order of companies. A suspended company's backlog is
    -- not read. "available_at < 'infinity'" is redundant here, but the partial index needs it to be used.
    SELECT waiting.ctid
    FROM (
        SELECT id FROM livedash.company
        WHERE status = 'ACTIVE'
          AND (CAST(:company_ids AS uuid[]) IS NULL OR id = ANY (CAST(:company_ids AS uuid[])))
          AND NOT id = ANY (CAST(:without_company_ids AS uuid[]))
        ORDER BY random()
    ) AS company
    CROSS JOIN LATERAL (
        SELECT ctid FROM livedash.session_processing_status
        WHERE stage = :stage AND company_id = company.id
          AND status = 'PENDING' AND available_at < 'infinity' AND available_at <= now()
          AND (CAST(:error_kinds AS text[]) IS NULL OR error_kind = ANY (CAST(:error_kinds AS text[])))
        ORDER BY available_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ) AS waiting
    LIMIT :limit
