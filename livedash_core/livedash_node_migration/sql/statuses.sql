-- The status rows of the generation after the refactor.
SELECT chosen.id, status.stage, status.status, status."startedAt" AT TIME ZONE 'UTC' AS started_at,
       status."completedAt" AT TIME ZONE 'UTC' AS completed_at, nullif(status."errorMessage", '') AS error,
       coalesce(status."retryCount", 0) AS retries
FROM old.chosen AS chosen
JOIN old."SessionProcessingStatus" AS status ON status."sessionId" = chosen.session_id
