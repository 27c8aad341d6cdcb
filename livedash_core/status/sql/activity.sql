-- Sessions that finished each stage in the last 24 hours, by hour before now and by duration, folded or not.
SELECT stage, hours_ago, duration_bucket, sum(sessions) AS sessions,
       sum(sessions) FILTER (WHERE slot >= date_bin('10 minutes', now() - interval '10 minutes', 'epoch')) AS recent,
       extract(epoch FROM now() - date_bin('10 minutes', now() - interval '10 minutes', 'epoch')) AS recent_seconds
FROM (
    SELECT stage, slot, duration_bucket, sessions, floor(extract(epoch FROM now() - slot) / 3600) AS hours_ago
    FROM (
        SELECT company_id, stage, slot, duration_bucket, sessions FROM livedash.session_processing_activity
        UNION ALL
        SELECT company_id, stage, slot, duration_bucket, sessions FROM livedash.session_processing_delta
    ) AS settled
    WHERE slot > now() - interval '24 hours'
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
) AS last_day
GROUP BY GROUPING SETS ((stage, hours_ago), (stage, duration_bucket))
