-- Sessions by start time, at most :at_most. An open end becomes an infinite one: the window is a range of the index.
    SELECT session.id FROM livedash.company CROSS JOIN LATERAL (
        SELECT id FROM livedash.session_import
        WHERE company_id = company.id
          AND started_at >= coalesce(CAST(:started_from AS timestamptz), '-infinity')
          AND started_at < coalesce(CAST(:started_before AS timestamptz), 'infinity')
        LIMIT :at_most
    ) AS session
    WHERE CAST(:company_ids AS uuid[]) IS NULL OR company.id = ANY (CAST(:company_ids AS uuid[]))
    LIMIT :at_most
