-- FAILED sessions by reason, without reading their rows: the folded counts plus the deltas. A decrease has no day.
SELECT stage, error_kind, error_group, sum(sessions) AS sessions, min(first_seen_at) AS first_seen_at,
       max(last_seen_at) AS last_seen_at, array_agg(company_id ORDER BY sessions DESC) AS company_ids,
       jsonb_agg(days) AS days
FROM (
    SELECT company_id, stage, error_kind, error_group, sum(sessions) AS sessions,
           min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at, jsonb_agg(days) AS days
    FROM (
        SELECT company_id, stage, error_kind, error_group, sessions, first_seen_at, last_seen_at, days
        FROM livedash.session_failure_count
        UNION ALL
        SELECT company_id, stage, error_kind, error_group, sessions, seen_at, seen_at,
               CASE WHEN seen_at IS NOT NULL THEN
                   jsonb_build_object(to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), sessions) ELSE '{}' END
        FROM livedash.session_failure_delta
    ) AS counted
    WHERE CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[]))
    GROUP BY company_id, stage, error_kind, error_group
    HAVING sum(sessions) > 0
) AS of_company
WHERE CAST(:stage AS text) IS NULL OR stage = :stage
GROUP BY stage, error_kind, error_group
ORDER BY sessions DESC, stage, error_kind, error_group
