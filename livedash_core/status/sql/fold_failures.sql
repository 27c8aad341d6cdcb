-- Move the deltas into the failure counts. Rows that another fold has locked are skipped. An empty group is deleted,
-- so that its first_seen_at starts again if the failure comes back. Of the days, those of the last month are kept.
WITH moved AS (
    DELETE FROM livedash.session_failure_delta
    WHERE id IN (SELECT id FROM livedash.session_failure_delta FOR UPDATE SKIP LOCKED)
    RETURNING company_id, stage, error_kind, error_group, sessions, seen_at
), emptied AS (
    DELETE FROM livedash.session_failure_count AS count
    WHERE sessions = 0
      AND (company_id, stage, error_kind, error_group) NOT IN (
          SELECT company_id, stage, error_kind, error_group FROM moved
      )
), of_day AS (
    SELECT company_id, stage, error_kind, error_group, sum(sessions) AS sessions, min(seen_at) AS first,
           max(seen_at) AS last, CAST(seen_at AT TIME ZONE 'UTC' AS date) AS day
    FROM moved
    GROUP BY company_id, stage, error_kind, error_group, day
)
INSERT INTO livedash.session_failure_count AS count
    (company_id, stage, error_kind, error_group, sessions, first_seen_at, last_seen_at, days)
SELECT company_id, stage, error_kind, error_group, sum(sessions), min(first), max(last),
       coalesce(jsonb_object_agg(day, sessions) FILTER (WHERE day IS NOT NULL), '{}')
FROM of_day GROUP BY company_id, stage, error_kind, error_group
ORDER BY company_id, stage, error_kind, error_group
ON CONFLICT (company_id, stage, error_kind, error_group) DO UPDATE
SET sessions = count.sessions + excluded.sessions,
    first_seen_at = CASE WHEN count.sessions = 0 THEN excluded.first_seen_at
                         ELSE least(count.first_seen_at, excluded.first_seen_at) END,
    last_seen_at = greatest(count.last_seen_at, excluded.last_seen_at),
    days = CASE WHEN count.sessions = 0 THEN excluded.days ELSE (
        SELECT coalesce(jsonb_object_agg(day, sessions), '{}')
        FROM (
            SELECT key AS day, sum(CAST(value AS int8)) AS sessions
            FROM (SELECT * FROM jsonb_each_text(count.days) UNION ALL SELECT * FROM jsonb_each_text(excluded.days)) AS d
            WHERE CAST(key AS date) > CURRENT_DATE - 31
            GROUP BY key
        ) AS summed) END
