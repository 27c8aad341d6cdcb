-- Move the deltas into the failure counts. Rows that another fold has locked are skipped. An empty group is deleted,
-- so that its first_seen_at starts again if the failure comes back.
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
)
INSERT INTO livedash.session_failure_count AS count
    (company_id, stage, error_kind, error_group, sessions, first_seen_at, last_seen_at)
SELECT company_id, stage, error_kind, error_group, sum(sessions), min(seen_at), max(seen_at)
FROM moved GROUP BY company_id, stage, error_kind, error_group
ORDER BY company_id, stage, error_kind, error_group
ON CONFLICT (company_id, stage, error_kind, error_group) DO UPDATE
SET sessions = count.sessions + excluded.sessions,
    first_seen_at = CASE WHEN count.sessions = 0 THEN excluded.first_seen_at
                         ELSE least(count.first_seen_at, excluded.first_seen_at) END,
    last_seen_at = greatest(count.last_seen_at, excluded.last_seen_at)
