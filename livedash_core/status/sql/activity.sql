-- Sessions that finished each stage in the last 24 hours, by hour before now and by duration, folded or not. Rows
-- without a company are the sums of all companies. They are added up per slot first, of which there are few.
SELECT stage, hours_ago, duration_bucket, sum(sessions) AS sessions,
       sum(sessions) FILTER (WHERE slot >= date_bin('10 minutes', now() - interval '10 minutes', 'epoch')) AS recent,
       extract(epoch FROM now() - date_bin('10 minutes', now() - interval '10 minutes', 'epoch')) AS recent_seconds
FROM (
    SELECT stage, slot, floor(extract(epoch FROM now() - slot) / 3600) AS hours_ago, duration_bucket,
           CAST(sum(sessions) AS bigint) AS sessions
    FROM (
        SELECT stage, slot, duration_bucket, sessions FROM livedash.session_processing_activity
        WHERE CAST(:company_ids AS uuid[]) IS NULL AND company_id IS NULL AND slot > now() - interval '24 hours'
        UNION ALL
        SELECT stage, slot, duration_bucket, sessions
        FROM (SELECT DISTINCT unnest(CAST(:company_ids AS uuid[])) AS id) AS company
        CROSS JOIN LATERAL (
            SELECT stage, slot, duration_bucket, sessions FROM livedash.session_processing_activity
            WHERE company_id = company.id AND slot > now() - interval '24 hours' OFFSET 0
        ) AS of_company
        UNION ALL
        SELECT stage, slot, duration_bucket, sessions FROM livedash.session_processing_delta
        WHERE (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
          AND slot > now() - interval '24 hours'
    ) AS settled
    GROUP BY GROUPING SETS ((stage, slot), (stage, duration_bucket))
) AS summed
GROUP BY stage, hours_ago, duration_bucket
