-- The status rows of a source after livedash-node's refactor.
SELECT chunk.id, status.stage, status.status, status."startedAt" AT TIME ZONE 'UTC' AS started_at,
       status."completedAt" AT TIME ZONE 'UTC' AS completed_at, nullif(status."errorMessage", '') AS error,
       coalesce(status."retryCount", 0) AS retries
FROM source.chunk AS chunk
JOIN source."SessionProcessingStatus" AS status ON status."sessionId" = chunk.session_id
